import APIModel
import OCI

/// `--ulimit` as the runtime takes it.
enum ResourceLimits {
    private static let names: Set<String> = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
        "rttime", "sigpending", "stack",
    ]

    static func specification(_ ulimits: [Ulimit]) throws(SpecError) -> [ResourceLimit] {
        var limits: [ResourceLimit] = []
        for limit in ulimits {
            guard names.contains(limit.name) else { throw .invalid("invalid ulimit type: \(limit.name.quoted)") }
            guard limit.soft >= -1, limit.hard >= -1 else {
                throw .invalid("ulimit \(limit.name): a limit is a number from 0, or -1 for none")
            }
            let (soft, hard) = (number(limit.soft), number(limit.hard))
            guard soft <= hard else {
                throw .invalid(
                    "ulimit \(limit.name): soft limit must be less than or equal to hard limit: "
                        + "\(limit.soft) > \(limit.hard)")
            }
            let type = "RLIMIT_" + limit.name.uppercased()
            guard !limits.contains(where: { $0.type == type }) else {
                throw .invalid("ulimit \(limit.name) is given twice")
            }
            limits.append(ResourceLimit(type: type, hard: hard, soft: soft))
        }
        return limits
    }

    /// Docker's: not what the daemon happens to have itself.
    static let openFiles: UInt64 = 1 << 20

    /// Those of a container: the user's, and a number of open files that does not depend on how the daemon was started.
    static func ofContainer(_ ulimits: [Ulimit], _ host: HostFacts) throws(SpecError) -> [ResourceLimit] {
        let given = try specification(ulimits)
        if given.contains(where: { $0.type == "RLIMIT_NOFILE" }) { return given }
        let number = min(openFiles, host.openFiles)
        return given + [ResourceLimit(type: "RLIMIT_NOFILE", hard: number, soft: number)]
    }

    private static func number(_ value: Int64) -> UInt64 { value == -1 ? .max : UInt64(value) }
}
