import Archive
import Glibc
import Kernel

/// Opens the directories that entries go into: below one root, symlinks resolved inside it. The last few stay open,
/// because an archive's neighbours are neighbours in the tree too.
final class ParentDirectories {
    private static let capacity = 16
    private static let walk: Sys.Resolve = [.inRoot, .noMagicLinks]
    private static let flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK

    private let root: SharedDescriptor
    /// Where paths begin, below the root.
    private let base: BytePath
    private var recent: [(path: BytePath, directory: SharedDescriptor)] = []
    /// Turns a whiteout in a missing directory's place into an opaque directory.
    private let overlay: Bool

    init(root: Int32, base: BytePath, overlay: Bool) throws {
        self.root = SharedDescriptor(try Sys.open(at: root, ".", Self.flags))
        self.base = base
        self.overlay = overlay
    }

    /// The directory at a normalized path. Missing ones are made, root's and 0755, when `create`.
    func open(_ path: BytePath, create: Bool) throws(SyscallError) -> SharedDescriptor {
        if let found = remembered(path) { return found }
        do {
            return remember(path, try openExisting(path))
        } catch let error where create && !path.isEmpty && Self.isMissing(error) {
            return try makeAll(path)
        }
    }

    /// Makes what is missing of a path, from its deepest part that exists on. Not recursive: paths can have thousands
    /// of components.
    private func makeAll(_ path: BytePath) throws(SyscallError) -> SharedDescriptor {
        var missing = [path]
        var current = path.parent
        while !current.isEmpty, remembered(current) == nil {
            do {
                _ = try openExisting(current)
                break
            } catch let error where Self.isMissing(error) {
                missing.append(current)
                current = current.parent
            }
        }
        var directory: SharedDescriptor
        if let found = remembered(current) {
            directory = found
        } else {
            directory = remember(current, try openExisting(current))
        }
        for path in missing.reversed() {
            let parent = directory.raw
            try path.name.withCString { (name) throws(SyscallError) in try make(name, in: parent) }
            // Not by name from the parent: a symlink in its place is followed, as any other is.
            directory = remember(path, try openExisting(path))
        }
        return directory
    }

    private static func isMissing(_ error: SyscallError) -> Bool { error.errno == ENOENT || error.errno == ENOTDIR }

    private func remembered(_ path: BytePath) -> SharedDescriptor? {
        guard let index = recent.firstIndex(where: { $0.path == path }) else { return nil }
        // To the front, so that the others are dropped first.
        if index > 0 { recent.swapAt(0, index) }
        return recent[0].directory
    }

    /// The directory itself, not what a symlink in its place leads to; never made.
    func openExactly(_ path: BytePath) throws(SyscallError) -> FileDescriptor {
        try openExisting(path, O_NOFOLLOW)
    }

    private func remember(_ path: BytePath, _ opened: consuming FileDescriptor) -> SharedDescriptor {
        let directory = SharedDescriptor(opened)
        if recent.count == Self.capacity { recent.removeLast() }
        recent.insert((path, directory), at: 0)
        return directory
    }

    /// To be called when a directory or a symlink was removed: paths may lead elsewhere now.
    func forget() { recent = [] }

    private func openExisting(_ path: BytePath, _ more: Int32 = 0) throws(SyscallError) -> FileDescriptor {
        let full = base.appending(path)
        if full.isEmpty { return try Sys.open(at: root.raw, ".", Self.flags) }
        return try full.withCString { (name) throws(SyscallError) in
            try Sys.open(at: root.raw, path: name, Self.flags | more, resolve: Self.walk)
        }
    }

    private func make(_ raw: RawName, in parent: Int32) throws(SyscallError) {
        var hidesLower = false
        if overlay, let status = try? Sys.status(at: parent, entry: raw), Whiteout.isWhiteout(status) {
            try Sys.unlink(at: parent, entry: raw)
            hidesLower = true
        }
        // Something else in its place: opening it says what is wrong.
        do { try Sys.mkdir(at: parent, entry: raw, mode: 0o755) } catch let error where error.errno == EEXIST { return }
        let directory = try Sys.open(at: parent, entry: raw, Self.flags)
        // The process's umask had a say in mkdir.
        try directory.setMode(0o755)
        if hidesLower { try directory.setAttribute(Whiteout.opaqueAttribute, Whiteout.opaqueValue) }
    }
}
