/// Limits kept by cgroups (`config-linux.md`, "Control groups"). -1 means no limit where the field is signed.
package struct LinuxResources: Codable, Sendable, Equatable {
    /// Applied in order.
    package var devices: [LinuxDeviceRule]?
    package var memory: LinuxMemory?
    package var cpu: LinuxCPU?
    package var pids: LinuxPids?
    package var blockIO: LinuxBlockIO?
    package var hugepageLimits: [LinuxHugepageLimit]?
    package var network: LinuxNetworkResources?
    /// By device.
    package var rdma: [String: LinuxRdma]?
    /// Files of cgroup v2 and what to write there.
    package var unified: [String: String]?

    package init(
        devices: [LinuxDeviceRule]? = nil, memory: LinuxMemory? = nil, cpu: LinuxCPU? = nil, pids: LinuxPids? = nil,
        blockIO: LinuxBlockIO? = nil, hugepageLimits: [LinuxHugepageLimit]? = nil,
        network: LinuxNetworkResources? = nil, rdma: [String: LinuxRdma]? = nil, unified: [String: String]? = nil
    ) {
        self.devices = devices
        self.memory = memory
        self.cpu = cpu
        self.pids = pids
        self.blockIO = blockIO
        self.hugepageLimits = hugepageLimits
        self.network = network
        self.rdma = rdma
        self.unified = unified
    }
}

/// Allows or denies devices. Absent numbers mean all.
package struct LinuxDeviceRule: Codable, Sendable, Equatable {
    package var allow: Bool
    /// `a` (all), `c` or `b`.
    package var type: String?
    package var major: Int64?
    package var minor: Int64?
    /// Of the letters `r`, `w`, `m`.
    package var access: String?

    package init(allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil) {
        self.allow = allow
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access
    }
}

/// Bytes.
package struct LinuxMemory: Codable, Sendable, Equatable {
    package var limit: Int64?
    package var reservation: Int64?
    /// Memory and swap together.
    package var swap: Int64?
    package var kernel: Int64?
    package var kernelTCP: Int64?
    /// 0 to 100.
    package var swappiness: UInt64?
    package var disableOOMKiller: Bool?
    package var useHierarchy: Bool?
    /// Refuse a limit below the present use.
    package var checkBeforeUpdate: Bool?

    package init(
        limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil, kernel: Int64? = nil,
        kernelTCP: Int64? = nil, swappiness: UInt64? = nil, disableOOMKiller: Bool? = nil, useHierarchy: Bool? = nil,
        checkBeforeUpdate: Bool? = nil
    ) {
        self.limit = limit
        self.reservation = reservation
        self.swap = swap
        self.kernel = kernel
        self.kernelTCP = kernelTCP
        self.swappiness = swappiness
        self.disableOOMKiller = disableOOMKiller
        self.useHierarchy = useHierarchy
        self.checkBeforeUpdate = checkBeforeUpdate
    }
}

package struct LinuxCPU: Codable, Sendable, Equatable {
    /// 2 to 262144; 1024 is usual.
    package var shares: UInt64?
    /// Microseconds in each period.
    package var quota: Int64?
    package var burst: UInt64?
    /// Microseconds.
    package var period: UInt64?
    package var realtimeRuntime: Int64?
    package var realtimePeriod: UInt64?
    /// A list such as `0-3,7`.
    package var cpus: String?
    package var mems: String?
    package var idle: Int64?

    package init(
        shares: UInt64? = nil, quota: Int64? = nil, burst: UInt64? = nil, period: UInt64? = nil,
        realtimeRuntime: Int64? = nil, realtimePeriod: UInt64? = nil, cpus: String? = nil, mems: String? = nil,
        idle: Int64? = nil
    ) {
        self.shares = shares
        self.quota = quota
        self.burst = burst
        self.period = period
        self.realtimeRuntime = realtimeRuntime
        self.realtimePeriod = realtimePeriod
        self.cpus = cpus
        self.mems = mems
        self.idle = idle
    }
}

package struct LinuxPids: Codable, Sendable, Equatable {
    package var limit: Int64?

    package init(limit: Int64? = nil) {
        self.limit = limit
    }
}

package struct LinuxBlockIO: Codable, Sendable, Equatable {
    /// 10 to 1000.
    package var weight: UInt16?
    package var leafWeight: UInt16?
    package var weightDevice: [LinuxWeightDevice]?
    package var throttleReadBpsDevice: [LinuxThrottleDevice]?
    package var throttleWriteBpsDevice: [LinuxThrottleDevice]?
    package var throttleReadIOPSDevice: [LinuxThrottleDevice]?
    package var throttleWriteIOPSDevice: [LinuxThrottleDevice]?

    package init(
        weight: UInt16? = nil, leafWeight: UInt16? = nil, weightDevice: [LinuxWeightDevice]? = nil,
        throttleReadBpsDevice: [LinuxThrottleDevice]? = nil, throttleWriteBpsDevice: [LinuxThrottleDevice]? = nil,
        throttleReadIOPSDevice: [LinuxThrottleDevice]? = nil, throttleWriteIOPSDevice: [LinuxThrottleDevice]? = nil
    ) {
        self.weight = weight
        self.leafWeight = leafWeight
        self.weightDevice = weightDevice
        self.throttleReadBpsDevice = throttleReadBpsDevice
        self.throttleWriteBpsDevice = throttleWriteBpsDevice
        self.throttleReadIOPSDevice = throttleReadIOPSDevice
        self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
    }
}

package struct LinuxWeightDevice: Codable, Sendable, Equatable {
    package var major: Int64
    package var minor: Int64
    package var weight: UInt16?
    package var leafWeight: UInt16?

    package init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
        self.major = major
        self.minor = minor
        self.weight = weight
        self.leafWeight = leafWeight
    }
}

/// A rate: bytes or operations a second.
package struct LinuxThrottleDevice: Codable, Sendable, Equatable {
    package var major: Int64
    package var minor: Int64
    package var rate: UInt64?

    package init(major: Int64, minor: Int64, rate: UInt64? = nil) {
        self.major = major
        self.minor = minor
        self.rate = rate
    }
}

package struct LinuxHugepageLimit: Codable, Sendable, Equatable {
    /// Such as `2MB`.
    package var pageSize: String
    /// Bytes.
    package var limit: UInt64

    package init(pageSize: String, limit: UInt64) {
        self.pageSize = pageSize
        self.limit = limit
    }
}

package struct LinuxNetworkResources: Codable, Sendable, Equatable {
    package var classID: UInt32?
    package var priorities: [LinuxInterfacePriority]?

    package init(classID: UInt32? = nil, priorities: [LinuxInterfacePriority]? = nil) {
        self.classID = classID
        self.priorities = priorities
    }
}

package struct LinuxInterfacePriority: Codable, Sendable, Equatable {
    package var name: String
    package var priority: UInt32?

    package init(name: String, priority: UInt32? = nil) {
        self.name = name
        self.priority = priority
    }
}

package struct LinuxRdma: Codable, Sendable, Equatable {
    package var hcaHandles: UInt32?
    package var hcaObjects: UInt32?

    package init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
        self.hcaHandles = hcaHandles
        self.hcaObjects = hcaObjects
    }
}
