import Glibc
import Kernel
import OCI
import Testing

@testable import Runtime

/// The parts of the runtime that need no container.
@Suite struct RuntimePartsTests {
    @Test func mountOptions() {
        var options = MountOptions([
            "defaults", "ro", "nosuid", "suid", "noexec", "relatime", "size=1m", "newinstance", "a=b=c",
        ])
        #expect(options.own.set == [.readOnly, .noExec])
        #expect(options.own.clear == [.noSuid, .accessTimeMask])
        #expect(options.parameters.map(\.text) == ["size=1m", "newinstance", "a=b=c"])
        options = MountOptions(["rro", "rnoatime", "rbind", "rslave", "shared", "rw"])
        #expect(options.recursive.set == [.readOnly, .noAccessTime])
        #expect(options.own.clear == [.readOnly])
        #expect(options.isBind && options.isRecursiveBind)
        #expect(options.propagation == [.init(kind: .slave, recursive: true), .init(kind: .shared, recursive: false)])
        options = MountOptions(["noatime", "strictatime", "nodiratime"])
        #expect(options.own.set == [.strictAccessTime, .noDirectoryAccessTime])
        // All that the specification demands is known as an option, and none falls through to the file system.
        let required =
            "async atime bind defaults dev diratime dirsync exec lazytime loud noatime nodev nodiratime noexec noiversion "
            + "nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave "
            + "runbindable rw shared silent slave strictatime suid sync unbindable nosymfollow symfollow tmpcopyup"
        for name in required.split(separator: " ").map(String.init) {
            #expect(MountOptions.known.contains(name), "\(name)")
            let asked = ["dirsync", "lazytime", "sync"].contains(name) ? 1 : 0
            #expect(MountOptions([name]).parameters.count == asked, "\(name)")
        }
    }

