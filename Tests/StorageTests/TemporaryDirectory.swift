import Basics
import Kernel

/// A directory of a test, removed with it.
final class TemporaryDirectory: Sendable {
    let path: String
    init() throws {
        path = "/tmp/box-test-\(Identifier().short)"
        try Sys.mkdir(path, mode: 0o700)
    }
    deinit {
        // Something may still be removing its own part of it.
        for _ in 0..<100 {
            if (try? Sys.removeTree(path)) != nil { return }
            Clock.sleep(nanoseconds: 10_000_000)
        }
    }
}
