import APIModel

extension Validation {
    /// The fields of Docker's that Box does not have, if they are set.
    static func checkUnsupported(_ config: ContainerConfig, _ host: HostConfig) throws(SpecError) {
        let fields: [(Bool, String, String)] = [
            (!(host.links ?? []).isEmpty, "--link", "containers of a network find each other by name"),
            (!host.cgroup.isEmpty, "Cgroup", "every container has a cgroup of its own"),
            (!(host.storageOpt ?? [:]).isEmpty, "--storage-opt", "containers have no size of their own"),
            (!["", "default"].contains(host.isolation), "--isolation \(host.isolation.quoted)", "this is not Windows"),
            (
                !["", "box-runtime"].contains(host.runtime ?? ""), "--runtime \((host.runtime ?? "").quoted)",
                "the only runtime is box-runtime"
            ),
            (
                !["", "local"].contains(host.volumeDriver), "--volume-driver \(host.volumeDriver.quoted)",
                "the only driver is local"
            ),
            (config.argsEscaped == true, "ArgsEscaped", "this is not Windows"),
        ]
        if let field = fields.first(where: \.0) { throw .unsupported(field.1, field.2) }
        if let size = host.consoleSize, size.count != 2 || size.contains(where: { !(0...65535).contains($0) }) {
            throw .invalid("ConsoleSize: a height and a width up to 65535 are wanted")
        }
    }

    static func checkUnsupported(_ resources: ContainerResources, _ facts: HostFacts) throws(SpecError) {
        let removed = "the kernel has no such limit any more"
        let unified = "cgroup v2, which this host uses, has no such setting"
        let fields: [(Bool, String, String)] = [
            (
                !(resources.blkioWeightDevice ?? []).isEmpty, "--blkio-weight-device",
                "use --device-write-bps and the like"
            ),
            (
                !resources.cgroupParent.isEmpty, "--cgroup-parent",
                "the daemon's own --cgroup-parent holds all containers"
            ),
            (!(resources.deviceRequests ?? []).isEmpty, "--gpus", "there are no device drivers; use --device"),
            (resources.cpuRealtimePeriod != 0, "--cpu-rt-period", "realtime scheduling is not limited"),
            (resources.cpuRealtimeRuntime != 0, "--cpu-rt-runtime", "realtime scheduling is not limited"),
            (resources.kernelMemory ?? 0 != 0, "--kernel-memory", removed),
            (resources.kernelMemoryTCP ?? 0 != 0, "--kernel-memory-tcp", removed),
            (resources.oomKillDisable == true && facts.unifiedCgroups, "--oom-kill-disable", unified),
            (
                resources.memorySwappiness ?? -1 >= 0 && facts.unifiedCgroups, "--memory-swappiness", unified
            ),
            (resources.cpuCount != 0, "--cpu-count", "this is not Windows"),
            (resources.cpuPercent != 0, "--cpu-percent", "this is not Windows"),
            (resources.ioMaximumIOps != 0, "--io-maxiops", "this is not Windows"),
            (resources.ioMaximumBandwidth != 0, "--io-maxbandwidth", "this is not Windows"),
        ]
        if let field = fields.first(where: \.0) { throw .unsupported(field.1, field.2) }
    }
}
