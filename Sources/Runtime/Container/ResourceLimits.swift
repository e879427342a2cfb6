import Glibc
import Kernel
import OCI

/// `process.rlimits`
enum ResourceLimits {
    /// By the kernel's number.
    static let names = [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
        "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ]

    /// Exactly what is written, or an error.
    static func apply(_ limits: [ResourceLimit]?) throws(RuntimeError) {
        var seen: Set<String> = []
        for limit in limits ?? [] {
            guard let number = names.firstIndex(of: limit.type) else {
                throw RuntimeError(
                    .limits, "\(limit.type) is no resource limit; known are \(names.joined(separator: ", "))")
            }
            guard seen.insert(limit.type).inserted else {
                throw RuntimeError(.limits, "\(limit.type) is given twice in process.rlimits")
            }
            guard limit.soft <= limit.hard else {
                throw RuntimeError(
                    .limits, "\(limit.type): the soft limit \(limit.soft) is above the hard limit \(limit.hard)")
            }
            do {
                try Processes.setLimit(Int32(number), soft: limit.soft, hard: limit.hard)
            } catch let error where error.errno == EPERM {
                let now = (try? Processes.limit(Int32(number)).hard) ?? 0
                throw RuntimeError(
                    .limits,
                    "\(limit.type): a hard limit of \(limit.hard) is more than this host allows (\(now)), and the "
                        + "capability CAP_SYS_RESOURCE, which could raise it, is missing here",
                    errno: EPERM)
            } catch {
                throw RuntimeError(.limits, "setting \(limit.type) to \(limit.soft):\(limit.hard)", error)
            }
        }
    }
}
