package import APIModel
import Basics

/// `--log-opt max-size` and `max-file`: when a container's log is cut, and how much of it is kept.
package struct LogLimits: Hashable, Sendable {
    /// Bytes of one file.
    package var maximumSize: Int64 = 10 << 20
    package var maximumFiles: Int = 3

    package init() {}

    /// Throws for drivers and options that are not there.
    package init(_ log: LogConfig) throws(SpecError) {
        switch log.type {
        // Box's one driver goes by the names of the two of Docker's that it stands in for.
        case "", "json-file", "local": break
        default:
            throw .unsupported("--log-driver \(log.type.quoted)", "there is one driver, called json-file or local")
        }
        for (name, value) in log.config.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "max-size":
                guard let size = ByteCount.parse(value), size >= 4096 else {
                    throw .invalid("--log-opt max-size: \(value.quoted) is no size of at least 4k, such as 10m")
                }
                maximumSize = size
            case "max-file":
                guard let count = Int(value), (1...1000).contains(count) else {
                    throw .invalid("--log-opt max-file: \(value.quoted) is no number from 1 to 1000")
                }
                maximumFiles = count
            default:
                throw .unsupported("--log-opt \(name.quoted)", "the options are max-size and max-file")
            }
        }
    }
}
