/// One sample of `GET /containers/{id}/stats`.
package struct ContainerStats: Codable, Hashable, Sendable {
    package var name: String?
    package var id: String?
    /// When it was taken, RFC 3339.
    package var read: String
    /// When the one before was taken.
    package var preread: String
    package var pidsStats: PidsStats
    package var blkioStats: BlockIOStats
    /// Windows only.
    package var processCount: UInt32
    /// Windows only.
    package var storageStats: EmptyObject
    package var cpuStats: CPUStats
    /// Of the sample before.
    package var precpuStats: CPUStats
    package var memoryStats: MemoryStats
    package var networks: [String: InterfaceStats]?

    package init(
        name: String? = nil, id: String? = nil, read: String, preread: String, pidsStats: PidsStats,
        blkioStats: BlockIOStats, processCount: UInt32 = 0, storageStats: EmptyObject = EmptyObject(),
        cpuStats: CPUStats, precpuStats: CPUStats, memoryStats: MemoryStats,
        networks: [String: InterfaceStats]? = nil
    ) {
        self.name = name
        self.id = id
        self.read = read
        self.preread = preread
        self.pidsStats = pidsStats
        self.blkioStats = blkioStats
        self.processCount = processCount
        self.storageStats = storageStats
        self.cpuStats = cpuStats
        self.precpuStats = precpuStats
        self.memoryStats = memoryStats
        self.networks = networks
    }

    private enum CodingKeys: String, CodingKey {
        case name, id, read, preread, networks
        case pidsStats = "pids_stats"
        case blkioStats = "blkio_stats"
        case processCount = "num_procs"
        case storageStats = "storage_stats"
        case cpuStats = "cpu_stats"
        case precpuStats = "precpu_stats"
        case memoryStats = "memory_stats"
    }
}

/// Processes and threads of a container.
package struct PidsStats: Codable, Hashable, Sendable {
    package var current: UInt64?
    package var limit: UInt64?

    package init(current: UInt64? = nil, limit: UInt64? = nil) {
        self.current = current
        self.limit = limit
    }

    private enum CodingKeys: String, CodingKey {
        case current, limit
    }
}

/// Block devices. On cgroup v2 only the first list is there.
package struct BlockIOStats: Codable, Hashable, Sendable {
    package var serviceBytes: [BlockIOEntry]?
    package var serviced: [BlockIOEntry]?
    package var queued: [BlockIOEntry]?
    package var serviceTime: [BlockIOEntry]?
    package var waitTime: [BlockIOEntry]?
    package var merged: [BlockIOEntry]?
    package var time: [BlockIOEntry]?
    package var sectors: [BlockIOEntry]?

    package init(
        serviceBytes: [BlockIOEntry]? = nil, serviced: [BlockIOEntry]? = nil, queued: [BlockIOEntry]? = nil,
        serviceTime: [BlockIOEntry]? = nil, waitTime: [BlockIOEntry]? = nil, merged: [BlockIOEntry]? = nil,
        time: [BlockIOEntry]? = nil, sectors: [BlockIOEntry]? = nil
    ) {
        self.serviceBytes = serviceBytes
        self.serviced = serviced
        self.queued = queued
        self.serviceTime = serviceTime
        self.waitTime = waitTime
        self.merged = merged
        self.time = time
        self.sectors = sectors
    }

    private enum CodingKeys: String, CodingKey {
        case serviceBytes = "io_service_bytes_recursive"
        case serviced = "io_serviced_recursive"
        case queued = "io_queue_recursive"
        case serviceTime = "io_service_time_recursive"
        case waitTime = "io_wait_time_recursive"
        case merged = "io_merged_recursive"
        case time = "io_time_recursive"
        case sectors = "sectors_recursive"
    }
}

/// A count of one block device and operation.
package struct BlockIOEntry: Codable, Hashable, Sendable {
    package var major: UInt64
    package var minor: UInt64
    /// `read`, `write`, `sync`, `async`, `total`.
    package var operation: String
    package var value: UInt64

    package init(major: UInt64, minor: UInt64, operation: String, value: UInt64) {
        self.major = major
        self.minor = minor
        self.operation = operation
        self.value = value
    }

    private enum CodingKeys: String, CodingKey {
        case major, minor, value
        case operation = "op"
    }
}

