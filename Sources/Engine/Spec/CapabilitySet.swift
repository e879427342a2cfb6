import Kernel

/// A set of capabilities(7): bit n for number n.
package struct CapabilitySet: Hashable, Sendable {
    package var bits: UInt64

    package init(bits: UInt64 = 0) { self.bits = bits }
    init(numbers: some Sequence<Int>) { bits = numbers.reduce(0) { $0 | 1 << UInt64($1) } }

    func contains(_ number: Int) -> Bool { bits & 1 << UInt64(number) != 0 }

    /// By number, from 0.
    private static let all = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// With or without `CAP_`, in any case; nil for no capability.
    static func number(_ name: String) -> Int? {
        var name = name.uppercased()
        if name.hasPrefix("CAP_") { name.removeFirst(4) }
        return all.firstIndex(of: name)
    }

    /// `CAP_` names in the order of the numbers.
    package var names: [String] { Self.all.indices.filter(contains).map { "CAP_" + Self.all[$0] } }

    /// What Docker gives every container.
    static let standard = CapabilitySet(
        numbers: [
            "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
            "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
        ].compactMap(number))

    /// What a child of this process can have at most. Even root's set may lack some.
    package static func bounding() -> CapabilitySet {
        CapabilitySet(numbers: all.indices.filter { Processes.isInBoundingSet($0) == true })
    }

    /// A container's capabilities, from `--privileged`, `--cap-add` and `--cap-drop`.
    ///
    /// Of the default ones and of ALL, those that `bounding` lacks are left out; one added by name must be there.
    static func ofContainer(
        add: [String], drop: [String], privileged: Bool, bounding: CapabilitySet
    ) throws(SpecError) -> CapabilitySet {
        let (addAll, added) = try parse(add, flag: "--cap-add")
        let (dropAll, dropped) = try parse(drop, flag: "--cap-drop")
        if !privileged, !addAll, let missing = CapabilitySet(bits: added.bits & ~bounding.bits).names.first {
            throw .invalid(
                "invalid CapAdd: \(missing) is not supported by this kernel, or the daemon itself does not have it")
        }
        let bits: UInt64 =
            if privileged || addAll {
                bounding.bits & ~dropped.bits
            } else if dropAll {
                added.bits
            } else {
                standard.bits & ~dropped.bits | added.bits
            }
        return CapabilitySet(bits: bits & bounding.bits)
    }

    private static func parse(_ names: [String], flag: String) throws(SpecError) -> (all: Bool, set: CapabilitySet) {
        var all = false
        var set = CapabilitySet()
        for name in names {
            if name.uppercased() == "ALL" {
                all = true
            } else if let number = number(name) {
                set.bits |= 1 << UInt64(number)
            } else {
                throw .invalid("\(flag): unknown capability: \(name.quoted)")
            }
        }
        return (all, set)
    }
}
