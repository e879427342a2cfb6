import Glibc
import Kernel

/// Standard output and standard error.
enum Output {
    /// Writes everything. A reader that is gone ends the program quietly, as a signal would: there is nobody to tell.
    static func write(_ bytes: UnsafeRawBufferPointer, to fd: Int32 = 1) throws {
        var rest = bytes
        while !rest.isEmpty {
            do {
                guard let count = try Sys.write(fd, rest) else {
                    // Somebody made it non-blocking; wait as a blocking one would.
                    _ = try Sys.poll(fd, for: .writing)
                    continue
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } catch {
                if error.errno == EPIPE { throw ExitStatus(status: 128 + SIGPIPE) }
                throw CommandError("cannot write to \(fd == 1 ? "standard output" : "standard error"): \(error.reason)")
            }
        }
    }

    static func write(_ text: String, to fd: Int32 = 1) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0), to: fd) }
    }

    static func line(_ text: String) throws { try write(text + "\n") }

    /// A message; where standard error is gone too, nothing can be done.
    static func complain(_ text: String) { try? write(text + "\n", to: 2) }
}
