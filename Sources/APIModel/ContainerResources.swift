/// Limits of a container: the fields that `HostConfig` and `update` have in common. 0 and empty mean "not set".
package struct ContainerResources: Codable, Hashable, Sendable {
    @Always package var cpuShares: Int64
    /// Bytes.
    @Always package var memory: Int64
    /// Billionths of a CPU.
    @Always package var nanoCpus: Int64
    @Always package var cgroupParent: String
    /// 10 to 1000.
    @Always package var blkioWeight: UInt16
    @Always package var blkioWeightDevice: [WeightDevice]?
    @Always package var blkioDeviceReadBps: [ThrottleDevice]?
    @Always package var blkioDeviceWriteBps: [ThrottleDevice]?
    @Always package var blkioDeviceReadIOps: [ThrottleDevice]?
    @Always package var blkioDeviceWriteIOps: [ThrottleDevice]?
    /// Microseconds.
    @Always package var cpuPeriod: Int64
    /// Microseconds in each period.
    @Always package var cpuQuota: Int64
    @Always package var cpuRealtimePeriod: Int64
    @Always package var cpuRealtimeRuntime: Int64
    /// A list such as `0-3,7`.
    @Always package var cpusetCpus: String
    @Always package var cpusetMems: String
    @Always package var devices: [DeviceMapping]?
    /// `c 13:* rwm`.
    @Always package var deviceCgroupRules: [String]?
    @Always package var deviceRequests: [DeviceRequest]?
    package var kernelMemory: Int64?
    package var kernelMemoryTCP: Int64?
    /// Bytes.
    @Always package var memoryReservation: Int64
    /// Bytes of memory and swap together; -1 means without limit.
    @Always package var memorySwap: Int64
    /// 0 to 100; -1 is as absent.
    @Always package var memorySwappiness: Int64?
    @Always package var oomKillDisable: Bool?
    /// 0 or -1 means without limit.
    @Always package var pidsLimit: Int64?
    @Always package var ulimits: [Ulimit]?
    /// Windows only.
    @Always package var cpuCount: Int64
    /// Windows only.
    @Always package var cpuPercent: Int64
    /// Windows only.
    @Always package var ioMaximumIOps: Int64
    /// Windows only.
    @Always package var ioMaximumBandwidth: Int64

    package init(
        cpuShares: Int64 = 0, memory: Int64 = 0, nanoCpus: Int64 = 0, cgroupParent: String = "",
        blkioWeight: UInt16 = 0, blkioWeightDevice: [WeightDevice]? = nil,
        blkioDeviceReadBps: [ThrottleDevice]? = nil, blkioDeviceWriteBps: [ThrottleDevice]? = nil,
        blkioDeviceReadIOps: [ThrottleDevice]? = nil, blkioDeviceWriteIOps: [ThrottleDevice]? = nil,
        cpuPeriod: Int64 = 0, cpuQuota: Int64 = 0, cpuRealtimePeriod: Int64 = 0, cpuRealtimeRuntime: Int64 = 0,
        cpusetCpus: String = "", cpusetMems: String = "", devices: [DeviceMapping]? = nil,
        deviceCgroupRules: [String]? = nil, deviceRequests: [DeviceRequest]? = nil, kernelMemory: Int64? = nil,
        kernelMemoryTCP: Int64? = nil, memoryReservation: Int64 = 0, memorySwap: Int64 = 0,
        memorySwappiness: Int64? = nil, oomKillDisable: Bool? = nil, pidsLimit: Int64? = nil,
        ulimits: [Ulimit]? = nil, cpuCount: Int64 = 0, cpuPercent: Int64 = 0, ioMaximumIOps: Int64 = 0,
        ioMaximumBandwidth: Int64 = 0
    ) {
        self.cpuShares = cpuShares
        self.memory = memory
        self.nanoCpus = nanoCpus
        self.cgroupParent = cgroupParent
        self.blkioWeight = blkioWeight
        self.blkioWeightDevice = blkioWeightDevice
        self.blkioDeviceReadBps = blkioDeviceReadBps
        self.blkioDeviceWriteBps = blkioDeviceWriteBps
        self.blkioDeviceReadIOps = blkioDeviceReadIOps
        self.blkioDeviceWriteIOps = blkioDeviceWriteIOps
        self.cpuPeriod = cpuPeriod
        self.cpuQuota = cpuQuota
        self.cpuRealtimePeriod = cpuRealtimePeriod
        self.cpuRealtimeRuntime = cpuRealtimeRuntime
        self.cpusetCpus = cpusetCpus
        self.cpusetMems = cpusetMems
        self.devices = devices
        self.deviceCgroupRules = deviceCgroupRules
        self.deviceRequests = deviceRequests
        self.kernelMemory = kernelMemory
        self.kernelMemoryTCP = kernelMemoryTCP
        self.memoryReservation = memoryReservation
        self.memorySwap = memorySwap
        self.memorySwappiness = memorySwappiness
        self.oomKillDisable = oomKillDisable
        self.pidsLimit = pidsLimit
        self.ulimits = ulimits
        self.cpuCount = cpuCount
        self.cpuPercent = cpuPercent
        self.ioMaximumIOps = ioMaximumIOps
        self.ioMaximumBandwidth = ioMaximumBandwidth
    }

    enum CodingKeys: String, CodingKey {
        case cpuShares = "CpuShares"
        case memory = "Memory"
        case nanoCpus = "NanoCpus"
        case cgroupParent = "CgroupParent"
        case blkioWeight = "BlkioWeight"
        case blkioWeightDevice = "BlkioWeightDevice"
        case blkioDeviceReadBps = "BlkioDeviceReadBps"
        case blkioDeviceWriteBps = "BlkioDeviceWriteBps"
        case blkioDeviceReadIOps = "BlkioDeviceReadIOps"
        case blkioDeviceWriteIOps = "BlkioDeviceWriteIOps"
        case cpuPeriod = "CpuPeriod"
        case cpuQuota = "CpuQuota"
        case cpuRealtimePeriod = "CpuRealtimePeriod"
        case cpuRealtimeRuntime = "CpuRealtimeRuntime"
        case cpusetCpus = "CpusetCpus"
        case cpusetMems = "CpusetMems"
        case devices = "Devices"
        case deviceCgroupRules = "DeviceCgroupRules"
        case deviceRequests = "DeviceRequests"
        case kernelMemory = "KernelMemory"
        case kernelMemoryTCP = "KernelMemoryTCP"
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case memorySwappiness = "MemorySwappiness"
        case oomKillDisable = "OomKillDisable"
        case pidsLimit = "PidsLimit"
        case ulimits = "Ulimits"
        case cpuCount = "CpuCount"
        case cpuPercent = "CpuPercent"
        case ioMaximumIOps = "IOMaximumIOps"
        case ioMaximumBandwidth = "IOMaximumBandwidth"
    }
}

