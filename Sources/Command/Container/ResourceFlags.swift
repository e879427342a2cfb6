import APIModel

/// The options that limit resources: of `run`, `create` and `update`.
enum ResourceFlags {
    static let flags: [Flag] = [
        .one("memory", "m", "bytes", "Memory limit"),
        .one("memory-swap", nil, "bytes", "Limit of memory and swap together; -1 for no limit"),
        .one("memory-reservation", nil, "bytes", "Soft memory limit"),
        .one("cpus", nil, "decimal", "Number of CPUs"),
        .one("cpu-shares", "c", "int", "CPU shares (relative weight)"),
        .one("cpu-period", nil, "int", "Period of the CPU limit, in microseconds"),
        .one("cpu-quota", nil, "int", "CPU time in a period, in microseconds"),
        .one("cpu-rt-period", nil, "int", "Period of the real-time limit, in microseconds"),
        .one("cpu-rt-runtime", nil, "int", "Real-time CPU time in a period, in microseconds"),
        .one("cpuset-cpus", nil, "string", "CPUs to run on (0-3, 0,1)"),
        .one("cpuset-mems", nil, "string", "Memory nodes to use (0-3, 0,1)"),
        .one("pids-limit", nil, "int", "Limit of processes and threads; -1 for no limit"),
        .one("blkio-weight", nil, "uint16", "Weight of block I/O, 10 to 1000"),
    ]

    static func resources(_ arguments: ParsedArguments) throws(CommandError) -> ContainerResources {
        var resources = ContainerResources()
        resources.memory = try arguments.bytes("memory") ?? 0
        resources.memorySwap = try arguments.bytes("memory-swap", allowsUnlimited: true) ?? 0
        resources.memoryReservation = try arguments.bytes("memory-reservation") ?? 0
        resources.cpuShares = try arguments.integer("cpu-shares") ?? 0
        resources.cpuPeriod = try arguments.integer("cpu-period") ?? 0
        resources.cpuQuota = try arguments.integer("cpu-quota") ?? 0
        resources.cpuRealtimePeriod = try arguments.integer("cpu-rt-period") ?? 0
        resources.cpuRealtimeRuntime = try arguments.integer("cpu-rt-runtime") ?? 0
        resources.cpusetCpus = arguments.text("cpuset-cpus")
        resources.cpusetMems = arguments.text("cpuset-mems")
        resources.pidsLimit = try arguments.integer("pids-limit")
        if let weight = try arguments.integer("blkio-weight") {
            guard let small = UInt16(exactly: weight), small == 0 || (10...1000).contains(small) else {
                throw arguments.invalid("\(weight)", "blkio-weight", "it is between 10 and 1000, or 0")
            }
            resources.blkioWeight = small
        }
        if let text = arguments.optionalText("cpus") {
            guard let nano = nanoCPUs(text) else {
                throw arguments.invalid(
                    text, "cpus", "it must be a number of CPUs such as 1.5, with at most 9 decimals")
            }
            resources.nanoCpus = nano
        }
        return resources
    }

    /// `1.5` as 1500000000, exactly; nil for what is no such number.
    static func nanoCPUs(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        guard !text.isEmpty, text != ".", fraction.count <= 9,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            let whole = Int64(parts[0].isEmpty ? "0" : parts[0]), whole < 1 << 32,
            let nano = Int64(fraction + String(repeating: "0", count: 9 - fraction.count))
        else { return nil }
        return whole * 1_000_000_000 + nano
    }
}
