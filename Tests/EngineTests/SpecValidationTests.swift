import APIModel
import Testing

@testable import Engine

@Suite struct SpecValidationTests {
    /// What is wrong with a request, and how its refusal begins.
    struct Row: Sendable, CustomTestStringConvertible {
        let text: String
        let change: @Sendable (inout ContainerCreateRequest) -> Void
        var testDescription: String { text }

        init(_ text: String, _ change: @escaping @Sendable (inout ContainerCreateRequest) -> Void) {
            self.text = text
            self.change = change
        }
    }

    func refused(_ change: (inout ContainerCreateRequest) -> Void) -> String? {
        var request = ContainerCreateRequest()
        change(&request)
        return refusal {
            try Validation.checkRequest(request, .fake)
            try Validation.checkMerged(request.config)
        }
    }

    @Test func whatClientsSendAnyway() {
        #expect(refused { _ in } == nil)
        #expect(
            refused {
                $0.hostConfig.networkMode = "default"
                $0.networkingConfig.endpointsConfig = ["default": EndpointSettings()]
                $0.hostConfig.resources.memorySwappiness = -1
                $0.hostConfig.resources.oomKillDisable = false
                $0.hostConfig.resources.pidsLimit = 0
                $0.hostConfig.portBindings = [
                    "80/tcp": nil, "81/tcp": [], "82": [PortBinding(hostIP: "127.0.0.1", hostPort: "8000-8010")],
                ]
                $0.hostConfig.extraHosts = ["host:host-gateway"]
                $0.hostConfig.consoleSize = [0, 0]
                $0.hostConfig.restartPolicy.name = "no"
                $0.hostConfig.autoRemove = true
            } == nil)
        #expect(
            refused {
                $0.hostConfig.networkMode = "none"
                $0.networkingConfig.endpointsConfig = ["none": nil]
            } == nil)
    }

    /// Nothing of these is quietly left out.
    @Test(
        arguments: [
            Row("--link", { $0.hostConfig.links = ["a:b"] }),
            Row("--link", { $0.networkingConfig.endpointsConfig = ["web": EndpointSettings(links: ["a"])] }),
            Row("--driver-opt") {
                $0.networkingConfig.endpointsConfig = ["web": EndpointSettings(driverOptions: ["a": "b"])]
            },
            Row("--link-local-ip") {
                $0.networkingConfig.endpointsConfig = [
                    "web": EndpointSettings(ipamConfig: EndpointIPAMConfig(linkLocalIPs: ["169.254.1.1"]))
                ]
            },
            Row("gw-priority", { $0.networkingConfig.endpointsConfig = ["web": EndpointSettings(gatewayPriority: 1)] }),
            Row("--cgroupns host", { $0.hostConfig.cgroupnsMode = "host" }),
            Row("--userns keep", { $0.hostConfig.usernsMode = "keep" }),
            Row("--runtime", { $0.hostConfig.runtime = "runsc" }),
            Row("--isolation", { $0.hostConfig.isolation = "hyperv" }),
            Row("--storage-opt", { $0.hostConfig.storageOpt = ["size": "1G"] }),
            Row("--volume-driver", { $0.hostConfig.volumeDriver = "nfs" }),
            Row("--cgroup-parent", { $0.hostConfig.resources.cgroupParent = "/x" }),
            Row("--log-driver", { $0.hostConfig.logConfig.type = "syslog" }),
            Row("--log-opt", { $0.hostConfig.logConfig.config = ["compress": "true"] }),
            Row("--gpus", { $0.hostConfig.resources.deviceRequests = [DeviceRequest(count: -1)] }),
            Row(
                "--blkio-weight-device",
                { $0.hostConfig.resources.blkioWeightDevice = [WeightDevice(path: "/dev/vda")] }),
            Row("--kernel-memory", { $0.hostConfig.resources.kernelMemory = 1 << 30 }),
            Row("--cpu-rt-runtime", { $0.hostConfig.resources.cpuRealtimeRuntime = 1 }),
            Row("--cpu-count", { $0.hostConfig.resources.cpuCount = 1 }),
            Row("--security-opt apparmor", { $0.hostConfig.securityOpt = ["apparmor=mine"] }),
            Row("--security-opt label", { $0.hostConfig.securityOpt = ["label=type:x"] }),
        ])
    func unsupported(row: Row) {
        let message = refused(row.change)
        #expect(message?.hasPrefix(row.text) == true, "\(message ?? "accepted")")
        #expect(message?.contains("is not supported: ") == true)
    }

    @Test(
        arguments: [
            Row("Minimum memory limit allowed is 6MB", { $0.hostConfig.resources.memory = 1 << 20 }),
            Row(
                "Minimum memoryswap limit should be larger",
                {
                    $0.hostConfig.resources.memory = 64 << 20
                    $0.hostConfig.resources.memorySwap = 32 << 20
                }
            ),
            Row("You should always set the Memory limit", { $0.hostConfig.resources.memorySwap = 32 << 20 }),
            Row(
                "Minimum memory limit can not be less than memory reservation",
                {
                    $0.hostConfig.resources.memory = 16 << 20
                    $0.hostConfig.resources.memoryReservation = 32 << 20
                }
            ),
            Row("Invalid value: 101. Valid memory swappiness", { $0.hostConfig.resources.memorySwappiness = 101 }),
            Row(
                "range of CPUs is from 0.01 to 2.00, as there are only 2",
                { $0.hostConfig.resources.nanoCpus = 2_000_000_001 }
            ),
            Row("range of CPUs", { $0.hostConfig.resources.nanoCpus = 1 }),
            Row(
                "Conflicting options: Nano CPUs and CPU Period",
                {
                    $0.hostConfig.resources.nanoCpus = 1_000_000_000
                    $0.hostConfig.resources.cpuPeriod = 5000
                }
            ),
            Row("CPU cfs period", { $0.hostConfig.resources.cpuPeriod = 10 }),
            Row("CPU cfs quota", { $0.hostConfig.resources.cpuQuota = 10 }),
            Row("--cpu-shares", { $0.hostConfig.resources.cpuShares = 1 }),
            Row(
                "Requested CPUs are not available - requested 1-2, available: 0,1",
                {
                    $0.hostConfig.resources.cpusetCpus = "1-2"
                }
            ),
            Row("Invalid value \"x\" for cpuset cpus", { $0.hostConfig.resources.cpusetCpus = "x" }),
            Row("Invalid value \"0-999999999\"", { $0.hostConfig.resources.cpusetCpus = "0-999999999" }),
            Row("Requested memory nodes", { $0.hostConfig.resources.cpusetMems = "3" }),
            Row("Range of blkio weight", { $0.hostConfig.resources.blkioWeight = 5 }),
            Row("--pids-limit", { $0.hostConfig.resources.pidsLimit = -7 }),
            Row("SHM size", { $0.hostConfig.shmSize = -1 }),
            Row("Invalid value 1001, range for oom score adj", { $0.hostConfig.oomScoreAdj = 1001 }),
            Row("invalid restart policy: unknown policy 'ever'", { $0.hostConfig.restartPolicy.name = "ever" }),
            Row(
                "invalid restart policy: maximum retry count can only",
                {
                    $0.hostConfig.restartPolicy = RestartPolicy(name: "always", maximumRetryCount: 3)
                }
            ),
            Row(
                "can't create 'AutoRemove' container with restart policy",
                {
                    $0.hostConfig.autoRemove = true
                    $0.hostConfig.restartPolicy.name = "always"
                }
            ),
            Row("the working directory \"tmp\" is invalid", { $0.config.workingDir = "tmp" }),
            Row("invalid hostname format", { $0.config.hostname = "a\nb" }),
            Row("invalid hostname format", { $0.config.hostname = String(repeating: "a", count: 65) }),
            Row("invalid hostname format", { $0.config.domainname = "-x" }),
            Row(
                "conflicting options: hostname and the network mode",
                {
                    $0.config.hostname = "x"
                    $0.hostConfig.networkMode = "container:y"
                }
            ),
            Row(
                "conflicting options: hostname and the UTS mode",
                {
                    $0.config.hostname = "x"
                    $0.hostConfig.utsMode = "host"
                }
            ),
            Row(
                "conflicting options: dns",
                {
                    $0.hostConfig.dns = ["1.1.1.1"]
                    $0.hostConfig.networkMode = "container:y"
                }
            ),
            Row("conflicting options: port publishing") {
                $0.hostConfig.publishAllPorts = true
                $0.hostConfig.networkMode = "container:y"
            },
            Row("container sharing network namespace with another container or host") {
                $0.hostConfig.networkMode = "host"
                $0.networkingConfig.endpointsConfig = ["host": nil, "web": nil]
            },
            Row("container cannot be connected to multiple networks") {
                $0.hostConfig.networkMode = "none"
                $0.networkingConfig.endpointsConfig = ["web": nil]
            },
            Row("invalid IPv4 address: \"fd00::1\"") {
                $0.hostConfig.networkMode = "web"
                $0.networkingConfig.endpointsConfig = [
                    "web": EndpointSettings(ipamConfig: EndpointIPAMConfig(ipv4Address: "fd00::1"))
                ]
            },
            Row("invalid MAC address", { $0.config.macAddress = "01:00:00:00:00:01" }),
            Row("the container-wide MAC address must match") {
                $0.config.macAddress = "02:00:00:00:00:01"
                $0.networkingConfig.endpointsConfig = ["default": EndpointSettings(macAddress: "02:00:00:00:00:02")]
            },
            Row("conflicting options: addresses and aliases need a network") {
                $0.hostConfig.networkMode = "none"
                $0.config.macAddress = "02:00:00:00:00:01"
            },
            Row("network-scoped aliases are only supported for user-defined networks") {
                $0.networkingConfig.endpointsConfig = ["default": EndpointSettings(aliases: ["a"])]
            },
            Row("invalid IP address") {
                $0.hostConfig.portBindings = ["80/tcp": [PortBinding(hostIP: "x", hostPort: "80")]]
            },
            Row("invalid hostPort", { $0.hostConfig.portBindings = ["80/tcp": [PortBinding(hostPort: "99999")]] }),
            Row("invalid port specification", { $0.hostConfig.portBindings = ["0/tcp": []] }),
            Row("invalid port specification") { $0.hostConfig.portBindings = ["80-81/tcp": [PortBinding()]] },
            Row("conflicting options: --shm-size") {
                $0.hostConfig.shmSize = 1 << 20
                $0.hostConfig.ipcMode = "container:x"
            },
            Row("conflicting options: NetworkDisabled") {
                $0.config.networkDisabled = true
                $0.hostConfig.networkMode = "host"
            },
            Row("invalid PID mode: \"x\"", { $0.hostConfig.pidMode = "x" }),
            Row("invalid PID mode", { $0.hostConfig.pidMode = "container:" }),
            Row("invalid IPC mode", { $0.hostConfig.ipcMode = "x" }),
            Row("invalid UTS mode", { $0.hostConfig.utsMode = "container:x" }),
            Row("invalid cgroup namespace mode", { $0.hostConfig.cgroupnsMode = "x" }),
            Row("invalid container format", { $0.hostConfig.networkMode = "container:" }),
            Row("--cap-add: unknown capability: \"FLY\"", { $0.hostConfig.capAdd = ["FLY"] }),
            Row("--cap-drop: unknown capability", { $0.hostConfig.capDrop = ["CAP_"] }),
            Row("invalid CapAdd: CAP_SYS_RESOURCE", { $0.hostConfig.capAdd = ["sys_resource"] }),
            Row("invalid ulimit type: \"x\"", { $0.hostConfig.resources.ulimits = [Ulimit(name: "x")] }),
            Row(
                "ulimit nofile: soft limit must be less",
                {
                    $0.hostConfig.resources.ulimits = [Ulimit(name: "nofile", hard: 1, soft: 2)]
                }
            ),
            Row(
                "ulimit nofile: soft limit must be less",
                {
                    $0.hostConfig.resources.ulimits = [Ulimit(name: "nofile", hard: 1, soft: -1)]
                }
            ),
            Row(
                "ulimit nofile is given twice",
                {
                    $0.hostConfig.resources.ulimits = [Ulimit(name: "nofile"), Ulimit(name: "nofile")]
                }
            ),
            Row("invalid --security-opt", { $0.hostConfig.securityOpt = ["nonsense"] }),
            Row("invalid --security-opt", { $0.hostConfig.securityOpt = ["no-new-privileges=maybe"] }),
            Row("--security-opt seccomp", { $0.hostConfig.securityOpt = ["seccomp=/etc/profile.json"] }),
            Row("--log-opt max-size", { $0.hostConfig.logConfig.config = ["max-size": "big"] }),
            Row("--log-opt max-file", { $0.hostConfig.logConfig.config = ["max-file": "0"] }),
            Row("bad format for add-host", { $0.hostConfig.extraHosts = ["a"] }),
            Row("bad format for add-host", { $0.hostConfig.extraHosts = ["a\n1.2.3.4 evil:1.1.1.1"] }),
            Row("invalid IP address in add-host", { $0.hostConfig.extraHosts = ["a:1.2.3"] }),
            Row("bad parameters: --dns", { $0.hostConfig.dns = ["8.8.8.8\nnameserver 6.6.6.6"] }),
            Row("bad parameters: --dns-search", { $0.hostConfig.dnsSearch = ["a b"] }),
            Row("bad parameters: --dns-option", { $0.hostConfig.dnsOptions = ["x\ny"] }),
            Row("invalid device cgroup rule", { $0.hostConfig.resources.deviceCgroupRules = ["c 1:3"] }),
            Row(
                "--device: invalid device mode",
                {
                    $0.hostConfig.resources.devices = [DeviceMapping(pathOnHost: "/dev/null", cgroupPermissions: "x")]
                }
            ),
            Row("MaskedPaths", { $0.hostConfig.maskedPaths = ["relative"] }),
            Row("invalid environment variable: \"=x\"", { $0.config.env = ["=x"] }),
            Row("invalid environment variable", { $0.config.env = ["a=\0"] }),
            Row("the command has an argument with a zero byte", { $0.config.cmd = ["a\0b"] }),
            Row("invalid user", { $0.config.user = "a\nb" }),
            Row("--stop-timeout", { $0.config.stopTimeout = -2 }),
            Row("invalid port specification", { $0.config.exposedPorts = ["80/xyz": EmptyObject()] }),
            Row("invalid port specification", { $0.config.exposedPorts = ["99999/tcp": EmptyObject()] }),
            Row(
                "Interval in Healthcheck cannot be less than 1ms", { $0.config.healthcheck = HealthConfig(interval: 5) }
            ),
            Row("Retries in Healthcheck", { $0.config.healthcheck = HealthConfig(retries: -1) }),
            Row("Test in Healthcheck", { $0.config.healthcheck = HealthConfig(test: ["true"]) }),
            Row("Test in Healthcheck", { $0.config.healthcheck = HealthConfig(test: ["CMD"]) }),
            Row("ConsoleSize", { $0.hostConfig.consoleSize = [1] }),
        ])
    func invalid(row: Row) {
        let got = refused(row.change)
        #expect(got?.hasPrefix(row.text) == true, "\(got ?? "accepted"), not \(row.text)")
    }

    @Test(arguments: [
        ("net.core.somaxconn", "1", "", "", true), ("kernel.shmmax", "1", "", "", true),
        ("kernel.sem", "1\t2\t3 4", "", "", true), ("fs.mqueue.msg_max", "1", "", "", true),
        ("net.ipv4.ip_forward", "1", "host", "", false), ("kernel.msgmax", "1", "", "host", false),
        ("fs.mqueue.msg_max", "1", "", "host", false), ("kernel.core_pattern", "|x", "", "", false),
        ("kernel.shmmax/../core_pattern", "x", "", "", false), ("net.a=1+kernel.core_pattern", "x", "", "", false),
        ("net/../kernel/core_pattern", "x", "", "", false), ("net..x", "1", "", "", false), ("net", "1", "", "", false),
        ("net.core.somaxconn", "1\nx", "", "", false), ("vm.swappiness", "1", "", "", false), ("", "", "", "", false),
        ("kernel.shm\0", "", "", "", false), ("kernel.semantics", "1", "", "", false),
    ])
    func sysctls(name: String, value: String, network: String, ipc: String, allowed: Bool) {
        let message = refused {
            $0.hostConfig.sysctls = [name: value]
            $0.hostConfig.networkMode = network
            $0.hostConfig.ipcMode = ipc
        }
        #expect((message == nil) == allowed, "\(message ?? "accepted")")
    }

    @Test func names() {
        for name in ["ab", "/web", "a.b-c_d", "0x"] { #expect(refusal { try ObjectName.checkContainer(name) } == nil) }
        for name in ["", "/", "a", "-a", ".a", "a b", "a/b", "../x", "a\0b", "ünï", String(repeating: "a", count: 256)]
        {
            #expect(refusal { try ObjectName.checkContainer(name) }?.contains("Invalid container name") == true)
        }
    }

    @Test func updates() throws {
        func update(_ change: (inout UpdateConfig) -> Void, from host: HostConfig = HostConfig()) throws
            -> ContainerResources
        {
            var update = UpdateConfig()
            change(&update)
            return try Validation.checkUpdate(update, host, .fake)
        }
        var old = HostConfig()
        old.resources.memory = 64 << 20
        old.resources.memorySwap = 128 << 20
        old.resources.cpuQuota = 5000
        let new = try update(
            {
                $0.resources.memory = 32 << 20
                $0.resources.nanoCpus = 500_000_000
            }, from: old)
        #expect((new.memory, new.memorySwap) == (32 << 20, 128 << 20))
        #expect((new.nanoCpus, new.cpuQuota) == (500_000_000, 0))
        #expect(
            refusal { _ = try update({ $0.resources.memory = 256 << 20 }, from: old) }?.contains(
                "already set memoryswap")
                == true)
        #expect(refusal { _ = try update { $0.resources.ulimits = [Ulimit(name: "core")] } } != nil)
        #expect(
            refusal { _ = try update({ $0.restartPolicy.name = "always" }, from: HostConfig { $0.autoRemove = true }) }
                != nil)
    }

    @Test func defaultsAreWrittenOut() {
        var host = HostConfig()
        Validation.fillDefaults(&host, .fake)
        #expect(host.ipcMode == "private" && host.shmSize == 64 << 20 && host.restartPolicy.name == "no")
        #expect(host.maskedPaths?.contains("/proc/kcore") == true)
        #expect(host.readonlyPaths?.contains("/proc/sys") == true)
        let again = host
        Validation.fillDefaults(&host, .fake)
        #expect(host == again)
        #expect(refusal { try Validation.checkRequest(ContainerCreateRequest(hostConfig: host), .fake) } == nil)
    }

    @Test func messagesAreHarmless() {
        #expect("a\u{1b}[2J".quoted == "\"a\\u{1b}[2J\"")
        #expect(String(repeating: "x", count: 300).quoted.utf8.count < 210)
    }
}
