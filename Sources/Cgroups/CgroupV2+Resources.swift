import Glibc
import Kernel
package import OCI

extension CgroupV2 {
    package func apply(_ resources: LinuxResources) throws(CgroupError) {
        if let memory = resources.memory { try apply(memory) }
        if let cpu = resources.cpu { try apply(cpu) }
        if let limit = resources.pids?.limit { try set("pids.max", Self.limit(limit), "the limit of processes") }
        if let blockIO = resources.blockIO { try apply(blockIO) }
        for huge in resources.hugepageLimits ?? [] { try apply(huge) }
        if resources.network?.classID != nil || resources.network?.priorities?.isEmpty == false {
            throw CgroupError("network classes and priorities: cgroup v2 has none")
        }
        for (device, rdma) in resources.rdma ?? [:] {
            try set("rdma.max", rdmaLimit(device, rdma), "the limits of \(device)")
        }
        // In a fixed order; after the above, which they may make more precise.
        for (file, value) in (resources.unified ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard !file.contains("/"), !file.hasPrefix(".") else {
                throw CgroupError("cgroup setting \(file): no file name")
            }
            for line in value.split(separator: "\n") { try set(file, String(line), file) }
        }
        if let devices = resources.devices { try apply(devices) }
    }

    private func set(_ file: String, _ value: String, _ what: String) throws(CgroupError) {
        do throws(SyscallError) {
            try files.write(file, value)
        } catch {
            if error.errno == ENOENT {
                let controller = file.prefix { $0 != "." }
                throw CgroupError(
                    "setting \(what): cgroup \(path) has no \(file); is the \(controller) controller there and passed down?",
                    errno: ENOENT)
            }
            throw CgroupError("setting \(what) of cgroup \(path)", error)
        }
    }

    private static func limit(_ value: Int64) -> String { value < 0 ? "max" : "\(value)" }

    // MARK: Memory

    private func apply(_ memory: LinuxMemory) throws(CgroupError) {
        if memory.kernel ?? 0 > 0 { throw CgroupError("memory.kernel: Linux has no limit of kernel memory any more") }
        if memory.kernelTCP ?? 0 > 0 { throw CgroupError("memory.kernelTCP: cgroup v2 has no such limit") }
        if memory.swappiness != nil { throw CgroupError("memory.swappiness: cgroup v2 has none") }
        if memory.disableOOMKiller == true { throw CgroupError("memory.disableOOMKiller: cgroup v2 cannot") }
        if memory.checkBeforeUpdate == true, let limit = memory.limit, limit >= 0,
            let usage = files.number("memory.current"), usage > UInt64(limit)
        {
            throw CgroupError("memory limit \(limit): below the \(usage) bytes in use")
        }
        if let swap = try swapAlone(memory) {
            // Without swap in the kernel there is nothing to limit.
            if files.has("memory.swap.max") || swap != "max" && swap != "0" {
                try set("memory.swap.max", swap, "the swap limit")
            }
        }
        if let limit = memory.limit { try set("memory.max", Self.limit(limit), "the memory limit") }
        if let reservation = memory.reservation {
            try set("memory.low", Self.limit(reservation), "the memory reservation")
        }
    }

    /// The specification counts memory and swap together, v2 swap alone. nil: leave it.
    private func swapAlone(_ memory: LinuxMemory) throws(CgroupError) -> String? {
        guard let swap = memory.swap else { return memory.limit.map { $0 < 0 ? "max" : nil } ?? nil }
        if swap < 0 { return "max" }
        guard let limit = memory.limit ?? files.number("memory.max").flatMap({ Int64(exactly: $0) }), limit >= 0 else {
            throw CgroupError("a limit of memory and swap needs a limit of memory")
        }
        guard swap >= limit else {
            throw CgroupError("the limit of memory and swap, \(swap), is below that of memory, \(limit)")
        }
        return "\(swap - limit)"
    }

    // MARK: CPU

