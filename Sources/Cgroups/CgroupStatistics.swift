/// What a cgroup used. Times are nanoseconds, sizes bytes.
package struct CgroupStatistics: Sendable, Equatable {
    package struct CPU: Sendable, Equatable {
        package var total: UInt64 = 0
        package var user: UInt64 = 0
        package var system: UInt64 = 0
        /// Only on v1.
        package var perCPU: [UInt64] = []
        package var periods: UInt64 = 0
        package var throttledPeriods: UInt64 = 0
        package var throttledTime: UInt64 = 0
        package init() {}
    }
    package struct Memory: Sendable, Equatable {
        package var usage: UInt64 = 0
        /// Only where the kernel keeps it.
        package var maximumUsage: UInt64?
        /// nil: none.
        package var limit: UInt64?
        /// How often the limit was hit.
        package var failures: UInt64 = 0
        /// The lines of `memory.stat`.
        package var details: [String: UInt64] = [:]
        package init() {}

        /// Page cache that would be given up first: what `docker stats` leaves out of the use.
        package var inactiveFile: UInt64 { details["total_inactive_file"] ?? details["inactive_file"] ?? 0 }
    }
    package struct Pids: Sendable, Equatable {
        package var current: UInt64 = 0
        /// nil: none.
        package var limit: UInt64?
        package init() {}
    }
    /// Bytes or operations of one kind on one device.
    package struct BlockIO: Sendable, Equatable {
        package var major: UInt64
        package var minor: UInt64
        /// `read`, `write`, `discard` and so on.
        package var operation: String
        package var value: UInt64
        package init(major: UInt64, minor: UInt64, operation: String, value: UInt64) {
            self.major = major
            self.minor = minor
            self.operation = operation
            self.value = value
        }
    }

    package var cpu: CPU?
    package var memory: Memory?
    package var pids: Pids?
    package var ioBytes: [BlockIO] = []
    package var ioOperations: [BlockIO] = []
    package var oomKills: UInt64 = 0
    package init() {}
}
