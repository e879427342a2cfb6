import Glibc
import Kernel
import OCI

/// Bit n for capability number n of capabilities(7).
struct CapabilityMask: OptionSet, Sendable {
    let rawValue: UInt64

    /// By number.
    static let names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]
    static let systemAdministration = CapabilityMask(number: 21)

    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(number: Int) { rawValue = 1 << UInt64(number) }

    /// Names that no kernel known here has are returned apart: the specification wants a warning, not a failure.
    static func parse(_ names: [String]?) -> (mask: CapabilityMask, unknown: [String]) {
        var mask: CapabilityMask = []
        var unknown: [String] = []
        for name in names ?? [] {
            if let number = Self.names.firstIndex(of: name) {
                mask.insert(CapabilityMask(number: number))
            } else {
                unknown.append(name)
            }
        }
        return (mask, unknown)
    }

    var names: [String] {
        Self.names.indices.filter { contains(CapabilityMask(number: $0)) }.map { Self.names[$0] }
    }
}

/// The five sets of a process, cut down to what can be given here.
struct CapabilityPlan: Sendable, Equatable {
    var bounding: CapabilityMask
    var effective: CapabilityMask
    var permitted: CapabilityMask
    var inheritable: CapabilityMask
    var ambient: CapabilityMask
    /// What was asked for and is not to be had.
    var warnings: [String]

    /// `available` is what this process may pass on: its permitted and its bounding set. No sets at all means no
    /// capabilities.
    init(_ sets: CapabilitySets?, available: CapabilityMask) {
        var unknown: [String] = []
        var missing: CapabilityMask = []
        func parse(_ names: [String]?) -> CapabilityMask {
            let (mask, strange) = CapabilityMask.parse(names)
            unknown += strange.filter { !unknown.contains($0) }
            missing.formUnion(mask.subtracting(available))
            return mask.intersection(available)
        }
        bounding = parse(sets?.bounding)
        permitted = parse(sets?.permitted)
        // The kernel refuses a capability that is effective but not permitted, or ambient but not both permitted and
        // inheritable; what was cut above must not make a set refused that was consistent as it was written.
        effective = parse(sets?.effective).intersection(permitted)
        inheritable = parse(sets?.inheritable)
        ambient = parse(sets?.ambient).intersection(permitted).intersection(inheritable)
        warnings = unknown.map { "unknown capability \($0) is not given" }
        if !missing.isEmpty {
            warnings.append("not given, because this host does not grant them: \(missing.names.joined(separator: " "))")
        }
    }

    /// What the calling process has to give.
    static func available() throws(SyscallError) -> CapabilityMask {
        CapabilityMask(rawValue: try Processes.capabilities().permitted).intersection(bounding)
    }

    /// The bounding set as it was before anything was dropped. Asked for once, by a question for each capability, and
    /// not again by processes forked from this one.
    private static let bounding: CapabilityMask = {
        var mask: CapabilityMask = []
        for number in 0..<64 {
            guard let present = Processes.isInBoundingSet(number) else { break }
            if present { mask.insert(CapabilityMask(number: number)) }
        }
        return mask
    }()

    func dropBounding() throws(SyscallError) {
        let dropped = Self.bounding.subtracting(bounding)
        for number in 0..<64 where dropped.contains(CapabilityMask(number: number)) {
            try Processes.dropFromBoundingSet(number)
        }
    }

    /// `extra` stays effective besides, for one more step that needs it.
    func apply(keeping extra: CapabilityMask = []) throws(SyscallError) {
        try Processes.setCapabilities(
            Processes.Capabilities(
                effective: effective.union(extra).rawValue, permitted: permitted.union(extra).rawValue,
                inheritable: inheritable.rawValue))
    }

    func raiseAmbient() throws(SyscallError) {
        try Processes.clearAmbientCapabilities()
        for number in CapabilityMask.names.indices where ambient.contains(CapabilityMask(number: number)) {
            try Processes.raiseAmbientCapability(number)
        }
    }
}
