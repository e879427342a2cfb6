import Glibc
import Kernel
import OCI

/// What is set of a process besides who it is: scheduling, limits, labels.
struct ProcessAttributes {
    /// `/proc/self/attr/…/exec`, and what to write there right before the exec.
    private var label: SharedDescriptor?
    private var labelValue = ""

    /// Everything that the host's view of the process is needed for; before any namespace is entered.
    init(_ process: ProcessSpec, _ proc: borrowing HostProc) throws(RuntimeError) {
        if let adjustment = process.oomScoreAdj {
            do { try proc.write(Self.own + "oom_score_adj", "\(adjustment)") } catch {
                let hint = error.errno == EACCES ? " (lowering it needs the capability CAP_SYS_RESOURCE)" : ""
                throw RuntimeError(.process, "setting oom_score_adj to \(adjustment)\(hint)", error)
            }
        }
        try Self.setScheduler(process.scheduler)
        try Self.setIOPriority(process.ioPriority)
        try openLabel(process, proc)
    }

    /// The calling thread in any `/proc`; a plain link to the number.
    private static let own = "self/"

    private mutating func openLabel(_ process: ProcessSpec, _ proc: borrowing HostProc) throws(RuntimeError) {
        if let profile = process.apparmorProfile, !profile.isEmpty {
            guard Sys.exists("/sys/kernel/security/apparmor") else {
                throw RuntimeError(
                    .process, "process.apparmorProfile is \(profile), and this host runs without AppArmor")
            }
            label = try open("attr/apparmor/exec", proc)
            labelValue = "exec \(profile)"
        }
        if let context = process.selinuxLabel, !context.isEmpty {
            guard Sys.exists("/sys/fs/selinux/enforce") else {
                throw RuntimeError(.process, "process.selinuxLabel is \(context), and this host runs without SELinux")
            }
            guard label == nil else {
                throw RuntimeError(.process, "an AppArmor profile and an SELinux label cannot both be set")
            }
            label = try open("attr/exec", proc)
            labelValue = context
        }
    }

    private func open(_ attribute: String, _ proc: borrowing HostProc) throws(RuntimeError) -> SharedDescriptor {
        do throws(SyscallError) { return SharedDescriptor(try proc.openForWriting(Self.own + attribute)) } catch {
            throw RuntimeError(.process, "opening /proc/self/\(attribute)", error)
        }
    }

    /// Takes effect with the exec.
    func applyLabel() throws(RuntimeError) {
        guard let label else { return }
        do { try label.descriptor.writeAll(labelValue.utf8) } catch {
            throw RuntimeError(.process, "setting the security label \(labelValue)", error)
        }
    }

    private static let policies: [String: UInt32] = [
        "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
        "SCHED_DEADLINE": 6,
    ]
    private static let schedulerFlags: [String: UInt64] = [
        "SCHED_FLAG_RESET_ON_FORK": 0x01, "SCHED_FLAG_RECLAIM": 0x02, "SCHED_FLAG_DL_OVERRUN": 0x04,
        "SCHED_FLAG_KEEP_POLICY": 0x08, "SCHED_FLAG_KEEP_PARAMS": 0x10, "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
        "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
    ]

    private static func setScheduler(_ scheduler: Scheduler?) throws(RuntimeError) {
        guard let scheduler else { return }
        guard let policy = policies[scheduler.policy] else {
            throw RuntimeError(.config, "process.scheduler.policy is «\(scheduler.policy)», which is no policy")
        }
        var flags: UInt64 = 0
        for name in scheduler.flags ?? [] {
            guard let flag = schedulerFlags[name] else {
                throw RuntimeError(.config, "process.scheduler.flags has «\(name)», which is no flag")
            }
            flags |= flag
        }
        guard let priority = UInt32(exactly: scheduler.priority ?? 0) else {
            throw RuntimeError(.config, "process.scheduler.priority is negative")
        }
        do {
            try Processes.setScheduler(
                policy: policy, flags: flags, nice: scheduler.nice ?? 0, priority: priority,
                runtime: scheduler.runtime ?? 0, deadline: scheduler.deadline ?? 0, period: scheduler.period ?? 0)
        } catch {
            throw RuntimeError(.process, "setting the scheduler to \(scheduler.policy)", error)
        }
    }

    private static let ioClasses: [String: Int32] = [
        "IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3,
    ]

    private static func setIOPriority(_ priority: IOPriority?) throws(RuntimeError) {
        guard let priority else { return }
        guard let kind = ioClasses[priority.class], case let level = priority.priority ?? 0, (0...7).contains(level)
        else {
            throw RuntimeError(
                .config, "process.ioPriority: \(priority.class) \(priority.priority ?? 0) is no I/O priority")
        }
        // ioprio_set(2): the class is in the bits from 13 on.
        do { try Processes.setIOPriority(kind << 13 | level) } catch {
            throw RuntimeError(.process, "setting the I/O priority", error)
        }
    }

    static func setPersonality(_ personality: LinuxPersonality?) throws(RuntimeError) {
        guard let personality else { return }
        if let flag = personality.flags?.first {
            throw RuntimeError(.config, "linux.personality.flags: «\(flag)» is not supported; none are")
        }
        let value: UInt
        switch personality.domain ?? "LINUX" {
        case "LINUX": value = 0
        case "LINUX32": value = 8
        case let domain:
            throw RuntimeError(.config, "linux.personality.domain is «\(domain)»; known are LINUX and LINUX32")
        }
        try attempt(.process, "setting the personality") { () throws(SyscallError) in
            try Processes.setPersonality(value)
        }
    }
}
