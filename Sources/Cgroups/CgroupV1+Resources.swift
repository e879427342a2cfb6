import Glibc
import Kernel
package import OCI

extension CgroupV1 {
    package func apply(_ resources: LinuxResources) throws(CgroupError) {
        if let first = resources.unified?.keys.sorted().first {
            throw CgroupError("cgroup setting \(first): needs cgroup v2, and this machine has v1")
        }
        if let memory = resources.memory { try apply(memory) }
        if let cpu = resources.cpu { try apply(cpu) }
        if let limit = resources.pids?.limit {
            try set("pids", "pids.max", limit < 0 ? "max" : "\(limit)", "the limit of processes")
        }
        if let blockIO = resources.blockIO { try apply(blockIO) }
        for huge in resources.hugepageLimits ?? [] { try apply(huge) }
        if let id = resources.network?.classID { try set("net_cls", "net_cls.classid", "\(id)", "the network class") }
        for interface in resources.network?.priorities ?? [] {
            try set(
                "net_prio", "net_prio.ifpriomap", "\(interface.name) \(interface.priority ?? 0)", "a network priority")
        }
        for (device, rdma) in resources.rdma ?? [:] {
            try set("rdma", "rdma.max", rdmaLimit(device, rdma), "the limits of \(device)")
        }
        if let rules = resources.devices, !rules.isEmpty { try apply(rules) }
    }

    private func set(_ controller: String, _ file: String, _ value: String, _ what: String) throws(CgroupError) {
        let files = try joined(controller)
        do throws(SyscallError) {
            try files.write(file, value)
        } catch {
            if error.errno == ENOENT {
                throw CgroupError("setting \(what): this kernel's cgroups have no \(file)", errno: ENOENT)
            }
            throw CgroupError("setting \(what) of cgroup \(path)", error)
        }
    }

    // MARK: Memory

    private func apply(_ memory: LinuxMemory) throws(CgroupError) {
        if memory.kernel ?? 0 > 0 { throw CgroupError("memory.kernel: Linux has no limit of kernel memory any more") }
        let files = try joined("memory")
        if memory.checkBeforeUpdate == true, let limit = memory.limit, limit >= 0,
            let usage = files.number("memory.usage_in_bytes"), usage > UInt64(limit)
        {
            throw CgroupError("memory limit \(limit): below the \(usage) bytes in use")
        }
        try applyLimits(memory, present: files.number("memory.limit_in_bytes") ?? .max)
        if let reservation = memory.reservation {
            try set("memory", "memory.soft_limit_in_bytes", "\(reservation)", "the memory reservation")
        }
        if let limit = memory.kernelTCP {
            try set("memory", "memory.kmem.tcp.limit_in_bytes", "\(limit)", "the memory limit of TCP buffers")
        }
        if let swappiness = memory.swappiness {
            try set("memory", "memory.swappiness", "\(swappiness)", "swappiness")
        }
        if let disable = memory.disableOOMKiller {
            try set("memory", "memory.oom_control", disable ? "1" : "0", "the OOM killer")
        }
        if memory.useHierarchy == false {
            try set("memory", "memory.use_hierarchy", "0", "memory.useHierarchy")
        }
    }

    /// The limit of memory alone may at no moment exceed that of memory and swap.
    private func applyLimits(_ memory: LinuxMemory, present: UInt64) throws(CgroupError) {
        var swap = memory.swap
        // Without swap accounting, "memory and swap without limit" and "as much as memory" are what there is anyway.
        if let wanted = swap, wanted < 0 || wanted == memory.limit,
            let files = files("memory"), !files.has("memory.memsw.limit_in_bytes")
        {
            swap = nil
        }
        func setMemory() throws(CgroupError) {
            if let limit = memory.limit { try set("memory", "memory.limit_in_bytes", "\(limit)", "the memory limit") }
        }
        func setSwap() throws(CgroupError) {
            if let swap { try set("memory", "memory.memsw.limit_in_bytes", "\(swap)", "the limit of memory and swap") }
        }
        if let swap, swap < 0 || UInt64(swap) > present {
            try setSwap()
            try setMemory()
        } else {
            try setMemory()
            try setSwap()
        }
    }

    // MARK: CPU

    private func apply(_ cpu: LinuxCPU) throws(CgroupError) {
        if let idle = cpu.idle { try set("cpu", "cpu.idle", "\(idle)", "cpu idle") }
        if let shares = cpu.shares, shares > 0 { try set("cpu", "cpu.shares", "\(shares)", "cpu shares") }
        try applyQuota(cpu)
        if let period = cpu.realtimePeriod { try set("cpu", "cpu.rt_period_us", "\(period)", "the realtime period") }
        if let runtime = cpu.realtimeRuntime {
            try set("cpu", "cpu.rt_runtime_us", "\(runtime)", "the realtime runtime")
        }
        if let cpus = cpu.cpus, !cpus.isEmpty { try set("cpuset", "cpuset.cpus", cpus, "the set of CPUs \(cpus)") }
        if let mems = cpu.mems, !mems.isEmpty {
            try set("cpuset", "cpuset.mems", mems, "the set of memory nodes \(mems)")
        }
    }

