import Glibc
import Kernel

/// Has what is written reach the disk while more is being written, so that waiting for the disk in the end is short.
final class WriteBack: Sendable {
    private let path: String
    /// Open from the beginning: an error of the disk that came since is told to this one, whoever else heard of it
    /// (syncfs(2), and the kernel's lib/errseq.c).
    private let file: SharedDescriptor
    private let isRunning = Condition(false)

    /// `path`: on the file system in question.
    init(_ path: String) throws {
        self.path = path
        file = SharedDescriptor(try Sys.open(path, O_RDONLY | O_DIRECTORY))
    }

    /// Returns at once. Nothing is done while it is still at what it was asked for before.
    func begin() {
        let isFirst = isRunning.withLock { running in
            defer { running = true }
            return !running
        }
        guard isFirst else { return }
        let work = { @Sendable [path, isRunning] in
            try? Sys.open(path, O_RDONLY | O_DIRECTORY).syncFileSystem()
            isRunning.withLock { $0 = false }
            isRunning.broadcast()
        }
        // Without a thread all of it is done in the end.
        if (try? Thread.start(name: "write-back", work)) == nil { isRunning.withLock { $0 = false } }
    }

    /// Returns when everything written so far is on the disk.
    func finish() throws {
        _ = isRunning.wait { $0 ? nil : true }
        try file.descriptor.syncFileSystem()
    }
}
