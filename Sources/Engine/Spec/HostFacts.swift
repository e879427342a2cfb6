import Glibc
import Kernel

/// What of the host decides how a container can be made. Tests make their own.
package struct HostFacts: Sendable {
    package var hostname: String
    /// CPUs and memory nodes that are there.
    package var cpus: Set<Int>
    package var memoryNodes: Set<Int>
    package var bounding: CapabilitySet
    /// Whether all controllers are those of cgroup v2.
    package var unifiedCgroups: Bool
    package var selinux: Bool
    package var devices: any HostDevices
    /// Paths below /sys that tell of the processor's temperature; they differ by machine.
    package var thermalPaths: [String]
    /// How many files a process may have open at most: the daemon's own hard limit.
    package var openFiles: UInt64

    package init(
        hostname: String, cpus: Set<Int>, memoryNodes: Set<Int> = [0], bounding: CapabilitySet,
        unifiedCgroups: Bool = true, selinux: Bool = false, devices: any HostDevices, thermalPaths: [String] = [],
        openFiles: UInt64 = 1 << 20
    ) {
        self.hostname = hostname
        self.cpus = cpus
        self.memoryNodes = memoryNodes
        self.bounding = bounding
        self.unifiedCgroups = unifiedCgroups
        self.selinux = selinux
        self.devices = devices
        self.thermalPaths = thermalPaths
        self.openFiles = openFiles
    }

    /// Of this machine, now.
    package static func current() throws -> HostFacts {
        func list(_ path: String) -> Set<Int>? {
            (try? Sys.readText(path)).flatMap { CPUList.parse(String($0.prefix { $0 != "\n" })) }
        }
        let cpus = list("/sys/devices/system/cpu/online") ?? [0]
        let possible = list("/sys/devices/system/cpu/possible") ?? cpus
        let hostname = try Sys.readText("/proc/sys/kernel/hostname")
        return HostFacts(
            hostname: String(hostname.prefix { $0 != "\n" }), cpus: cpus,
            memoryNodes: list("/sys/devices/system/node/online") ?? [0], bounding: .bounding(),
            unifiedCgroups: Sys.exists("/sys/fs/cgroup/cgroup.controllers"),
            selinux: Sys.exists("/sys/fs/selinux/enforce"), devices: DeviceDirectory(),
            thermalPaths: possible.sorted().map { "/sys/devices/system/cpu/cpu\($0)/thermal_throttle" }
                .filter { Sys.exists($0) },
            openFiles: try Processes.limit(Int32(RLIMIT_NOFILE.rawValue)).hard)
    }
}
