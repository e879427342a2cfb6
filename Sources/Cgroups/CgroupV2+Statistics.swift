extension CgroupV2 {
    package func statistics() throws(CgroupError) -> CgroupStatistics {
        let files = files
        var all = CgroupStatistics()
        let times = files.table("cpu.stat")
        if let total = times["usage_usec"] {
            var cpu = CgroupStatistics.CPU()
            cpu.total = total * 1000
            cpu.user = (times["user_usec"] ?? 0) * 1000
            cpu.system = (times["system_usec"] ?? 0) * 1000
            cpu.periods = times["nr_periods"] ?? 0
            cpu.throttledPeriods = times["nr_throttled"] ?? 0
            cpu.throttledTime = (times["throttled_usec"] ?? 0) * 1000
            all.cpu = cpu
        }
        if let usage = files.number("memory.current") {
            var memory = CgroupStatistics.Memory()
            memory.usage = usage
            memory.maximumUsage = files.number("memory.peak")  // Linux 5.19
            memory.limit = files.number("memory.max")
            memory.failures = files.number("max", in: "memory.events") ?? 0
            memory.details = files.table("memory.stat")
            all.memory = memory
        }
        if let current = files.number("pids.current") {
            var pids = CgroupStatistics.Pids()
            pids.current = current
            pids.limit = files.number("pids.max")
            all.pids = pids
        }
        (all.ioBytes, all.ioOperations) = io(files.lines("io.stat"))
        all.oomKills = oomKills()
        return all
    }

    /// Lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
    private func io(_ lines: [Substring]) -> (bytes: [CgroupStatistics.BlockIO], operations: [CgroupStatistics.BlockIO])
    {
        let names = ["r": "read", "w": "write", "d": "discard"]
        var bytes: [CgroupStatistics.BlockIO] = []
        var operations: [CgroupStatistics.BlockIO] = []
        for line in lines {
            let fields = line.split(separator: " ")
            guard let first = fields.first, let device = blockDevice(first) else { continue }
            for field in fields.dropFirst() {
                let pair = field.split(separator: "=")
                guard pair.count == 2, let value = UInt64(pair[1]), let name = names[String(pair[0].prefix(1))] else {
                    continue
                }
                let entry = CgroupStatistics.BlockIO(
                    major: device.major, minor: device.minor, operation: name, value: value)
                switch pair[0].dropFirst() {
                case "bytes": bytes.append(entry)
                case "ios": operations.append(entry)
                default: break
                }
            }
        }
        return (bytes, operations)
    }
}
