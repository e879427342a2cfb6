/// The program of a container, or one more started in it (`config.md`, "Process").
package struct ProcessSpec: Codable, Sendable, Equatable {
    package var terminal: Bool?
    /// Ignored without a terminal.
    package var consoleSize: ConsoleSize?
    package var user: UserSpec?
    /// `execvp` arguments, at least one.
    package var args: [String]?
    /// Windows only.
    package var commandLine: String?
    /// `NAME=value`.
    package var env: [String]?
    /// Absolute.
    package var cwd: String
    package var capabilities: CapabilitySets?
    package var rlimits: [ResourceLimit]?
    package var noNewPrivileges: Bool?
    /// Absent: not touched.
    package var oomScoreAdj: Int?
    package var apparmorProfile: String?
    package var selinuxLabel: String?
    package var scheduler: Scheduler?
    package var ioPriority: IOPriority?
    /// Only for further processes, not for the container's own.
    package var execCPUAffinity: ExecCPUAffinity?

    package init(
        terminal: Bool? = nil, consoleSize: ConsoleSize? = nil, user: UserSpec? = nil, args: [String]? = nil,
        commandLine: String? = nil, env: [String]? = nil, cwd: String, capabilities: CapabilitySets? = nil,
        rlimits: [ResourceLimit]? = nil, noNewPrivileges: Bool? = nil, oomScoreAdj: Int? = nil,
        apparmorProfile: String? = nil, selinuxLabel: String? = nil, scheduler: Scheduler? = nil,
        ioPriority: IOPriority? = nil, execCPUAffinity: ExecCPUAffinity? = nil
    ) {
        self.terminal = terminal
        self.consoleSize = consoleSize
        self.user = user
        self.args = args
        self.commandLine = commandLine
        self.env = env
        self.cwd = cwd
        self.capabilities = capabilities
        self.rlimits = rlimits
        self.noNewPrivileges = noNewPrivileges
        self.oomScoreAdj = oomScoreAdj
        self.apparmorProfile = apparmorProfile
        self.selinuxLabel = selinuxLabel
        self.scheduler = scheduler
        self.ioPriority = ioPriority
        self.execCPUAffinity = execCPUAffinity
    }
}

/// Characters of a terminal.
package struct ConsoleSize: Codable, Sendable, Equatable {
    package var height: UInt
    package var width: UInt

    package init(height: UInt, width: UInt) {
        self.height = height
        self.width = width
    }
}

/// Numeric ids inside the container.
package struct UserSpec: Codable, Sendable, Equatable {
    /// 0 when absent.
    package var uid: UInt32?
    /// 0 when absent.
    package var gid: UInt32?
    package var umask: UInt32?
    package var additionalGids: [UInt32]?
    /// Windows only.
    package var username: String?

    package init(
        uid: UInt32? = nil, gid: UInt32? = nil, umask: UInt32? = nil, additionalGids: [UInt32]? = nil,
        username: String? = nil
    ) {
        self.uid = uid
        self.gid = gid
        self.umask = umask
        self.additionalGids = additionalGids
        self.username = username
    }
}

/// The five sets of capabilities(7), by `CAP_` name.
package struct CapabilitySets: Codable, Sendable, Equatable {
    package var bounding: [String]?
    package var effective: [String]?
    package var inheritable: [String]?
    package var permitted: [String]?
    package var ambient: [String]?

    package init(
        bounding: [String]? = nil, effective: [String]? = nil, inheritable: [String]? = nil,
        permitted: [String]? = nil, ambient: [String]? = nil
    ) {
        self.bounding = bounding
        self.effective = effective
        self.inheritable = inheritable
        self.permitted = permitted
        self.ambient = ambient
    }
}

/// A limit of setrlimit(2).
package struct ResourceLimit: Codable, Sendable, Equatable {
    /// `RLIMIT_NOFILE` and so on; unknown or repeated is an error.
    package var type: String
    package var hard: UInt64
    package var soft: UInt64

    package init(type: String, hard: UInt64, soft: UInt64) {
        self.type = type
        self.hard = hard
        self.soft = soft
    }
}

/// sched_setattr(2).
package struct Scheduler: Codable, Sendable, Equatable {
    /// `SCHED_OTHER` and so on.
    package var policy: String
    package var nice: Int32?
    package var priority: Int32?
    /// `SCHED_FLAG_RESET_ON_FORK` and so on.
    package var flags: [String]?
    package var runtime: UInt64?
    package var deadline: UInt64?
    package var period: UInt64?

    package init(
        policy: String, nice: Int32? = nil, priority: Int32? = nil, flags: [String]? = nil, runtime: UInt64? = nil,
        deadline: UInt64? = nil, period: UInt64? = nil
    ) {
        self.policy = policy
        self.nice = nice
        self.priority = priority
        self.flags = flags
        self.runtime = runtime
        self.deadline = deadline
        self.period = period
    }
}

/// ioprio_set(2).
package struct IOPriority: Codable, Sendable, Equatable {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
    package var `class`: String
    package var priority: Int32?

    package init(`class`: String, priority: Int32? = nil) {
        self.class = `class`
        self.priority = priority
    }
}

/// Lists of CPUs such as `0-3,7`, before and after the move into the container's cgroup.
package struct ExecCPUAffinity: Codable, Sendable, Equatable {
    package var initial: String?
    package var final: String?

    package init(initial: String? = nil, final: String? = nil) {
        self.initial = initial
        self.final = final
    }
}
