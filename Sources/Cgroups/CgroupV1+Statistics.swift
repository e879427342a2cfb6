extension CgroupV1 {
    package func statistics() throws(CgroupError) -> CgroupStatistics {
        var all = CgroupStatistics()
        if let files = files("cpuacct") { all.cpu = cpu(files) }
        if let files = files("memory"), let usage = files.number("memory.usage_in_bytes") {
            var memory = CgroupStatistics.Memory()
            memory.usage = usage
            memory.maximumUsage = files.number("memory.max_usage_in_bytes")
            memory.failures = files.number("memory.failcnt") ?? 0
            // No limit is written as the greatest number of whole pages.
            memory.limit = files.number("memory.limit_in_bytes").flatMap { $0 >= 1 << 62 ? nil : $0 }
            memory.details = files.table("memory.stat")
            all.memory = memory
        }
        if let files = files("pids"), let current = files.number("pids.current") {
            var pids = CgroupStatistics.Pids()
            pids.current = current
            pids.limit = files.number("pids.max")
            all.pids = pids
        }
        if let files = files("blkio") {
            all.ioBytes = operations(files.lines("blkio.throttle.io_service_bytes_recursive"))
            all.ioOperations = operations(files.lines("blkio.throttle.io_serviced_recursive"))
        }
        all.oomKills = oomKills()
        return all
    }

    private func cpu(_ accounting: CgroupFiles) -> CgroupStatistics.CPU? {
        guard let total = accounting.number("cpuacct.usage") else { return nil }
        var cpu = CgroupStatistics.CPU()
        cpu.total = total
        cpu.user = accounting.number("cpuacct.usage_user") ?? 0
        cpu.system = accounting.number("cpuacct.usage_sys") ?? 0
        cpu.perCPU = accounting.lines("cpuacct.usage_percpu").flatMap {
            $0.split(separator: " ").compactMap { UInt64($0) }
        }
        let throttling = files("cpu")?.table("cpu.stat") ?? [:]
        cpu.periods = throttling["nr_periods"] ?? 0
        cpu.throttledPeriods = throttling["nr_throttled"] ?? 0
        cpu.throttledTime = throttling["throttled_time"] ?? 0
        return cpu
    }

    /// Lines such as `8:0 Read 4096`; and one `Total 4096` at the end, which is none of a device.
    private func operations(_ lines: [Substring]) -> [CgroupStatistics.BlockIO] {
        lines.compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count == 3, let value = UInt64(fields[2]), let device = blockDevice(fields[0]) else {
                return nil
            }
            return .init(major: device.major, minor: device.minor, operation: fields[1].lowercased(), value: value)
        }
    }
}

/// `8:16`.
func blockDevice(_ text: Substring) -> (major: UInt64, minor: UInt64)? {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let major = UInt64(parts[0]), let minor = UInt64(parts[1]) else { return nil }
    return (major, minor)
}
