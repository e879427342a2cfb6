import Glibc

/// A failed system call: which one, on what, and the kernel's reason.
///
/// Prints as `mount(/a -> /b): Operation not permitted`.
package struct SyscallError: Error, CustomStringConvertible, Equatable, Sendable {
    package let call: String
    package let subject: String
    package let errno: Int32

    package init(_ call: String, _ subject: String, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// `ENOENT`: what the call speaks of is not there.
    package var isNotFound: Bool { errno == ENOENT }

    /// `EPIPE`, `ECONNRESET` or `EIO`: nobody reads what was to be written.
    package var isBrokenPipe: Bool { errno == EPIPE || errno == ECONNRESET || errno == EIO }

    package var reason: String { String(cString: strerror(errno)) }
    package var description: String { "\(call)(\(subject)): \(reason)" }

    /// The same failure, said of something the caller knows better.
    package func about(_ subject: String) -> SyscallError { SyscallError(call, subject, errno: errno) }
}

/// Runs one system call, again while a signal interrupted it, and turns -1 into an error.
///
/// `errno` is read in the same expression as the call: anything in between (ARC, a string, `close`) may change it.
@inline(__always)
package func check<Result: SignedInteger>(
    _ call: StaticString, _ subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SyscallError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let error = errno
        if error == EINTR { continue }
        // The programmer's errors, not the world's.
        precondition(error != EFAULT, "\(call): bad address")
        throw SyscallError("\(call)", subject(), errno: error)
    }
}

/// As `check`, for calls that must not be repeated when interrupted (`close`) or whose interruption means something.
@inline(__always)
package func checkOnce<Result: SignedInteger>(
    _ call: StaticString, _ subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SyscallError) -> Result {
    let result = body()
    if result != -1 { return result }
    let error = errno
    throw SyscallError("\(call)", subject(), errno: error)
}