    private func apply(_ cpu: LinuxCPU) throws(CgroupError) {
        if cpu.realtimePeriod ?? 0 > 0 || cpu.realtimeRuntime ?? 0 > 0 {
            throw CgroupError("realtime cpu limits: cgroup v2 has none")
        }
        if let idle = cpu.idle { try set("cpu.idle", "\(idle)", "cpu idle") }
        if let shares = cpu.shares, shares > 0 {
            try set("cpu.weight", "\(Self.weight(shares: shares))", "the cpu weight")
        }
        if cpu.burst == 0, files.has("cpu.max.burst") { try set("cpu.max.burst", "0", "the cpu burst") }
        let period = cpu.period.flatMap { $0 > 0 ? $0 : nil }
        if let quota = cpu.quota, quota != 0 {
            let value = Self.limit(quota)
            try set("cpu.max", period.map { "\(value) \($0)" } ?? value, "the cpu quota")
        } else if let period {
            // The file wants a quota first: the one that is set.
            let present = files.lines("cpu.max").first?.split(separator: " ").first ?? "max"
            try set("cpu.max", "\(present) \(period)", "the cpu period")
        }
        if let burst = cpu.burst, burst > 0 { try set("cpu.max.burst", "\(burst)", "the cpu burst") }
        if let cpus = cpu.cpus, !cpus.isEmpty { try set("cpuset.cpus", cpus, "the set of CPUs \(cpus)") }
        if let mems = cpu.mems, !mems.isEmpty { try set("cpuset.mems", mems, "the set of memory nodes \(mems)") }
    }

    /// Shares 2…262144, usually 1024, as a weight 1…10000, usually 100: a quadratic in the logarithm, through those
    /// three points.
    package static func weight(shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let l = log2(Double(shares))
        let exponent = (l * l + 125 * l) / 612 - 7.0 / 34
        return UInt64(min(10_000, max(1, pow(10, exponent).rounded(.up))))
    }

    // MARK: Block devices, huge pages, devices

    private func apply(_ io: LinuxBlockIO) throws(CgroupError) {
        if io.leafWeight != nil { throw CgroupError("blockIO.leafWeight: cgroup v2 has none") }
        let bfq = files.has("io.bfq.weight")
        // 10…1000 as 1…10000; bfq takes 1…1000 as it is.
        func scaled(_ weight: UInt16) -> Int { bfq ? Int(weight) : 1 + (Int(weight) - 10) * 9999 / 990 }
        let file = bfq ? "io.bfq.weight" : "io.weight"
        if let weight = io.weight, weight > 0 { try set(file, "default \(scaled(weight))", "the I/O weight") }
        for device in io.weightDevice ?? [] {
            guard let weight = device.weight, device.leafWeight == nil else {
                throw CgroupError("blockIO.weightDevice: only weight is supported")
            }
            try set(file, "\(device.major):\(device.minor) \(scaled(weight))", "the I/O weight of a device")
        }
        for (devices, key) in [
            (io.throttleReadBpsDevice, "rbps"), (io.throttleWriteBpsDevice, "wbps"),
            (io.throttleReadIOPSDevice, "riops"), (io.throttleWriteIOPSDevice, "wiops"),
        ] {
            for device in devices ?? [] {
                let rate = device.rate.flatMap { $0 > 0 ? "\($0)" : nil } ?? "max"
                try set(
                    "io.max", "\(device.major):\(device.minor) \(key)=\(rate)",
                    "an I/O limit of device \(device.major):\(device.minor)")
            }
        }
    }

    private func apply(_ huge: LinuxHugepageLimit) throws(CgroupError) {
        let what = "the limit of \(huge.pageSize) pages"
        try set("hugetlb.\(huge.pageSize).max", "\(huge.limit)", what)
        // Reservations are charged apart from use; without this limit mmap succeeds and the access is killed.
        if files.has("hugetlb.\(huge.pageSize).rsvd.max") {
            try set("hugetlb.\(huge.pageSize).rsvd.max", "\(huge.limit)", what)
        }
    }

    private func apply(_ rules: [LinuxDeviceRule]) throws(CgroupError) {
        let program = try DeviceFilter(rules).program
        try attempt("setting the device rules of cgroup \(path)") { () throws(SyscallError) in
            let directory = try Sys.open(files.directory, O_RDONLY | O_DIRECTORY)
            let old = try DeviceFilterProgram.attached(to: directory)
            // The new one first: at no moment is everything allowed.
            try DeviceFilterProgram.attach(try DeviceFilterProgram.load(program), to: directory)
            for number in old {
                let before = try DeviceFilterProgram.open(number: number)
                try DeviceFilterProgram.detach(before, from: directory)
            }
        }
    }
}