    private func applyQuota(_ cpu: LinuxCPU) throws(CgroupError) {
        // The burst may not exceed the quota, nor the quota a parent's share of its period: so quota and period
        // go in one of the two orders, whichever the present values allow.
        func setPeriod() throws(CgroupError) {
            if let period = cpu.period, period > 0 {
                try set("cpu", "cpu.cfs_period_us", "\(period)", "the cpu period")
            }
        }
        func setQuota() throws(CgroupError) {
            if let quota = cpu.quota, quota != 0 { try set("cpu", "cpu.cfs_quota_us", "\(quota)", "the cpu quota") }
        }
        if cpu.burst == 0 { try set("cpu", "cpu.cfs_burst_us", "0", "the cpu burst") }
        do {
            try setPeriod()
            try setQuota()
        } catch let error where error.errno == EINVAL {
            try setQuota()
            try setPeriod()
        }
        if let burst = cpu.burst, burst > 0 { try set("cpu", "cpu.cfs_burst_us", "\(burst)", "the cpu burst") }
    }

    // MARK: Block devices, huge pages, devices

    private func apply(_ io: LinuxBlockIO) throws(CgroupError) {
        if io.leafWeight != nil { throw CgroupError("blockIO.leafWeight: no I/O scheduler of Linux has it any more") }
        let bfq = try joined("blkio").has("blkio.bfq.weight")
        if let weight = io.weight, weight > 0 {
            try set("blkio", bfq ? "blkio.bfq.weight" : "blkio.weight", "\(weight)", "the I/O weight")
        }
        for device in io.weightDevice ?? [] {
            guard let weight = device.weight, device.leafWeight == nil else {
                throw CgroupError("blockIO.weightDevice: only weight is supported")
            }
            try set(
                "blkio", bfq ? "blkio.bfq.weight_device" : "blkio.weight_device",
                "\(device.major):\(device.minor) \(weight)", "the I/O weight of a device")
        }
        for (devices, file) in [
            (io.throttleReadBpsDevice, "read_bps"), (io.throttleWriteBpsDevice, "write_bps"),
            (io.throttleReadIOPSDevice, "read_iops"), (io.throttleWriteIOPSDevice, "write_iops"),
        ] {
            for device in devices ?? [] {
                try set(
                    "blkio", "blkio.throttle.\(file)_device", "\(device.major):\(device.minor) \(device.rate ?? 0)",
                    "an I/O limit of device \(device.major):\(device.minor)")
            }
        }
    }

    private func apply(_ huge: LinuxHugepageLimit) throws(CgroupError) {
        let what = "the limit of \(huge.pageSize) pages"
        try set("hugetlb", "hugetlb.\(huge.pageSize).limit_in_bytes", "\(huge.limit)", what)
        // Reservations are charged apart from use; without this limit mmap succeeds and the access is killed.
        if files("hugetlb")?.has("hugetlb.\(huge.pageSize).rsvd.limit_in_bytes") == true {
            try set("hugetlb", "hugetlb.\(huge.pageSize).rsvd.limit_in_bytes", "\(huge.limit)", what)
        }
    }

    /// Each rule is one write, and there are dozens: the two files are opened once.
    private func apply(_ rules: [LinuxDeviceRule]) throws(CgroupError) {
        var checked: [DeviceRule] = []
        for rule in rules { checked.append(try DeviceRule(rule)) }
        let directory = try joined("devices").directory
        func open(_ name: String) throws(CgroupError) -> FileDescriptor {
            try attempt("opening \(name) of cgroup \(path)") { () throws(SyscallError) in
                try Sys.open("\(directory)/\(name)", O_WRONLY)
            }
        }
        let allow = try open("devices.allow")
        let deny = try open("devices.deny")
        for rule in checked {
            let text = rule.v1Text
            try attempt("setting the device rule \(text) of cgroup \(path)") { () throws(SyscallError) in
                if rule.allow { try allow.writeAll(text.utf8) } else { try deny.writeAll(text.utf8) }
            }
        }
    }
}

/// `mlx5_0 hca_handle=2 hca_object=max`: the same on v1 and v2.
func rdmaLimit(_ device: String, _ limit: LinuxRdma) -> String {
    var text = device
    if let handles = limit.hcaHandles { text += " hca_handle=\(handles)" }
    if let objects = limit.hcaObjects { text += " hca_object=\(objects)" }
    return text
}
