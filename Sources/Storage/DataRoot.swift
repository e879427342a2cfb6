package import Basics
import Glibc
import Kernel

/// The directory that holds everything of one daemon, locked against a second one.
///
///     box.db  lock  blobs/sha256/<hex>  layers/<chain id>/diff  volumes/<name>/data  containers/<id>/
///     tmp/    what is being made; emptied at each start
///     trash/  what is being removed
package final class DataRoot: Sendable {
    package let path: String
    package let log: Logger
    private let lock: SharedDescriptor
    private let trash: Trash

    package var databasePath: String { path + "/box.db" }
    package var blobs: String { path + "/blobs/sha256" }
    package var layers: String { path + "/layers" }
    package var volumes: String { path + "/volumes" }
    package var containers: String { path + "/containers" }
    package var temporary: String { path + "/tmp" }

    /// Makes what is missing, all of it closed to other users, and takes the lock.
    package init(_ path: String, log: Logger) throws {
        guard path.hasPrefix("/") else { throw StorageError.invalid("the data root \(path) must be an absolute path") }
        self.path = path
        self.log = log
        try Sys.makeDirectories(path, mode: 0o700)
        // Layers hold setuid programs and files of all owners: nobody else may walk in.
        try Sys.chmod(path, mode: 0o700)
        lock = try Self.takeLock(path)
        for name in ["blobs", "blobs/sha256", "layers", "volumes", "containers", "tmp", "trash"] {
            try Sys.makeDirectories("\(path)/\(name)", mode: 0o700)
        }
        // What is made there, a layer of an image most of all, begins where no other has been. ext4 gives nobody the
        // number of a file that was removed within the last minutes, and finds another by looking at each
        // (`recently_deleted`): an image that took the place of one just removed was loaded at a third of the speed.
        try? Sys.spreadDirectories(in: path + "/tmp")
        trash = try Trash(directory: path + "/trash", log: log)
        for entry in try Sys.list(path + "/tmp") { try trash.discard("\(path)/tmp/\(entry.name)") }
    }

    private static func takeLock(_ path: String) throws -> SharedDescriptor {
        let file = try Sys.open(path + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard try Sys.tryLock(file) else {
            let holder = (try? Sys.readText(path + "/lock")).map { $0.filter(\.isNumber) } ?? ""
            throw StorageError.conflict(
                "the data root \(path) is in use by another boxd" + (holder.isEmpty ? "" : " (process \(holder))")
                    + ": stop it, or choose another place with --data-root")
        }
        try file.truncate(to: 0)
        try file.writeAll("\(getpid())\n".utf8)
        return SharedDescriptor(file)
    }

    /// A name under `tmp/` that nobody has.
    package func temporaryPath() -> String { "\(temporary)/\(Identifier().hex)" }

    /// Moves a file or a tree of this data root away at once; its bytes are freed in the background.
    package func discard(_ path: String) throws { try trash.discard(path) }

    /// Moves a tree away at once for `discard(setAside:)`, which frees it; nil when there is none. One that boxd's end
    /// comes before is freed at its next start.
    package func setAside(_ path: String) throws -> String? { try trash.setAside(path) }
    package func discard(setAside place: String) { trash.enqueue(place) }

    /// Waits until all that was discarded is freed.
    package func drainTrash() { trash.drain() }

    /// The names in a directory are on the disk when this returns.
    package func syncDirectory(_ path: String) throws {
        try Sys.open(path, O_RDONLY | O_DIRECTORY).sync()
    }
}