/// Processor time, in nanoseconds.
package struct CPUStats: Codable, Hashable, Sendable {
    package var usage: CPUUsage
    /// Of the whole host.
    package var systemUsage: UInt64?
    package var onlineCpus: UInt32?
    package var throttling: ThrottlingData

    package init(
        usage: CPUUsage, systemUsage: UInt64? = nil, onlineCpus: UInt32? = nil,
        throttling: ThrottlingData = .init(periods: 0, throttledPeriods: 0, throttledTime: 0)
    ) {
        self.usage = usage
        self.systemUsage = systemUsage
        self.onlineCpus = onlineCpus
        self.throttling = throttling
    }

    private enum CodingKeys: String, CodingKey {
        case usage = "cpu_usage"
        case systemUsage = "system_cpu_usage"
        case onlineCpus = "online_cpus"
        case throttling = "throttling_data"
    }
}

/// Processor time of a container, in nanoseconds.
package struct CPUUsage: Codable, Hashable, Sendable {
    package var total: UInt64
    /// Only on cgroup v1.
    package var perCPU: [UInt64]?
    package var kernelMode: UInt64
    package var userMode: UInt64

    package init(total: UInt64, perCPU: [UInt64]? = nil, kernelMode: UInt64, userMode: UInt64) {
        self.total = total
        self.perCPU = perCPU
        self.kernelMode = kernelMode
        self.userMode = userMode
    }

    private enum CodingKeys: String, CodingKey {
        case total = "total_usage"
        case perCPU = "percpu_usage"
        case kernelMode = "usage_in_kernelmode"
        case userMode = "usage_in_usermode"
    }
}

/// How a limit of processor time was felt.
package struct ThrottlingData: Codable, Hashable, Sendable {
    package var periods: UInt64
    package var throttledPeriods: UInt64
    /// Nanoseconds.
    package var throttledTime: UInt64

    package init(periods: UInt64, throttledPeriods: UInt64, throttledTime: UInt64) {
        self.periods = periods
        self.throttledPeriods = throttledPeriods
        self.throttledTime = throttledTime
    }

    private enum CodingKeys: String, CodingKey {
        case periods
        case throttledPeriods = "throttled_periods"
        case throttledTime = "throttled_time"
    }
}

/// Memory, in bytes.
package struct MemoryStats: Codable, Hashable, Sendable {
    package var usage: UInt64?
    /// Only on cgroup v1.
    package var maxUsage: UInt64?
    /// The content of `memory.stat`.
    package var stats: [String: UInt64]?
    /// Only on cgroup v1.
    package var failures: UInt64?
    package var limit: UInt64?

    package init(
        usage: UInt64? = nil, maxUsage: UInt64? = nil, stats: [String: UInt64]? = nil, failures: UInt64? = nil,
        limit: UInt64? = nil
    ) {
        self.usage = usage
        self.maxUsage = maxUsage
        self.stats = stats
        self.failures = failures
        self.limit = limit
    }

    private enum CodingKeys: String, CodingKey {
        case usage, stats, limit
        case maxUsage = "max_usage"
        case failures = "failcnt"
    }
}

/// One network interface of a container.
package struct InterfaceStats: Codable, Hashable, Sendable {
    package var rxBytes: UInt64
    package var rxPackets: UInt64
    package var rxErrors: UInt64
    package var rxDropped: UInt64
    package var txBytes: UInt64
    package var txPackets: UInt64
    package var txErrors: UInt64
    package var txDropped: UInt64

    package init(
        rxBytes: UInt64 = 0, rxPackets: UInt64 = 0, rxErrors: UInt64 = 0, rxDropped: UInt64 = 0,
        txBytes: UInt64 = 0, txPackets: UInt64 = 0, txErrors: UInt64 = 0, txDropped: UInt64 = 0
    ) {
        self.rxBytes = rxBytes
        self.rxPackets = rxPackets
        self.rxErrors = rxErrors
        self.rxDropped = rxDropped
        self.txBytes = txBytes
        self.txPackets = txPackets
        self.txErrors = txErrors
        self.txDropped = txDropped
    }

    private enum CodingKeys: String, CodingKey {
        case rxBytes = "rx_bytes"
        case rxPackets = "rx_packets"
        case rxErrors = "rx_errors"
        case rxDropped = "rx_dropped"
        case txBytes = "tx_bytes"
        case txPackets = "tx_packets"
        case txErrors = "tx_errors"
        case txDropped = "tx_dropped"
    }
}
