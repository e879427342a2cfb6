/// A filter of system calls (`config-linux.md`, "Seccomp").
package struct LinuxSeccomp: Codable, Sendable, Equatable {
    package var defaultAction: SeccompAction
    package var defaultErrnoRet: UInt32?
    /// `SCMP_ARCH_X86_64` and so on; absent: the native one.
    package var architectures: [String]?
    /// `SECCOMP_FILTER_FLAG_LOG` and so on.
    package var flags: [String]?
    package var listenerPath: String?
    package var listenerMetadata: String?
    package var syscalls: [SeccompSyscalls]?

    package init(
        defaultAction: SeccompAction, defaultErrnoRet: UInt32? = nil, architectures: [String]? = nil,
        flags: [String]? = nil, listenerPath: String? = nil, listenerMetadata: String? = nil,
        syscalls: [SeccompSyscalls]? = nil
    ) {
        self.defaultAction = defaultAction
        self.defaultErrnoRet = defaultErrnoRet
        self.architectures = architectures
        self.flags = flags
        self.listenerPath = listenerPath
        self.listenerMetadata = listenerMetadata
        self.syscalls = syscalls
    }
}

/// What to do with some system calls.
package struct SeccompSyscalls: Codable, Sendable, Equatable {
    package var names: [String]
    package var action: SeccompAction
    /// With `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`; absent: EPERM.
    package var errnoRet: UInt32?
    /// All must match.
    package var args: [SeccompArgument]?

    package init(names: [String] = [], action: SeccompAction, errnoRet: UInt32? = nil, args: [SeccompArgument]? = nil) {
        self.names = names
        self.action = action
        self.errnoRet = errnoRet
        self.args = args
    }
}

/// A condition on one argument of a system call.
package struct SeccompArgument: Codable, Sendable, Equatable {
    /// 0 to 5.
    package var index: UInt32
    package var value: UInt64
    /// What `SCMP_CMP_MASKED_EQ` compares with; `value` is the mask then.
    package var valueTwo: UInt64?
    package var op: SeccompOperator

    package init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: SeccompOperator) {
        self.index = index
        self.value = value
        self.valueTwo = valueTwo
        self.op = op
    }
}

package enum SeccompAction: String, Codable, Sendable, CaseIterable {
    case kill = "SCMP_ACT_KILL"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    case killThread = "SCMP_ACT_KILL_THREAD"
    case trap = "SCMP_ACT_TRAP"
    case errno = "SCMP_ACT_ERRNO"
    case trace = "SCMP_ACT_TRACE"
    case allow = "SCMP_ACT_ALLOW"
    case log = "SCMP_ACT_LOG"
    case notify = "SCMP_ACT_NOTIFY"
}

package enum SeccompOperator: String, Codable, Sendable, CaseIterable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
}
