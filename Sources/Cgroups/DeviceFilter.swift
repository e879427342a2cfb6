package import OCI

/// Device rules as a program of the kernel's (`BPF_PROG_TYPE_CGROUP_DEVICE`), which is how cgroup v2 wants them.
///
/// Rules one after the other make a default and exceptions to it, exactly as the devices controller of v1 does,
/// so that the same configuration means the same on both.
package struct DeviceFilter: Sendable, Equatable {
    private struct Device: Hashable {
        var kind: DeviceRule.Kind
        var major: UInt32?
        var minor: UInt32?
    }
    private struct Exception: Equatable {
        var device: Device
        var access: DeviceRule.Access
    }

    private var allowsByDefault = true
    private var exceptions: [Exception] = []

    package init(_ rules: [LinuxDeviceRule]) throws(CgroupError) {
        for rule in rules { add(try DeviceRule(rule)) }
    }

    private mutating func add(_ rule: DeviceRule) {
        if rule.kind == .all {
            allowsByDefault = rule.allow
            exceptions = []
            return
        }
        let device = Device(kind: rule.kind, major: rule.major, minor: rule.minor)
        let index = exceptions.firstIndex { $0.device == device }
        if rule.allow != allowsByDefault {
            if let index {
                exceptions[index].access.formUnion(rule.access)
            } else {
                exceptions.append(Exception(device: device, access: rule.access))
            }
        } else if let index {
            exceptions[index].access.subtract(rule.access)
            if exceptions[index].access.isEmpty { exceptions.remove(at: index) }
        }
    }

    /// `struct bpf_insn`s.
    package var program: [UInt64] {
        // struct bpf_cgroup_dev_ctx { u32 access << 16 | type; u32 major; u32 minor; }
        var code: [UInt64] = [
            BPF.load(2, from: 1, 0), BPF.move(3, register: 2), BPF.and(2, 0xffff), BPF.shiftRight(3, 16),
            BPF.load(4, from: 1, 4), BPF.load(5, from: 1, 8),
        ]
        for exception in exceptions { code += block(exception) }
        return code + [BPF.move(0, allowsByDefault ? 1 : 0), BPF.exit]
    }

    /// Decides for one exception, or goes on behind itself.
    private func block(_ exception: Exception) -> [UInt64] {
        var tests: [(UInt8, Int32, Int16) -> UInt64] = []
        var operands: [(UInt8, Int32)] = []
        func unlessEqual(_ register: UInt8, _ value: UInt32) {
            tests.append(BPF.jumpUnlessEqual)
            operands.append((register, Int32(bitPattern: value)))
        }
        unlessEqual(2, exception.device.kind == .block ? 1 : 2)
        if let major = exception.device.major { unlessEqual(4, major) }
        if let minor = exception.device.minor { unlessEqual(5, minor) }
        // An allowing exception must allow all that is wanted; a denying one denies if it concerns any of it.
        let mask = exception.access.rawValue
        let access =
            allowsByDefault
            ? [BPF.move(6, register: 3), BPF.and(6, Int32(mask))]
            : [
                BPF.move(6, register: 3),
                BPF.and(6, Int32(DeviceRule.Access.all.subtracting(exception.access).rawValue)),
            ]
        let verdict = [BPF.move(0, allowsByDefault ? 0 : 1), BPF.exit]
        let last = allowsByDefault ? BPF.jumpIfEqual(6, 0, 2) : BPF.jumpUnlessEqual(6, 0, 2)
        var code: [UInt64] = []
        for (index, test) in tests.enumerated() {
            let behind = tests.count - index - 1 + access.count + 1 + verdict.count
            code.append(test(operands[index].0, operands[index].1, Int16(behind)))
        }
        return code + access + [last] + verdict
    }
}

/// The few instructions of eBPF that are needed: u8 code, u4 target, u4 source, i16 offset, i32 constant.
private enum BPF {
    private static func instruction(_ code: UInt8, _ target: UInt8, _ source: UInt8, _ offset: Int16, _ value: Int32)
        -> UInt64
    {
        UInt64(code) | UInt64(source << 4 | target) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: value)) << 32
    }
    static func load(_ target: UInt8, from source: UInt8, _ offset: Int16) -> UInt64 {
        instruction(0x61, target, source, offset, 0)
    }
    static func move(_ target: UInt8, register source: UInt8) -> UInt64 { instruction(0xbc, target, source, 0, 0) }
    static func move(_ target: UInt8, _ value: Int32) -> UInt64 { instruction(0xb4, target, 0, 0, value) }
    static func and(_ target: UInt8, _ value: Int32) -> UInt64 { instruction(0x54, target, 0, 0, value) }
    static func shiftRight(_ target: UInt8, _ value: Int32) -> UInt64 { instruction(0x74, target, 0, 0, value) }
    static func jumpIfEqual(_ target: UInt8, _ value: Int32, _ offset: Int16) -> UInt64 {
        instruction(0x16, target, 0, offset, value)
    }
    static func jumpUnlessEqual(_ target: UInt8, _ value: Int32, _ offset: Int16) -> UInt64 {
        instruction(0x56, target, 0, offset, value)
    }
    static let exit = instruction(0x95, 0, 0, 0, 0)
}
