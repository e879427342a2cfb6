import Glibc
import Kernel
import Reactor
import Testing

/// One loop for all tests: its thread lives as long as the process.
let loop: EventLoop = {
    do { return try EventLoop() } catch { preconditionFailure("\(error)") }
}()

/// A directory of the test's own, removed with it.
final class Scratch: Sendable {
    let path: String
    init() throws {
        path = "/tmp/box-http-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path)
    }
    deinit { try? Sys.removeTree(path) }
}
