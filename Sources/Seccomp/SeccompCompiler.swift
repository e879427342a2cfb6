import CSeccomp
import Glibc
import Kernel
package import OCI

/// Makes the kernel's filter program (`struct sock_filter`s, 8 bytes each) of a list of system calls.
package enum SeccompCompiler {
    /// System calls whose names libseccomp does not know are passed over, as the profile may be newer than it.
    /// `flags` are no part of the program: see `flags(of:)`.
    ///
    /// - Parameter optimized: false for the program as libseccomp made it.
    package static func compile(_ filter: LinuxSeccomp, optimized: Bool = true) throws(SeccompError) -> [UInt8] {
        if filter.listenerPath != nil || filter.defaultAction == .notify {
            throw SeccompError("SCMP_ACT_NOTIFY is not supported")
        }
        let standard = try action(filter.defaultAction, filter.defaultErrnoRet)
        guard let context = seccomp_init(standard) else {
            throw SeccompError("libseccomp does not take the default action")
        }
        defer { seccomp_release(context) }
        let architectures = try addArchitectures(filter, context)
        // As a tree: some 9 comparisons a system call instead of hundreds. Older libraries cannot, and do without.
        _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for rule in filter.syscalls ?? [] {
            if rule.action == .notify { throw SeccompError("SCMP_ACT_NOTIFY is not supported") }
            let wanted = try action(rule.action, rule.errnoRet)
            // Says nothing, and libseccomp refuses it.
            if wanted == standard { continue }
            for name in rule.names { try add(name, wanted, rule.args ?? [], context) }
        }
        var program = try export(context)
        if filter.defaultAction == .errno, filter.defaultErrnoRet != UInt32(ENOSYS) {
            program = unknownCalls(filter, architectures) + program
        }
        guard optimized, let long = FilterProgram(program) else { return program }
        return FilterOptimizer.optimize(long, architectures: architectures)?.bytes ?? program
    }

    /// What seccomp(2) is to be called with besides the program.
    package static func flags(of filter: LinuxSeccomp) throws(SeccompError) -> UInt32 {
        var bits: UInt32 = 0
        for flag in filter.flags ?? [] {
            switch flag {
            case "SECCOMP_FILTER_FLAG_TSYNC": bits |= 1
            case "SECCOMP_FILTER_FLAG_LOG": bits |= 2
            case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": bits |= 4
            default: throw SeccompError("flag \(flag) is not supported")
            }
        }
        return bits
    }

    // MARK: Rules

    private static func action(_ action: SeccompAction, _ errnoRet: UInt32?) throws(SeccompError) -> UInt32 {
        let number = errnoRet ?? UInt32(EPERM)
        guard number <= 0xffff else { throw SeccompError("errnoRet \(number) is too large") }
        switch action {
        case .errno: return 0x0005_0000 | number
        case .trace: return 0x7ff0_0000 | number
        default:
            if errnoRet != nil { throw SeccompError("\(action.rawValue) with an errnoRet, which it cannot return") }
        }
        switch action {
        case .kill, .killThread: return 0
        case .killProcess: return 0x8000_0000
        case .trap: return 0x0003_0000
        case .log: return 0x7ffc_0000
        case .notify: return 0x7fc0_0000
        default: return 0x7fff_0000
        }
    }

    /// The tokens of the architectures that the filter is for; those not listed are killed, for their system
    /// calls have other numbers.
    private static func addArchitectures(_ filter: LinuxSeccomp, _ context: scmp_filter_ctx) throws(SeccompError)
        -> [UInt32]
    {
        let native = seccomp_arch_native()
        guard let names = filter.architectures, !names.isEmpty else { return [native] }
        var tokens: [UInt32] = []
        for name in names {
            let prefix = "SCMP_ARCH_"
            let token =
                name == prefix + "NATIVE"
                ? native : seccomp_arch_resolve_name(name.dropFirst(prefix.count).lowercased())
            guard name.hasPrefix(prefix), token != 0 else { throw SeccompError("unknown architecture \(name)") }
            let result = seccomp_arch_add(context, token)
            guard result == 0 || result == -EEXIST else {
                throw SeccompError("architecture \(name): \(String(cString: strerror(-result)))")
            }
            tokens.append(token)
        }
        if !tokens.contains(native) { _ = seccomp_arch_remove(context, native) }
        return tokens
    }

    private static func add(
        _ name: String, _ action: UInt32, _ arguments: [SeccompArgument], _ context: scmp_filter_ctx
    )
        throws(SeccompError)
    {
        let number = seccomp_syscall_resolve_name(name)
        if number == __NR_SCMP_ERROR { return }
        let conditions = try arguments.map(condition)
        let indices = Set(arguments.map(\.index))
        // Several conditions on one argument cannot all hold in one rule of libseccomp's: then any of them is enough,
        // which is how profiles mean it.
        let groups = indices.count == conditions.count ? [conditions] : conditions.map { [$0] }
        for group in groups {
            let result = seccomp_rule_add_array(context, action, number, UInt32(group.count), group)
            guard result == 0 || result == -EEXIST else {
                throw SeccompError("rule for \(name): \(String(cString: strerror(-result)))")
            }
        }
    }

    private static func condition(_ argument: SeccompArgument) throws(SeccompError) -> scmp_arg_cmp {
        guard argument.index < 6 else { throw SeccompError("argument index \(argument.index): a system call has six") }
        let operation =
            switch argument.op {
            case .notEqual: SCMP_CMP_NE
            case .less: SCMP_CMP_LT
            case .lessOrEqual: SCMP_CMP_LE
            case .equal: SCMP_CMP_EQ
            case .greaterOrEqual: SCMP_CMP_GE
            case .greater: SCMP_CMP_GT
            case .maskedEqual: SCMP_CMP_MASKED_EQ
            }
        return scmp_arg_cmp(
            arg: argument.index, op: operation, datum_a: argument.value, datum_b: argument.valueTwo ?? 0)
    }

    private static func export(_ context: scmp_filter_ctx) throws(SeccompError) -> [UInt8] {
        do throws(SyscallError) {
            let file = try Sys.memoryFile("seccomp")
            let result = seccomp_export_bpf(context, file.raw)
            guard result == 0 else { throw SyscallError("seccomp_export_bpf", "", errno: -result) }
            try file.seek(to: 0)
            return try file.readAll(limit: 8 * 65535)
        } catch {
            throw SeccompError("\(error)")
        }
    }

    // MARK: System calls newer than the profile

    /// Instructions that go in front: a system call with a number above all that the profile names is one that its
    /// author did not know. It is answered with ENOSYS, as by an older kernel, so that libraries fall back to
    /// what they used before; EPERM would make them give up.
    private static func unknownCalls(_ filter: LinuxSeccomp, _ architectures: [UInt32]) -> [UInt8] {
        let x32 = seccomp_arch_resolve_name("x32")
        var code: [UInt8] = []
        for token in architectures where token != x32 {
            let numbers = (filter.syscalls ?? []).flatMap(\.names).map { seccomp_syscall_resolve_name_arch(token, $0) }
            guard let highest = numbers.max(), highest > 0 else { continue }
            // struct seccomp_data { int nr; u32 arch; … }
            code += Instruction.loadWord(4)
            code += Instruction.jumpIfEqual(token, 0, 4)
            code += Instruction.loadWord(0)
            // The numbers of x32 begin here, under the same token.
            code += Instruction.jumpIfGreaterOrEqual(0x4000_0000, 2, 0)
            code += Instruction.jumpIfGreaterOrEqual(UInt32(highest) + 1, 0, 1)
            code += Instruction.answer(0x0005_0000 | UInt32(ENOSYS))
        }
        return code
    }

    /// `struct sock_filter { u16 code; u8 jt, jf; u32 k; }`
    private enum Instruction {
        private static func encode(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) -> [UInt8] {
            let (c, k) = (code.littleEndian, value.littleEndian)
            return withUnsafeBytes(of: c) { Array($0) } + [yes, no] + withUnsafeBytes(of: k) { Array($0) }
        }
        static func loadWord(_ offset: UInt32) -> [UInt8] { encode(0x20, 0, 0, offset) }
        static func jumpIfEqual(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> [UInt8] { encode(0x15, yes, no, value) }
        static func jumpIfGreaterOrEqual(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> [UInt8] {
            encode(0x35, yes, no, value)
        }
        static func answer(_ value: UInt32) -> [UInt8] { encode(0x06, 0, 0, value) }
    }
}
