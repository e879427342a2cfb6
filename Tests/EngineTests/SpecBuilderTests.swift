import APIModel
import Basics
import OCI
import Testing

@testable import Engine

@Suite struct SpecBuilderTests {
    func build(
        _ host: HostConfig = HostConfig(), _ config: ContainerConfig = ContainerConfig(),
        _ change: (inout SpecInput) -> Void = { _ in }
    ) throws -> RuntimeSpec {
        var config = config
        if config.cmd == nil { config.cmd = ["true"] }
        if config.hostname.isEmpty { config.hostname = "0123456789ab" }
        var input = SpecInput(
            config: config, hostConfig: host, rootPath: "/r", cgroupsPath: "/box/x",
            user: ResolvedUser(home: "/root"), host: .fake)
        change(&input)
        return try SpecBuilder.build(input)
    }

    func options(_ spec: RuntimeSpec, _ destination: String) -> [String]? {
        spec.mounts?.first { $0.destination == destination }?.options
    }

    @Test func usual() throws {
        let spec = try build()
        #expect(spec.process?.args == ["true"])
        #expect(spec.process?.cwd == "/")
        #expect(spec.process?.env?.contains("HOSTNAME=0123456789ab") == true)
        #expect(spec.process?.env?.contains("HOME=/root") == true)
        #expect(spec.process?.capabilities?.effective?.count == 14)
        #expect(spec.process?.capabilities?.inheritable == [])
        #expect(spec.process?.capabilities?.ambient == [])
        #expect(spec.hostname == "0123456789ab")
        #expect(
            spec.mounts?.map(\.destination) == [
                "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
            ])
        #expect(options(spec, "/sys")?.contains("ro") == true)
        #expect(options(spec, "/dev/shm")?.contains("size=67108864") == true)
        #expect(
            Set(spec.linux?.namespaces?.map(\.type) ?? []) == [.mount, .cgroup, .uts, .pid, .ipc, .network])
        #expect(spec.linux?.namespaces?.contains { $0.path != nil } == false)
        #expect(spec.linux?.maskedPaths?.contains("/sys/devices/system/cpu/cpu0/thermal_throttle") == true)
        #expect(
            spec.linux?.maskedPaths?.filter { !$0.hasPrefix("/sys/devices/system") }.sorted() == [
                "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                "/sys/devices/virtual/powercap", "/sys/firmware",
            ])
        #expect(spec.linux?.resources?.devices?.first == LinuxDeviceRule(allow: false, access: "rwm"))
        #expect(spec.linux?.resources?.memory == nil)
        #expect(spec.linux?.seccomp == nil)
    }

    @Test func privileged() throws {
        let spec = try build(
            HostConfig {
                $0.privileged = true
                $0.capDrop = ["SYS_ADMIN"]
            })
        #expect(spec.process?.capabilities?.bounding?.count == 39)
        #expect(spec.process?.capabilities?.bounding?.contains("CAP_SYS_RESOURCE") == false)
        #expect(spec.linux?.maskedPaths == [])
        #expect(spec.linux?.readonlyPaths == [])
        #expect(options(spec, "/sys")?.contains("rw") == true)
        #expect(options(spec, "/sys/fs/cgroup")?.contains("rw") == true)
        #expect(spec.linux?.devices?.map(\.path) == ["/dev/snd/a", "/dev/snd/b", "/dev/vda"])
        #expect(spec.linux?.resources?.devices == [LinuxDeviceRule(allow: true, access: "rwm")])
    }

    @Test(
        arguments: [
            ([], [], false, 14), (["ALL"], [], false, 40), ([], ["ALL"], false, 0),
            (["cap_net_admin"], ["ALL"], false, 1),
            (["NET_ADMIN"], ["CHOWN"], false, 14), (["ALL"], ["CAP_CHOWN"], false, 39), (["ALL"], ["ALL"], false, 40),
            ([], [], true, 40), (["CHOWN"], ["CHOWN"], false, 14),
        ] as [([String], [String], Bool, Int)])
    func capabilities(add: [String], drop: [String], privileged: Bool, count: Int) throws {
        let set = try CapabilitySet.ofContainer(
            add: add, drop: drop, privileged: privileged, bounding: HostFacts.fake.bounding)
        #expect(set.names.count == count)
    }

    @Test func ordinaryUser() throws {
        let spec = try build(HostConfig(), ContainerConfig()) {
            $0.user = ResolvedUser(uid: 5, gid: 6, additionalGids: [6])
        }
        #expect(spec.process?.user == UserSpec(uid: 5, gid: 6, additionalGids: [6]))
        #expect(spec.process?.capabilities?.bounding?.count == 14)
        #expect(spec.process?.capabilities?.effective == [])
        #expect(spec.process?.capabilities?.permitted == [])
    }

    @Test func sharedNamespaces() throws {
        let host = HostConfig {
            $0.pidMode = "host"
            $0.ipcMode = "host"
            $0.utsMode = "host"
            $0.networkMode = "host"
        }
        let spec = try build(host)
        #expect(Set(spec.linux?.namespaces?.map(\.type) ?? []) == [.mount, .cgroup])
        #expect(spec.hostname == nil)
        #expect(spec.linux?.sysctl == [:])
        #expect(spec.mounts?.first { $0.destination == "/dev/shm" }?.source == "/dev/shm")

        let other = HostConfig {
            $0.pidMode = "container:x"
            $0.ipcMode = "container:x"
            $0.networkMode = "container:x"
        }
        #expect(refusal { _ = try build(other) { $0.sharedShm = "/shm" } }?.contains("not running") == true)
        let joined = try build(other) {
            $0.joined = SpecInput.Joined(pid: "/proc/7/ns/pid", ipc: "/proc/7/ns/ipc", network: "/proc/7/ns/net")
            $0.sharedShm = "/shm"
        }
        #expect(joined.linux?.namespaces?.compactMap(\.path).count == 3)
        #expect(joined.mounts?.first { $0.destination == "/dev/shm" }?.source == "/shm")
        #expect(try NamespaceModes(other).sharedContainers == ["x"])
        #expect(try options(build(HostConfig { $0.ipcMode = "shareable" }), "/dev/shm")?.contains("mode=1777") == true)
        let alone = refusal {
            _ = try build(HostConfig { $0.ipcMode = "container:x" }) { $0.joined.ipc = "/proc/7/ns/ipc" }
        }
        #expect(alone?.hasPrefix("--ipc container:x is not supported") == true)
        #expect(try !build(HostConfig { $0.ipcMode = "none" }).mounts!.contains { $0.destination == "/dev/shm" })
    }

    @Test func theUsersMountsTakeThePlaceOfOurs() throws {
        func bound(_ destination: String, _ change: (inout PlannedMount) -> Void = { _ in }) -> SpecInput.Bound {
            var mount = PlannedMount(kind: .bind, source: "/s", destination: destination, propagation: "rprivate")
            change(&mount)
            return SpecInput.Bound(mount, hostPath: "/s")
        }
        let files = SpecInput.Files(hosts: "/f/hosts", hostname: "/f/hostname", resolver: "/f/resolv")
        let spec = try build {
            $0.files = files
            $0.mounts = [bound("/dev/shm"), bound("/etc/hosts"), bound("/etc") { $0.readOnly = true }]
        }
        #expect(spec.mounts?.filter { $0.destination == "/dev/shm" }.map(\.source) == ["/s"])
        #expect(spec.mounts?.filter { $0.destination == "/etc/hosts" }.map(\.source) == ["/s"])
        #expect(
            spec.mounts?.map(\.destination).suffix(5) == [
                "/etc", "/dev/shm", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
            ])
        #expect(options(spec, "/etc") == ["rbind", "rprivate", "ro", "rro"])
        #expect(spec.linux?.rootfsPropagation == nil)

        let device = try build { $0.mounts = [bound("/dev") { $0.propagation = "rslave" }] }
        #expect(device.mounts?.map(\.destination) == ["/proc", "/sys", "/sys/fs/cgroup", "/dev"])
        #expect(device.linux?.rootfsPropagation == "slave")

        let volume = try build {
            $0.mounts = [
                SpecInput.Bound(
                    PlannedMount(kind: .volume, source: "v", destination: "/v", readOnly: true), hostPath: "/data/v")
            ]
        }
        #expect(options(volume, "/v") == ["bind", "rprivate", "ro"])
    }

    @Test func limits() throws {
        func limits(_ change: (inout ContainerResources) -> Void) throws -> LinuxResources {
            var resources = ContainerResources()
            change(&resources)
            return try ResourcesSpec.limits(resources, FakeDevices())
        }
        #expect(try limits { _ in } == LinuxResources())
        #expect(try limits { $0.nanoCpus = 1_500_000_000 }.cpu == LinuxCPU(quota: 150_000, period: 100_000))
        #expect(try limits { $0.nanoCpus = 10_000_000 }.cpu?.quota == 1000)
        #expect(try limits { $0.nanoCpus = 8192 * 1_000_000_000 }.cpu?.quota == 819_200_000)
        #expect(try limits { $0.memory = 64 << 20 }.memory == LinuxMemory(limit: 64 << 20, swap: 128 << 20))
        #expect(try limits { $0.memory = .max }.memory?.swap == -1)
        #expect(
            try limits {
                $0.memory = 64 << 20
                $0.memorySwap = -1
            }.memory?.swap == -1)
        #expect(try limits { $0.pidsLimit = 0 }.pids == LinuxPids(limit: -1))
        #expect(try limits { $0.pidsLimit = 7 }.pids == LinuxPids(limit: 7))
        #expect(try limits { $0.memorySwappiness = -1 }.memory == nil)
        #expect(
            try limits { $0.blkioDeviceReadBps = [ThrottleDevice(path: "/dev/vda", rate: 9)] }.blockIO?
                .throttleReadBpsDevice == [LinuxThrottleDevice(major: 254, minor: 0, rate: 9)])
        #expect(
            refusal { _ = try limits { $0.blkioDeviceReadBps = [ThrottleDevice(path: "/dev/no", rate: 9)] } }?
                .hasPrefix("--device-read-bps") == true)
    }

    @Test func devices() throws {
        func devices(_ mapping: DeviceMapping) throws -> (devices: [LinuxDevice], rules: [LinuxDeviceRule]) {
            var host = HostConfig()
            host.resources.devices = [mapping]
            return try DeviceSpec.specification(host, FakeDevices())
        }
        let one = try devices(
            DeviceMapping(pathOnHost: "/dev/vda", pathInContainer: "/dev/disk", cgroupPermissions: "r"))
        #expect(one.devices.map(\.path) == ["/dev/disk"])
        #expect(one.rules.last == LinuxDeviceRule(allow: true, type: "b", major: 254, minor: 0, access: "r"))
        let all = try devices(DeviceMapping(pathOnHost: "/dev/snd", pathInContainer: "/dev/sound"))
        #expect(all.devices.map(\.path) == ["/dev/sound/a", "/dev/sound/b"])
        for path in ["/dev/no", "null", ""] {
            #expect(refusal { _ = try devices(DeviceMapping(pathOnHost: path)) } != nil)
        }
        #expect(try DeviceSpec.rule("c 13:* rw") == LinuxDeviceRule(allow: true, type: "c", major: 13, access: "rw"))
        for rule in ["", "c", "x 1:1 r", "c 1 r", "c 1:1 z", "c 1:1 rr", "c 1:1 r w", "c -1:1 r", "c 1:1  r"] {
            #expect(refusal { _ = try DeviceSpec.rule(rule) } != nil, "\(rule)")
        }
    }

    @Test func devicesOfThisMachine() throws {
        let directory = DeviceDirectory()
        let null = try directory.find("/dev/null")
        #expect(null.map(\.path) == ["/dev/null"])
        #expect(null.first?.major == 1 && null.first?.minor == 3)
        #expect(try directory.find("/dev").contains { $0.path == "/dev/zero" })
        #expect(refusal { _ = try directory.find("/etc/hostname") } != nil)
        let facts = try HostFacts.current()
        #expect(!facts.cpus.isEmpty && !facts.hostname.isEmpty)
    }

    @Test func hostnames() throws {
        func name(_ own: String, _ change: (inout HostConfig) -> Void) throws -> String {
            SpecBuilder.hostname(
                ContainerConfig(hostname: own), try NamespaceModes(HostConfig(change)), shortID: "id", .fake)
        }
        #expect(try name("x") { $0.networkMode = "host" } == "x")
        #expect(try name("") { $0.networkMode = "host" } == "metal")
        #expect(try name("") { $0.utsMode = "host" } == "metal")
        #expect(try name("") { _ in } == "id")
    }

    @Test func hostFiles() throws {
        func files(
            _ network: NamespaceModes.Network, addresses: [IPAddress] = [], nameServer: Bool = false,
            _ change: (inout HostConfig) -> Void = { _ in }
        ) throws -> HostFiles {
            try HostFiles(
                HostConfig(change), hostname: "box", domainname: nameServer ? "lan" : "", network: network,
                addresses: addresses, nameServer: nameServer, gateway: IPAddress("172.30.0.1"),
                hostHosts: "127.0.0.1 localhost\n10.0.0.1 metal\n",
                hostResolver: """
                    # made by something
                    nameserver 127.0.0.53
                    nameserver 10.0.0.2
                    nameserver fe80::1%eth0
                    nameserver bogus
                    search lan  corp
                    options edns0

                    """)
        }
        let own = try files(.none)
        #expect(own.hostname == "box\n")
        #expect(own.hosts.hasPrefix("127.0.0.1\tlocalhost\n::1\tlocalhost"))
        #expect(!own.hosts.contains("metal"))
        #expect(own.hosts.hasSuffix("127.0.0.1\tbox\n"))
        #expect(own.resolver == "nameserver 10.0.0.2\nnameserver fe80::1%eth0\nsearch lan corp\noptions edns0\n")
        let host = try files(.host)
        #expect(host.hosts == "127.0.0.1 localhost\n10.0.0.1 metal\n")
        #expect(host.resolver.hasPrefix("nameserver 127.0.0.53\n"))
        let changed = try files(.none) {
            $0.dns = ["127.0.0.1"]
            $0.dnsSearch = ["."]
            $0.dnsOptions = ["ndots:2"]
            $0.extraHosts = ["db:10.1.2.3", "six=[::1]", "v6:fe80::2"]
        }
        #expect(changed.resolver == "nameserver 127.0.0.1\noptions ndots:2\n")
        #expect(changed.hosts.hasSuffix("10.1.2.3\tdb\n::1\tsix\nfe80::2\tv6\n"))

        let bridged = try files(.network("bridge"), addresses: [IPAddress("172.30.0.2")].compactMap { $0 }) {
            $0.extraHosts = ["host:host-gateway"]
        }
        #expect(bridged.hosts.hasSuffix("172.30.0.2\tbox\n172.30.0.1\thost\n"))
        #expect(bridged.resolver == own.resolver)
        let named = try files(
            .network("web"), addresses: ["10.0.0.2", "fd00::2"].compactMap { IPAddress($0) }, nameServer: true)
        #expect(named.hosts.hasSuffix("10.0.0.2\tbox.lan box\nfd00::2\tbox.lan box\n"))
        #expect(named.resolver == "nameserver 127.0.0.11\nsearch lan corp\noptions edns0 ndots:0\n")
        let asked = try files(.network("web"), nameServer: true) {
            $0.dns = ["10.0.0.9"]
            $0.dnsOptions = ["ndots:2"]
            $0.dnsSearch = ["."]
        }
        #expect(asked.resolver == "nameserver 127.0.0.11\noptions ndots:2\n")
        #expect(HostFiles.needsHost(hostResolver: "nameserver 127.0.0.53\nsearch x\nnameserver ::1\n"))
        #expect(!HostFiles.needsHost(hostResolver: "") && !HostFiles.needsHost(hostResolver: "nameserver 10.0.0.2\n"))
        let resolvers = "nameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver x\n"
        #expect(
            HostFiles.upstreams(HostConfig(), hostResolver: resolvers).map(\.description) == ["127.0.0.53", "10.0.0.2"])
        #expect(
            HostFiles.upstreams(HostConfig { $0.dns = ["10.0.0.9"] }, hostResolver: resolvers) == [
                IPAddress("10.0.0.9")
            ])
    }

    @Test func security() throws {
        func options(_ list: [String], privileged: Bool = false) throws -> SecurityOptions {
            try SecurityOptions(
                HostConfig {
                    $0.securityOpt = list
                    $0.privileged = privileged
                })
        }
        #expect(try options([]).seccomp == .standard)
        #expect(try options([], privileged: true).seccomp == .unconfined)
        #expect(try options(["seccomp=unconfined", "no-new-privileges"]).seccomp == .unconfined)
        #expect(try options(["seccomp:unconfined"]).seccomp == .unconfined)
        #expect(try options(["no-new-privileges:true"]).noNewPrivileges)
        #expect(try !options(["no-new-privileges=false"]).noNewPrivileges)
        #expect(try options([#"seccomp={"a":"b=c"}"#]).seccomp == .profile(#"{"a":"b=c"}"#))
        #expect(try build(HostConfig { $0.securityOpt = ["no-new-privileges"] }).process?.noNewPrivileges == true)
    }

    @Test func furtherProcesses() throws {
        let config = ContainerConfig(user: "app", env: ["A=1", "HOME=/set"], workingDir: "/srv")
        let user = ResolvedUser(uid: 5, gid: 5, additionalGids: [5], home: "/home/app")
        func process(_ request: ExecCreateRequest, _ host: HostConfig = HostConfig()) throws -> ProcessSpec {
            try ExecSpec.process(request, config, host, user: user, facts: .fake)
        }
        let plain = try process(ExecCreateRequest(command: ["id"]))
        #expect(plain.cwd == "/srv" && plain.terminal == false && plain.args == ["id"])
        #expect(plain.env?.contains("HOME=/set") == true)
        #expect(plain.capabilities?.bounding?.count == 14)
        let more = try process(
            ExecCreateRequest(
                consoleSize: [24, 80], tty: true, environment: ["A=2", "B"], command: ["id"], privileged: true,
                workingDirectory: "/x/../y"))
        #expect(more.cwd == "/y" && more.consoleSize == ConsoleSize(height: 24, width: 80))
        #expect(more.env?.contains("A=2") == true && more.env?.contains("TERM=xterm") == true)
        #expect(more.capabilities?.bounding?.count == 40 && more.capabilities?.effective == [])
        #expect(ExecSpec.user(ExecCreateRequest(user: "u"), config) == "u")
        #expect(ExecSpec.user(ExecCreateRequest(), config) == "app")
        for wrong in [
            ExecCreateRequest(), ExecCreateRequest(command: ["a\0"]),
            ExecCreateRequest(command: ["a"], workingDirectory: "rel"),
            ExecCreateRequest(environment: ["=x"], command: ["a"]),
        ] {
            #expect(refusal { _ = try process(wrong) } != nil)
        }
    }

    @Test func healthChecks() {
        func command(_ test: [String]?, shell: [String]? = nil) -> [String]? {
            ExecSpec.healthCheck(ContainerConfig(healthcheck: HealthConfig(test: test), shell: shell))?.command
        }
        #expect(command(["CMD", "a", "b"]) == ["a", "b"])
        #expect(command(["CMD-SHELL", "a b"]) == ["/bin/sh", "-c", "a b"])
        #expect(command(["CMD-SHELL", "a"], shell: ["/bin/bash", "-ec"]) == ["/bin/bash", "-ec", "a"])
        #expect(command(["NONE"]) == nil && command([]) == nil && command(nil) == nil)
    }

    @Test func logs() throws {
        #expect(try LogLimits(LogConfig()) == LogLimits())
        let limits = try LogLimits(LogConfig(type: "json-file", config: ["max-size": "1m", "max-file": "5"]))
        #expect(limits.maximumSize == 1 << 20 && limits.maximumFiles == 5)
    }
}