package struct WeightDevice: Codable, Hashable, Sendable {
    @Always package var path: String
    @Always package var weight: UInt16

    package init(path: String = "", weight: UInt16 = 0) {
        self.path = path
        self.weight = weight
    }

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case weight = "Weight"
    }
}

/// A rate, bytes or operations a second.
package struct ThrottleDevice: Codable, Hashable, Sendable {
    @Always package var path: String
    @Always package var rate: Int64

    package init(path: String = "", rate: Int64 = 0) {
        self.path = path
        self.rate = rate
    }

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case rate = "Rate"
    }
}

/// A device of the host in the container.
package struct DeviceMapping: Codable, Hashable, Sendable {
    @Always package var pathOnHost: String
    @Always package var pathInContainer: String
    /// Of the letters `r`, `w`, `m`.
    @Always package var cgroupPermissions: String

    package init(pathOnHost: String = "", pathInContainer: String = "", cgroupPermissions: String = "") {
        self.pathOnHost = pathOnHost
        self.pathInContainer = pathInContainer
        self.cgroupPermissions = cgroupPermissions
    }

    enum CodingKeys: String, CodingKey {
        case pathOnHost = "PathOnHost"
        case pathInContainer = "PathInContainer"
        case cgroupPermissions = "CgroupPermissions"
    }
}

/// A request to a driver for devices, `--gpus`.
package struct DeviceRequest: Codable, Hashable, Sendable {
    @Always package var driver: String
    @Always package var count: Int
    @Always package var deviceIDs: [String]?
    @Always package var capabilities: [[String]]?
    @Always package var options: [String: String]?

    package init(
        driver: String = "", count: Int = 0, deviceIDs: [String]? = nil, capabilities: [[String]]? = nil,
        options: [String: String]? = nil
    ) {
        self.driver = driver
        self.count = count
        self.deviceIDs = deviceIDs
        self.capabilities = capabilities
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case count = "Count"
        case deviceIDs = "DeviceIDs"
        case capabilities = "Capabilities"
        case options = "Options"
    }
}

/// A limit of setrlimit(2), by its name without `RLIMIT_`, lower case; -1 means without limit.
package struct Ulimit: Codable, Hashable, Sendable {
    @Always package var name: String
    @Always package var hard: Int64
    @Always package var soft: Int64

    package init(name: String = "", hard: Int64 = 0, soft: Int64 = 0) {
        self.name = name
        self.hard = hard
        self.soft = soft
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case hard = "Hard"
        case soft = "Soft"
    }
}