    @Test func capabilities() {
        let sets = CapabilitySets(
            bounding: ["CAP_KILL", "CAP_SYS_RESOURCE"], effective: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_KILL"],
            permitted: ["CAP_KILL", "CAP_NOTHING"], ambient: ["CAP_KILL", "CAP_CHOWN"])
        let plan = CapabilityPlan(sets, available: [CapabilityMask(number: 5), CapabilityMask(number: 0)])
        let kill = CapabilityMask(number: 5)
        #expect(plan.bounding == kill && plan.effective == kill && plan.permitted == kill)
        #expect(plan.inheritable == kill && plan.ambient == kill)
        #expect(
            plan.warnings == [
                "unknown capability CAP_NOTHING is not given",
                "not given, because this host does not grant them: CAP_SYS_RESOURCE",
            ])
        #expect(CapabilityPlan(nil, available: kill).permitted.isEmpty)
        #expect(CapabilityMask.names.count == 41)
    }

    @Test func messages() {
        let error = RuntimeError(.exec, "exec: \"x\": permission denied", errno: EACCES, exitCode: 126)
        for message: LaunchMessage in [
            .cgroup("/box/a"), .warning("careful"), .terminal, .hooks, .held, .executing, .failed(error), .proceed,
            .unfit, .mounts, .overlay,
        ] { #expect(LaunchMessage(message.bytes) == message) }
        #expect(LaunchMessage([]) == nil)
        #expect(LaunchMessage([7, 1]) == nil)
        #expect(LaunchMessage([7, 200, 1, 1]) == nil)
        #expect(LaunchMessage([99]) == nil)
        #expect(
            LaunchMessage.warning(String(repeating: "x", count: 100_000)).bytes.count == LaunchMessage.maximumLength)
    }

    @Test func kernelParameters() throws {
        let own = try NamespacePlan([.init(type: .mount), .init(type: .network), .init(type: .ipc)])
        #expect(
            try KernelParameters.path(of: "net.ipv4.conf.eth0/1.forwarding", own)
                == "sys/net/ipv4/conf/eth0.1/forwarding")
        #expect(
            try KernelParameters.path(of: "net/ipv4/conf/eth0.1/forwarding", own)
                == "sys/net/ipv4/conf/eth0.1/forwarding")
        #expect(try KernelParameters.path(of: "fs.mqueue.msg_max", own) == "sys/fs/mqueue/msg_max")
        let shared = try NamespacePlan([.init(type: .mount)])
        for name in [
            "net.ipv4.ip_forward", "kernel.shmmax", "kernel.hostname", "kernel.panic", "net..x", "net/../x", "",
        ] {
            #expect(throws: RuntimeError.self, "\(name)") { try KernelParameters.path(of: name, shared) }
        }
    }

    @Test func namespaces() throws {
        #expect(throws: RuntimeError.self) { try NamespacePlan([.init(type: .pid)]) }
        #expect(throws: RuntimeError.self) { try NamespacePlan([.init(type: .mount), .init(type: .mount)]) }
        #expect(throws: RuntimeError.self) { try NamespacePlan([.init(type: .mount, path: "ns/mnt")]) }
        #expect(try NamespacePlan([.init(type: .mount)]).pid == .inherit)
        #expect(try NamespacePlan([.init(type: .mount), .init(type: .pid)]).pid == .new)
        #expect(try NamespacePlan([.init(type: .mount), .init(type: .pid, path: "/x")]).pid == .path("/x"))
    }

    @Test func affinity() {
        #expect(Affinity.parse("0-2,9").map { Array($0.prefix(2)) } == [7, 2])
        #expect(Affinity.parse("8191")?.last == 128)
        for text in ["", "a", "1-", "-1", "3-1", "8192", "1,,2", "1-2-3"] {
            #expect(Affinity.parse(text) == nil, "\(text)")
        }
    }

    @Test func signals() throws {
        for (text, number) in [("TERM", 15), ("sigkill", 9), ("0", 0), ("64", 64), ("RTMIN+1", 35), ("SIGRTMAX-1", 63)]
        {
            #expect(try SignalName.number(text) == Int32(number))
        }
        for text in ["", "65", "-1", "SIG", "NOPE", "RTMIN+99"] {
            #expect(throws: RuntimeError.self) { try SignalName.number(text) }
        }
    }

    @Test func cgroupPaths() throws {
        #expect(try ContainerCgroup.path("/box/a", id: "x") == "/box/a")
        #expect(try ContainerCgroup.path("a", id: "x") == "/box-runtime/a")
        #expect(try ContainerCgroup.path(nil, id: "x") == "/box-runtime/x")
        #expect(throws: RuntimeError.self) { try ContainerCgroup.path("system.slice:box:x", id: "x") }
    }

    @Test func deviceRules() {
        let denied = LinuxResources(devices: [LinuxDeviceRule(allow: false, access: "rwm")])
        let rules =
            DeviceNodes.allowing([.init(type: "u", path: "/dev/x", major: 9, minor: 8)], in: denied)?.devices ?? []
        #expect(rules.first?.allow == false)
        #expect(rules.contains(LinuxDeviceRule(allow: true, type: "c", major: 9, minor: 8, access: "rwm")))
        #expect(rules.contains(LinuxDeviceRule(allow: true, type: "c", major: 136, access: "rwm")))
        #expect(DeviceNodes.allowing(nil, in: nil) == nil)
        #expect(DeviceNodes.allowing(nil, in: LinuxResources())?.devices == nil)
    }

    @Test func mountTable() {
        #expect(MountTable.unescape("/a\\040b\\134c\\") == "/a b\\c\\")
    }

    @Test func brokenConfigurations() {
        for text in [
            "", "[]", "{}", "{\"ociVersion\":1}", "{\"ociVersion\":\"1.0\",\"mounts\":{}}",
            String(repeating: "[", count: 5000),
        ] {
            #expect(throws: RuntimeError.self) {
                let _: RuntimeSpec = try ContainerConfig.decode(Array(text.utf8), "config.json")
            }
        }
    }
}
