package import APIModel

extension Validation {
    private static let minimumMemory: Int64 = 6 << 20

    /// Limits of a container, complete: for `create`, and for `update` what comes of it.
    package static func checkResources(_ resources: ContainerResources, _ facts: HostFacts) throws(SpecError) {
        try checkUnsupported(resources, facts)
        try checkMemory(resources, facts)
        try checkCPU(resources, facts)
        if resources.blkioWeight != 0, !(10...1000).contains(resources.blkioWeight) {
            throw .invalid("Range of blkio weight is from 10 to 1000")
        }
        if let limit = resources.pidsLimit, limit < -1 {
            throw .invalid("--pids-limit: \(limit) is no number of processes")
        }
        _ = try ResourceLimits.specification(resources.ulimits ?? [])
        for rule in resources.deviceCgroupRules ?? [] { _ = try DeviceSpec.rule(rule) }
        for device in resources.devices ?? [] { _ = try DeviceSpec.permissions(device) }
    }

    private static func checkMemory(_ resources: ContainerResources, _ facts: HostFacts) throws(SpecError) {
        let (memory, swap, reservation) = (resources.memory, resources.memorySwap, resources.memoryReservation)
        if memory != 0, memory < minimumMemory { throw .invalid("Minimum memory limit allowed is 6MB") }
        if swap > 0, memory == 0 {
            throw .invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        if swap < -1 { throw .invalid("--memory-swap: \(swap) is no size, nor -1 for without limit") }
        if swap > 0, swap < memory {
            throw .invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        if reservation != 0, reservation < minimumMemory {
            throw .invalid("Minimum memory reservation allowed is 6MB")
        }
        if memory > 0, reservation > memory {
            throw .invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
        }
        if let swappiness = resources.memorySwappiness, !(-1...100).contains(swappiness) {
            throw .invalid("Invalid value: \(swappiness). Valid memory swappiness range is 0-100")
        }
    }

    private static func checkCPU(_ resources: ContainerResources, _ facts: HostFacts) throws(SpecError) {
        let count = max(1, facts.cpus.count)
        if resources.nanoCpus != 0 {
            if resources.cpuPeriod != 0 {
                throw .invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set.")
            }
            if resources.cpuQuota != 0 {
                throw .invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set.")
            }
            // The kernel's least quota is a hundredth of the period.
            guard (10_000_000...Int64(count) * 1_000_000_000).contains(resources.nanoCpus) else {
                throw .invalid(
                    "range of CPUs is from 0.01 to \(count).00, as there are only \(count) CPUs available")
            }
        }
        if resources.cpuPeriod != 0, !(1000...1_000_000).contains(resources.cpuPeriod) {
            throw .invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        if resources.cpuQuota > 0, resources.cpuQuota < 1000 {
            throw .invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
        }
        if resources.cpuQuota < -1 { throw .invalid("--cpu-quota: \(resources.cpuQuota) is no time") }
        if resources.cpuShares != 0, !(2...262_144).contains(resources.cpuShares) {
            throw .invalid("--cpu-shares: range is from 2 to 262144")
        }
        try checkSet(resources.cpusetCpus, "CPUs", "cpuset cpus", facts.cpus)
        try checkSet(resources.cpusetMems, "memory nodes", "cpuset mems", facts.memoryNodes)
    }

    private static func checkSet(_ text: String, _ noun: String, _ field: String, _ available: Set<Int>)
        throws(SpecError)
    {
        guard !text.isEmpty else { return }
        guard let wanted = CPUList.parse(text) else { throw .invalid("Invalid value \(text.quoted) for \(field)") }
        guard wanted.isSubset(of: available) else {
            let list = available.sorted().map(String.init).joined(separator: ",")
            throw .invalid("Requested \(noun) are not available - requested \(text), available: \(list)")
        }
    }

    /// Checks an update against what the container has; returns its limits after it.
    package static func checkUpdate(_ update: UpdateConfig, _ current: HostConfig, _ facts: HostFacts) throws(SpecError)
        -> ContainerResources
    {
        let change = update.resources
        let fixed: [(Bool, String)] = [
            (!(change.devices ?? []).isEmpty, "Devices"),
            (!(change.deviceCgroupRules ?? []).isEmpty, "DeviceCgroupRules"),
            (!(change.ulimits ?? []).isEmpty, "Ulimits"),
            (!(change.blkioDeviceReadBps ?? []).isEmpty, "BlkioDeviceReadBps"),
            (!(change.blkioDeviceWriteBps ?? []).isEmpty, "BlkioDeviceWriteBps"),
            (!(change.blkioDeviceReadIOps ?? []).isEmpty, "BlkioDeviceReadIOps"),
            (!(change.blkioDeviceWriteIOps ?? []).isEmpty, "BlkioDeviceWriteIOps"),
            (change.oomKillDisable == true, "OomKillDisable"),
            (change.memorySwappiness ?? -1 >= 0, "MemorySwappiness"),
        ]
        if let field = fixed.first(where: \.0) {
            throw .unsupported("update of \(field.1)", "it is fixed when the container is made")
        }
        if !update.restartPolicy.name.isEmpty {
            try checkRestartPolicy(update.restartPolicy)
            if current.autoRemove, update.restartPolicy.name != "no" {
                throw .invalid("Restart policy cannot be updated because AutoRemove is enabled for the container")
            }
        }
        let result = merged(change, into: current.resources)
        if change.memory > 0, change.memorySwap == 0, result.memorySwap > 0, result.memorySwap < change.memory {
            throw .invalid(
                "Memory limit should be smaller than already set memoryswap limit, "
                    + "update the memoryswap at the same time")
        }
        try checkResources(result, facts)
        return result
    }

    /// What is set replaces what was; `--cpus` and the quota it stands for replace each other.
    private static func merged(_ change: ContainerResources, into current: ContainerResources) -> ContainerResources {
        var result = current
        func take<Value: Equatable & ZeroValue>(_ field: WritableKeyPath<ContainerResources, Value>) {
            if change[keyPath: field] != .zero { result[keyPath: field] = change[keyPath: field] }
        }
        take(\.cpuShares)
        take(\.memory)
        take(\.memoryReservation)
        take(\.memorySwap)
        take(\.blkioWeight)
        take(\.cpusetCpus)
        take(\.cpusetMems)
        take(\.pidsLimit)
        if change.nanoCpus != 0 { (result.cpuPeriod, result.cpuQuota) = (0, 0) }
        if change.cpuPeriod != 0 || change.cpuQuota != 0 { result.nanoCpus = 0 }
        take(\.nanoCpus)
        take(\.cpuPeriod)
        take(\.cpuQuota)
        return result
    }
}
