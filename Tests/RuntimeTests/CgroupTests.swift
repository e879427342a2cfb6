import Basics
import Glibc
import Kernel
import OCI
import Testing

@testable import Cgroups

/// The trees of this machine that the tests can use: the one containers use, and on a hybrid machine the v2 tree
/// beside it, which has no controllers but everything else.
enum TestTree: String, CaseIterable, Sendable {
    case host, unified

    static let usable: [TestTree] = getuid() == 0 ? allCases.filter { $0.mount != nil } : []
    private var mount: CgroupHost? {
        switch self {
        case .host: try? CgroupHost.detect()
        case .unified:
            Sys.exists("/sys/fs/cgroup/unified/cgroup.procs")
                ? CgroupHost(layout: .v2(mount: "/sys/fs/cgroup/unified")) : nil
        }
    }
    func host() throws -> CgroupHost { try #require(mount) }
    var isV1: Bool { (try? host())?.version == 1 }
}

/// A cgroup of a test's own, emptied and removed after it.
final class TestCgroup {
    static let parent = "/box-test-cgroups"
    let cgroup: any Cgroup
    private let host: CgroupHost
    init(_ tree: TestTree) throws {
        host = try tree.host()
        cgroup = try host.cgroup("\(Self.parent)-\(Identifier().short)/one")
        try cgroup.create()
    }
    deinit {
        try? cgroup.kill()
        try? cgroup.remove()
        try? host.removeIfEmpty(String(cgroup.path.dropLast(4)))
    }
}

/// A shell that does one thing after the other when told to.
final class TestShell: Sendable {
    let pid: Int32
    let pidfd: SharedDescriptor
    private let input: SharedDescriptor
    private let output: SharedDescriptor

    init(_ script: String) throws {
        var stdin = try Sys.pipe()
        var stdout = try Sys.pipe()
        let theirs = (SharedDescriptor(stdin.takeFirst()), SharedDescriptor(stdout.takeSecond()))
        input = SharedDescriptor(stdin.takeSecond())
        output = SharedDescriptor(stdout.takeFirst())
        let child = try Spawn(
            "/bin/sh", ["-c", script], environment: ["PATH=/usr/bin:/bin"],
            descriptors: [theirs.0.raw, theirs.1.raw, nil]
        ).start()
        pid = child.pid
        pidfd = SharedDescriptor(child.takePidfd())
    }
    func go() throws { try input.descriptor.writeAll("\n".utf8) }
    func answer() throws -> String { String(decoding: try output.descriptor.readAll(), as: UTF8.self) }
    /// Waits for the end.
    func exit() throws -> Int32? { try Processes.wait(pidfd.descriptor)?.code }
    deinit {
        _ = try? Processes.signal(pidfd.descriptor, SIGKILL)
        _ = try? Processes.wait(pidfd.descriptor)
    }
}

@Suite(.enabled(if: getuid() == 0, "needs root"))
struct CgroupConformanceTests {
    @Test(arguments: TestTree.usable) func life(_ tree: TestTree) throws {
        let test = try TestCgroup(tree)
        let cgroup = test.cgroup
        #expect(cgroup.exists)
        #expect(try cgroup.processes() == [])
        let shell = try TestShell("read x; sleep 100 & wait")
        try cgroup.add(shell.pid)
        #expect(try cgroup.processes() == [shell.pid])
        #expect(throws: CgroupError.self) { try cgroup.create() }
        #expect(throws: CgroupError.self) { try cgroup.remove() }
        try shell.go()
        while try cgroup.processes().count < 2 { usleep(1000) }
        try cgroup.kill()
        #expect(try cgroup.processes() == [])
        #expect(try shell.exit() == 137)
        try cgroup.remove()
        #expect(!cgroup.exists)
        #expect(try cgroup.processes() == [])
        #expect(cgroup.oomKills() == 0)
        try cgroup.remove()
        try cgroup.kill()
        try cgroup.create()
        try cgroup.create()
    }

    @Test func limitsOfOneThatIsGoneMakeNothing() throws {
        let cgroup = try TestCgroup(.host).cgroup
        #expect(!cgroup.exists)
        for limits in [LinuxResources(pids: LinuxPids(limit: 5)), LinuxResources(cpu: LinuxCPU(cpus: "0"))] {
            #expect(throws: CgroupError.self) { try cgroup.apply(limits) }
            #expect(!cgroup.exists)
        }
    }

