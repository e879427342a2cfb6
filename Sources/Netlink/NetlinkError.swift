import Glibc
import Kernel

/// What the kernel refused, and why: it often says so in words (extended acknowledgement).
package struct NetlinkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was asked for: `add address 10.0.0.1/24 to eth0`.
    package let request: String
    package let errno: Int32
    /// The kernel's own explanation; empty when it gave none.
    package let explanation: String
    /// Which request of a batch it was, counted from 0; nil when it was not one in particular.
    package let index: Int?

    package init(_ request: String, errno: Int32, explanation: String = "", index: Int? = nil) {
        self.request = request
        self.errno = errno
        self.explanation = explanation
        self.index = index
    }

    init(_ error: SyscallError) {
        self.init("\(error.call)(\(error.subject))", errno: error.errno)
    }

    package var isExisting: Bool { errno == EEXIST }
    /// What the request speaks of is not there.
    package var isMissing: Bool { errno == ENOENT || errno == ENODEV || errno == ESRCH }

    package var description: String {
        let reason = String(cString: strerror(errno))
        return "netlink: \(request): \(reason)" + (explanation.isEmpty ? "" : " (\(explanation))")
    }
}
