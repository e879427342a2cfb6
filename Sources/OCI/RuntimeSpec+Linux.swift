/// What is Linux's own in `config.json` (`config-linux.md`).
package struct LinuxSpec: Codable, Sendable, Equatable {
    /// An absent type means the runtime's own namespace.
    package var namespaces: [LinuxNamespace]?
    package var uidMappings: [IDMapping]?
    package var gidMappings: [IDMapping]?
    package var timeOffsets: LinuxTimeOffsets?
    /// Made besides the default ones.
    package var devices: [LinuxDevice]?
    /// By their name in the runtime's namespace.
    package var netDevices: [String: LinuxNetDevice]?
    package var cgroupsPath: String?
    package var resources: LinuxResources?
    package var sysctl: [String: String]?
    package var seccomp: LinuxSeccomp?
    /// `shared`, `slave`, `private` or `unbindable`.
    package var rootfsPropagation: String?
    package var maskedPaths: [String]?
    package var readonlyPaths: [String]?
    package var mountLabel: String?
    package var intelRdt: LinuxIntelRdt?
    package var memoryPolicy: LinuxMemoryPolicy?
    package var personality: LinuxPersonality?

    package init(
        namespaces: [LinuxNamespace]? = nil, uidMappings: [IDMapping]? = nil, gidMappings: [IDMapping]? = nil,
        timeOffsets: LinuxTimeOffsets? = nil, devices: [LinuxDevice]? = nil,
        netDevices: [String: LinuxNetDevice]? = nil, cgroupsPath: String? = nil, resources: LinuxResources? = nil,
        sysctl: [String: String]? = nil, seccomp: LinuxSeccomp? = nil, rootfsPropagation: String? = nil,
        maskedPaths: [String]? = nil, readonlyPaths: [String]? = nil, mountLabel: String? = nil,
        intelRdt: LinuxIntelRdt? = nil, memoryPolicy: LinuxMemoryPolicy? = nil, personality: LinuxPersonality? = nil
    ) {
        self.namespaces = namespaces
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
        self.timeOffsets = timeOffsets
        self.devices = devices
        self.netDevices = netDevices
        self.cgroupsPath = cgroupsPath
        self.resources = resources
        self.sysctl = sysctl
        self.seccomp = seccomp
        self.rootfsPropagation = rootfsPropagation
        self.maskedPaths = maskedPaths
        self.readonlyPaths = readonlyPaths
        self.mountLabel = mountLabel
        self.intelRdt = intelRdt
        self.memoryPolicy = memoryPolicy
        self.personality = personality
    }
}

/// The kinds of namespaces(7), as `config.json` names them.
package enum LinuxNamespaceType: String, Codable, Sendable, CaseIterable {
    case mount, pid, network, uts, ipc, user, cgroup, time
}

/// A new namespace, or with a path an existing one to join.
package struct LinuxNamespace: Codable, Sendable, Equatable {
    package var type: LinuxNamespaceType
    /// Absolute.
    package var path: String?

    package init(type: LinuxNamespaceType, path: String? = nil) {
        self.type = type
        self.path = path
    }
}

/// Offsets of the clocks in a new time namespace.
package struct LinuxTimeOffsets: Codable, Sendable, Equatable {
    package var boottime: LinuxTimeOffset?
    package var monotonic: LinuxTimeOffset?

    package init(boottime: LinuxTimeOffset? = nil, monotonic: LinuxTimeOffset? = nil) {
        self.boottime = boottime
        self.monotonic = monotonic
    }
}

package struct LinuxTimeOffset: Codable, Sendable, Equatable {
    package var secs: Int64?
    package var nanosecs: UInt32?

    package init(secs: Int64? = nil, nanosecs: UInt32? = nil) {
        self.secs = secs
        self.nanosecs = nanosecs
    }
}

/// A device node to make in the container.
package struct LinuxDevice: Codable, Sendable, Equatable {
    /// `c`, `b`, `u` (as `c`) or `p` (a FIFO).
    package var type: String
    package var path: String
    /// Not for a FIFO.
    package var major: Int64?
    package var minor: Int64?
    /// Permission bits.
    package var fileMode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?

    package init(
        type: String, path: String, major: Int64? = nil, minor: Int64? = nil, fileMode: UInt32? = nil,
        uid: UInt32? = nil, gid: UInt32? = nil
    ) {
        self.type = type
        self.path = path
        self.major = major
        self.minor = minor
        self.fileMode = fileMode
        self.uid = uid
        self.gid = gid
    }
}

/// A network device to move into the container.
package struct LinuxNetDevice: Codable, Sendable, Equatable {
    /// Its new name there.
    package var name: String?

    package init(name: String? = nil) {
        self.name = name
    }
}

/// Intel's resource director, by resctrl.
package struct LinuxIntelRdt: Codable, Sendable, Equatable {
    package var closID: String?
    package var schemata: [String]?
    package var l3CacheSchema: String?
    package var memBwSchema: String?
    package var enableMonitoring: Bool?

    package init(
        closID: String? = nil, schemata: [String]? = nil, l3CacheSchema: String? = nil, memBwSchema: String? = nil,
        enableMonitoring: Bool? = nil
    ) {
        self.closID = closID
        self.schemata = schemata
        self.l3CacheSchema = l3CacheSchema
        self.memBwSchema = memBwSchema
        self.enableMonitoring = enableMonitoring
    }
}

/// set_mempolicy(2).
package struct LinuxMemoryPolicy: Codable, Sendable, Equatable {
    /// `MPOL_BIND` and so on.
    package var mode: String?
    /// A list of nodes such as `0-1,3`.
    package var nodes: String?
    /// `MPOL_F_STATIC_NODES` and so on.
    package var flags: [String]?

    package init(mode: String? = nil, nodes: String? = nil, flags: [String]? = nil) {
        self.mode = mode
        self.nodes = nodes
        self.flags = flags
    }
}

/// personality(2).
package struct LinuxPersonality: Codable, Sendable, Equatable {
    /// `LINUX` or `LINUX32`.
    package var domain: String?
    package var flags: [String]?

    package init(domain: String? = nil, flags: [String]? = nil) {
        self.domain = domain
        self.flags = flags
    }
}