    @Test(arguments: TestTree.usable) func freezing(_ tree: TestTree) throws {
        let test = try TestCgroup(tree)
        let shell = try TestShell("read x; exit 3")
        try test.cgroup.add(shell.pid)
        #expect(try !test.cgroup.isFrozen())
        try test.cgroup.freeze()
        #expect(try test.cgroup.isFrozen())
        #expect(throws: CgroupError.self) { try test.cgroup.create() }
        try shell.go()
        usleep(20000)
        let running = try Processes.wait(shell.pidfd.descriptor, block: false) == nil
        #expect(running)
        try test.cgroup.thaw()
        #expect(try !test.cgroup.isFrozen())
        #expect(try shell.exit() == 3)
    }

    @Test(arguments: TestTree.usable) func frozenOnesCanBeKilled(_ tree: TestTree) throws {
        let test = try TestCgroup(tree)
        let shell = try TestShell("read x")
        try test.cgroup.add(shell.pid)
        try test.cgroup.freeze()
        try test.cgroup.kill()
        #expect(try shell.exit() == 137)
    }

    @Test(arguments: TestTree.usable) func nestedOnesGoWithIt(_ tree: TestTree) throws {
        let test = try TestCgroup(tree)
        let below = try tree.host().cgroup(test.cgroup.path + "/a/b")
        try below.create()
        let shell = try TestShell("read x")
        try below.add(shell.pid)
        #expect(try test.cgroup.processes() == [shell.pid])
        try test.cgroup.kill()
        #expect(try shell.exit() == 137)
        try test.cgroup.remove()
        #expect(!below.exists)
    }

    @Test(arguments: TestTree.usable) func devices(_ tree: TestTree) throws {
        let test = try TestCgroup(tree)
        let deny = LinuxDeviceRule(allow: false)
        let null = LinuxDeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "rw")
        let zero = LinuxDeviceRule(allow: true, type: "c", major: 1, minor: 5, access: "r")
        let script = """
            read x; (: </dev/null) 2>&1 && echo null; (: >/dev/null) 2>&1 && echo null-write
            (: </dev/zero) && echo zero; (: >/dev/zero) && echo zero-write; (: </dev/full) && echo full
            """
        func seen(_ rules: [LinuxDeviceRule]) throws -> [Substring] {
            try test.cgroup.apply(LinuxResources(devices: rules))
            let shell = try TestShell(script)
            try test.cgroup.add(shell.pid)
            try shell.go()
            return try shell.answer().split(separator: "\n").filter { !$0.contains("sh:") }
        }
        #expect(try seen([deny, null, zero]) == ["null", "null-write", "zero"])
        #expect(try seen([deny, null]) == ["null", "null-write"])
        let rwm = LinuxDeviceRule(allow: true, type: "c", major: 1, access: "rwm")
        #expect(try seen([deny, rwm]) == ["null", "null-write", "zero", "zero-write", "full"])
        #expect(try seen([LinuxDeviceRule(allow: true)]) == ["null", "null-write", "zero", "zero-write", "full"])
        #expect(throws: CgroupError.self) {
            try test.cgroup.apply(LinuxResources(devices: [LinuxDeviceRule(allow: true, type: "x")]))
        }
    }

    /// Where the host's tree has the controllers.
    @Test func limits() throws {
        let test = try TestCgroup(.host)
        let host = try TestTree.host.host()
        let mega: Int64 = 1 << 20
        var resources = LinuxResources(
            memory: LinuxMemory(limit: 64 * mega, reservation: 32 * mega),
            cpu: LinuxCPU(shares: 512, quota: 50000, period: 100_000, cpus: "0", mems: "0"), pids: LinuxPids(limit: 50))
        if host.limitsSwap { resources.memory?.swap = 64 * mega }
        try test.cgroup.apply(resources)
        let shell = try TestShell("read x; x=$(head -c 1000000 /dev/zero | tr '\\0' x); read x")
        try test.cgroup.add(shell.pid)
        try shell.go()
        usleep(200_000)
        let now = try test.cgroup.statistics()
        #expect(now.memory?.limit == UInt64(64 * mega))
        #expect(now.memory?.usage ?? 0 > 0)
        #expect(
            now.pids
                == {
                    var p = CgroupStatistics.Pids(); p.current = 1; p.limit = 50; return p
                }())
        #expect(now.cpu?.total ?? 0 > 0)
        // Up and down again while it runs.
        for limit in [256 * mega, 32 * mega, -1] {
            try test.cgroup.apply(
                LinuxResources(memory: LinuxMemory(limit: limit, swap: host.limitsSwap ? limit : nil)))
            #expect(try test.cgroup.statistics().memory?.limit == (limit < 0 ? nil : UInt64(limit)))
        }
        try test.cgroup.apply(LinuxResources(pids: LinuxPids(limit: -1)))
        #expect(try test.cgroup.statistics().pids?.limit == nil)
        #expect(try Sys.readText("/proc/\(shell.pid)/status").contains("Cpus_allowed_list:\t0\n"))
    }

    @Test func memoryShortageIsCounted() throws {
        let test = try TestCgroup(.host)
        let host = try TestTree.host.host()
        let limit: Int64 = 16 << 20
        try test.cgroup.apply(LinuxResources(memory: LinuxMemory(limit: limit, swap: host.limitsSwap ? limit : nil)))
        let shell = try TestShell("read x; x=$(head -c 50000000 /dev/zero | tr '\\0' x); echo $?")
        try test.cgroup.add(shell.pid)
        try shell.go()
        #expect(try shell.exit() == 137)
        #expect(test.cgroup.oomKills() >= 1)
        #expect(try test.cgroup.statistics().oomKills >= 1)
    }

    @Test func whatTheMachineCannotDoIsRefusedByName() throws {
        let test = try TestCgroup(.host)
        let error = #expect(throws: CgroupError.self) {
            try test.cgroup.apply(LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "3MB", limit: 0)]))
        }
        #expect(error?.description.contains("hugetlb") == true)
        if TestTree.host.isV1 {
            #expect(throws: CgroupError.self) { try test.cgroup.apply(LinuxResources(unified: ["memory.high": "1"])) }
        }
    }

    /// On v1 it is the calling thread that joins; it ends after.
    @Test(.enabled(if: TestTree.host.isV1, "moves the whole process on v2")) func joining() throws {
        // Written by the one thread, read when that has ended.
        final class Work: @unchecked Sendable {
            let cgroup: any Cgroup
            var seen = ""
            init(_ cgroup: any Cgroup) { self.cgroup = cgroup }
        }
        let test = try TestCgroup(.host)
        let work = Work(test.cgroup)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(work).toOpaque()
        pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let work = Unmanaged<Work>.fromOpaque(raw).takeRetainedValue()
                try? work.cgroup.join()
                work.seen = (try? Sys.readText("/proc/thread-self/cgroup")) ?? ""
                return nil
            }, argument)
        pthread_join(thread, nil)
        let lines = work.seen.split(separator: "\n").filter { $0.hasSuffix(test.cgroup.path) }
        #expect(lines.count >= 6)
    }
}

