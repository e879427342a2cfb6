import Glibc
import Kernel

/// Where an archive goes: standard output, unless that is a terminal, or a file that appears only when it is whole.
final class ArchiveOutput {
    private let path: String
    private let temporary: String
    private let file: FileDescriptor?
    private var isFinished = false

    init(_ path: String, verb: String) throws {
        self.path = path
        if path.isEmpty || path == "-" {
            guard !Terminal.isTerminal(1) else {
                throw CommandError("cowardly refusing to \(verb) to a terminal. Use the -o flag or redirect")
            }
            file = nil
            temporary = ""
            return
        }
        // A device or a pipe is written to as it is.
        if let status = try? Sys.status(path, follow: true), status.kind != .regular {
            if status.kind == .directory { throw CommandError("cannot write to \(path): it is a directory") }
            temporary = ""
            file = try Self.open(path, O_WRONLY)
        } else {
            temporary = path + ".partial-\(getpid())"
            file = try Self.open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws(CommandError) -> FileDescriptor {
        do { return try Sys.open(path, flags, mode: 0o600) } catch {
            throw CommandError("cannot write to \(path): \(error.reason)")
        }
    }

    deinit { if !isFinished, !temporary.isEmpty { try? Sys.unlink(temporary) } }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard file != nil else { return try Output.write(bytes) }
        do { try file?.writeAll(bytes) } catch { throw CommandError("cannot write to \(path): \(error.reason)") }
    }

    func finish() throws {
        if !temporary.isEmpty {
            do { try Sys.rename(temporary, path) } catch {
                throw CommandError("cannot write to \(path): \(error.reason)")
            }
        }
        isFinished = true
    }
}
