package import APIModel
package import OCI

/// Limits of `HostConfig` as the runtime takes them.
package enum ResourcesSpec {
    static let cpuPeriod: Int64 = 100_000

    /// All but the devices that a container may use: what `update` can change.
    package static func limits(_ resources: ContainerResources, _ devices: any HostDevices) throws -> LinuxResources {
        LinuxResources(
            memory: memory(resources), cpu: cpu(resources), pids: pids(resources),
            blockIO: try blockIO(resources, devices))
    }

    private static func set<Value: Equatable & ZeroValue>(_ value: Value) -> Value? { value == .zero ? nil : value }

    private static func memory(_ resources: ContainerResources) -> LinuxMemory? {
        var memory = LinuxMemory(
            limit: set(resources.memory), reservation: set(resources.memoryReservation), swap: set(resources.memorySwap)
        )
        // As Docker: as much swap again as memory, when nothing is said of swap.
        if let limit = memory.limit, limit > 0, memory.swap == nil {
            let (doubled, overflow) = limit.multipliedReportingOverflow(by: 2)
            memory.swap = overflow ? -1 : doubled
        }
        if let swappiness = resources.memorySwappiness, swappiness >= 0 { memory.swappiness = UInt64(swappiness) }
        if resources.oomKillDisable == true { memory.disableOOMKiller = true }
        return memory == LinuxMemory() ? nil : memory
    }

    private static func cpu(_ resources: ContainerResources) -> LinuxCPU? {
        var cpu = LinuxCPU()
        if resources.cpuShares > 0 { cpu.shares = UInt64(resources.cpuShares) }
        if resources.nanoCpus > 0 {
            cpu.period = UInt64(cpuPeriod)
            // In this order: a thousandth of a CPU counts, and no number of them overflows.
            cpu.quota = max(1000, resources.nanoCpus / 1000 * cpuPeriod / 1_000_000)
        } else {
            cpu.quota = set(resources.cpuQuota)
            if resources.cpuPeriod > 0 { cpu.period = UInt64(resources.cpuPeriod) }
        }
        cpu.cpus = set(resources.cpusetCpus)
        cpu.mems = set(resources.cpusetMems)
        return cpu == LinuxCPU() ? nil : cpu
    }

    /// 0 and -1 are Docker's ways to say "without limit", which is the runtime's -1.
    private static func pids(_ resources: ContainerResources) -> LinuxPids? {
        guard let limit = resources.pidsLimit else { return nil }
        return LinuxPids(limit: limit > 0 ? limit : -1)
    }

    private static func blockIO(_ resources: ContainerResources, _ devices: any HostDevices) throws -> LinuxBlockIO? {
        func throttles(_ list: [ThrottleDevice]?, _ flag: String) throws -> [LinuxThrottleDevice]? {
            guard let list, !list.isEmpty else { return nil }
            return try list.map { throttle in
                guard throttle.rate > 0 else { throw SpecError.invalid("\(flag): the rate must be more than 0") }
                do {
                    let number = try devices.number(throttle.path)
                    return LinuxThrottleDevice(
                        major: number.major, minor: number.minor, rate: UInt64(throttle.rate))
                } catch {
                    throw SpecError.invalid("\(flag): \(throttle.path.quoted): \(error)")
                }
            }
        }
        let block = LinuxBlockIO(
            weight: set(resources.blkioWeight),
            throttleReadBpsDevice: try throttles(resources.blkioDeviceReadBps, "--device-read-bps"),
            throttleWriteBpsDevice: try throttles(resources.blkioDeviceWriteBps, "--device-write-bps"),
            throttleReadIOPSDevice: try throttles(resources.blkioDeviceReadIOps, "--device-read-iops"),
            throttleWriteIOPSDevice: try throttles(resources.blkioDeviceWriteIOps, "--device-write-iops"))
        return block == LinuxBlockIO() ? nil : block
    }
}