@Suite struct CgroupUnitTests {
    @Test func layouts() throws {
        let v1 = """
            31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct
            35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw,relatime - cgroup cgroup rw,memory
            40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
            """
        #expect(
            try CgroupHost.parse(mountInfo: v1).layout
                == .v1([
                    .init(mount: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"]),
                    .init(mount: "/sys/fs/cgroup/mem ory", controllers: ["memory"]),
                ]))
        let v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        #expect(try CgroupHost.parse(mountInfo: v2).layout == .v2(mount: "/sys/fs/cgroup"))
        #expect(throws: CgroupError.self) { try CgroupHost.parse(mountInfo: "1 2 0:1 / / rw - ext4 /dev/vda rw\n") }
    }

    @Test func paths() throws {
        let host = CgroupHost(layout: .v2(mount: "/nowhere"))
        #expect(try host.cgroup("/box//a/").path == "/box/a")
        for bad in ["", "/", "box/a", "/box/../a", "/./", "/a\0b", "/" + String(repeating: "x", count: 300)] {
            #expect(throws: CgroupError.self) { try host.cgroup(bad) }
        }
    }

    @Test func sharesAsWeight() {
        #expect([2, 1024, 262_144].map(CgroupV2.weight(shares:)) == [1, 100, 10000])
        let all = (2...2048).map { CgroupV2.weight(shares: $0) }
        #expect(zip(all, all.dropFirst()).allSatisfy(<=))
    }

    /// Files as cgroup v2 has them, to see what is written where.
    @Test func limitsOnV2() throws {
        let mount = "/tmp/box-cgroup-test-\(Identifier().short)"
        defer { try? Sys.removeTree(mount) }
        let cgroup = CgroupV2(path: "/box/one", mount: mount)
        try Sys.makeDirectories(mount)
        try Sys.replaceFile("\(mount)/cgroup.controllers", "cpu memory pids\n".utf8)
        try Sys.replaceFile("\(mount)/cgroup.subtree_control", "".utf8)
        try cgroup.create()
        #expect(try Sys.readText("\(mount)/cgroup.subtree_control") == "+cpu +memory +pids")
        let names = [
            "memory.max", "memory.low", "memory.swap.max", "cpu.weight", "cpu.max", "pids.max", "io.weight", "io.max",
            "memory.high", "cpuset.cpus",
        ]
        for name in names { try Sys.replaceFile("\(mount)/box/one/\(name)", [UInt8]()) }
        try cgroup.apply(
            LinuxResources(
                memory: LinuxMemory(limit: 1000, reservation: -1, swap: 1500),
                cpu: LinuxCPU(shares: 1024, quota: 5000, period: 10000, cpus: "0-1"), pids: LinuxPids(limit: 0),
                blockIO: LinuxBlockIO(
                    weight: 1000, throttleReadBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 77)]),
                unified: ["memory.high": "900"]))
        let values = try names.map { try Sys.readText("\(mount)/box/one/\($0)") }
        #expect(
            values == ["1000", "max", "500", "100", "5000 10000", "0", "default 10000", "8:0 rbps=77", "900", "0-1"])
        #expect(throws: CgroupError.self) {
            try cgroup.apply(LinuxResources(memory: LinuxMemory(limit: 1000, swap: 500)))
        }
        #expect(throws: CgroupError.self) { try cgroup.apply(LinuxResources(memory: LinuxMemory(swappiness: 5))) }
        #expect(throws: CgroupError.self) { try cgroup.apply(LinuxResources(unified: ["../x": "1"])) }
        #expect(throws: CgroupError.self) { try cgroup.apply(LinuxResources(unified: ["rdma.max": "1"])) }
    }

    /// Runs the few instructions that a device filter is made of.
    private func decide(_ filter: DeviceFilter, _ type: UInt32, _ access: UInt32, _ major: UInt32, _ minor: UInt32)
        -> Int
    {
        var registers = [UInt32](repeating: 0, count: 11)
        let context = [access << 16 | type, major, minor]
        let code = filter.program
        var index = 0
        while index < code.count {
            let word = code[index]
            let (target, source) = (Int(word >> 8 & 15), Int(word >> 12 & 15))
            let (offset, value) = (Int(Int16(truncatingIfNeeded: word >> 16)), UInt32(truncatingIfNeeded: word >> 32))
            index += 1
            switch word & 0xff {
            case 0x61: registers[target] = context[offset / 4]
            case 0xbc: registers[target] = registers[source]
            case 0xb4: registers[target] = value
            case 0x54: registers[target] &= value
            case 0x74: registers[target] >>= value
            case 0x16: if registers[target] == value { index += offset }
            case 0x56: if registers[target] != value { index += offset }
            case 0x95: return Int(registers[0])
            default: return -1
            }
        }
        return -1
    }

    @Test func deviceFilters() throws {
        let deny = LinuxDeviceRule(allow: false)
        let docker = try DeviceFilter([
            deny, LinuxDeviceRule(allow: true, type: "c", access: "m"),
            LinuxDeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "r"),
            LinuxDeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "w"),
            LinuxDeviceRule(allow: true, type: "b", major: 8, access: "rwm"),
        ])
        #expect(decide(docker, 2, 6, 1, 3) == 1)
        #expect(decide(docker, 2, 1, 99, 99) == 1)
        #expect(decide(docker, 2, 7, 1, 3) == 0)
        #expect(decide(docker, 1, 7, 8, 200) == 1)
        #expect(decide(docker, 1, 2, 9, 0) == 0)
        #expect(decide(docker, 2, 2, 10, 229) == 0)
        let open = try DeviceFilter([
            LinuxDeviceRule(allow: true), LinuxDeviceRule(allow: false, type: "c", major: 10, minor: 229, access: "w"),
        ])
        #expect(decide(open, 2, 6, 10, 229) == 0)
        #expect(decide(open, 2, 2, 10, 229) == 1)
        #expect(decide(open, 1, 7, 10, 229) == 1)
        #expect(decide(try DeviceFilter([]), 2, 7, 1, 1) == 1)
        #expect(decide(try DeviceFilter([deny]), 2, 2, 1, 1) == 0)
    }
}
