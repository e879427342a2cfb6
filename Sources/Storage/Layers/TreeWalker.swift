import Archive
import Glibc
import Kernel

/// Something met on a walk. `file` is open with `O_PATH` on exactly what `status` describes.
struct WalkedEntry: ~Copyable {
    /// Below the walk's root; empty for the root itself.
    let path: BytePath
    let status: FileStatus
    let file: FileDescriptor

    /// Opens a regular file's content. Through the descriptor, so that nothing else can have taken the name's place.
    func openContent() throws(SyscallError) -> FileDescriptor {
        try Sys.open(file.procPath, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }
}

/// Walks a tree in a fixed order: in each directory first what is no directory (character devices, which whiteouts
/// are, before the rest), then the directories, each followed by what is in it; by name as bytes.
///
/// Follows no symlink. Holds one directory open at a time, however deep the tree is. What disappears meanwhile is left
/// out.
enum TreeWalker {
    /// Names of one directory that still are to be visited.
    private struct Pending<Context> {
        let parent: BytePath
        var names: ArraySlice<[UInt8]>
        let context: Context
    }

    private static let walk: Sys.Resolve = [.beneath, .noSymlinks, .noMagicLinks]

    /// `visit` returns what is to be known while visiting a directory's entries, or nil to leave it alone.
    static func walk<Context>(
        _ root: Int32, context: Context, _ visit: (borrowing WalkedEntry, Context) throws -> Context?
    ) throws {
        var stack: [Pending<Context>] = []
        let first = WalkedEntry(
            path: "", status: try Sys.status(at: root, entry: "."), file: try Sys.open(at: root, ".", Sys.openPath))
        guard let inner = try visit(first, context) else { return }
        try enter("", root, inner, &stack, visit)
        while var top = stack.popLast() {
            guard let name = top.names.popFirst() else { continue }
            let path = top.parent.appending(name)
            let context = top.context
            stack.append(top)
            guard let entry = try open(path, root) else { continue }
            if let inner = try visit(entry, context), entry.status.kind == .directory {
                try enter(path, root, inner, &stack, visit)
            }
        }
    }

    private static func enter<Context>(
        _ path: BytePath, _ root: Int32, _ context: Context, _ stack: inout [Pending<Context>],
        _ visit: (borrowing WalkedEntry, Context) throws -> Context?
    ) throws {
        guard let directory = try openDirectory(path, root) else { return }
        let entries = try Sys.list(directory).sorted { a, b in
            let (ranks) = (rank(a), rank(b))
            if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
            return a.rawName.lexicographicallyPrecedes(b.rawName)
        }
        let split = entries.firstIndex { rank($0) == 2 } ?? entries.count
        for entry in entries[..<split] {
            guard let walked = try open(entry.rawName, in: directory.raw, path.appending(entry.rawName)) else {
                continue
            }
            _ = try visit(walked, context)
        }
        if split < entries.count {
            stack.append(Pending(parent: path, names: entries[split...].map(\.rawName)[...], context: context))
        }
    }

    private static func rank(_ entry: DirectoryEntry) -> Int {
        switch Int32(entry.type) {
        case 2: 0
        // A file system that does not say what it is: as a directory, which visiting finds out.
        case 4, 0: 2
        default: 1
        }
    }

    private static func open(_ name: [UInt8], in directory: Int32, _ path: BytePath) throws(SyscallError)
        -> WalkedEntry?
    {
        do {
            let file = try BytePath(name).withCString { (raw) throws(SyscallError) in
                try Sys.open(at: directory, entry: raw, Sys.openPath)
            }
            return WalkedEntry(path: path, status: try file.status(), file: file)
        } catch let error where error.errno == ENOENT {
            return nil
        }
    }

    private static func open(_ path: BytePath, _ root: Int32) throws(SyscallError) -> WalkedEntry? {
        do {
            let file = try path.withCString { (raw) throws(SyscallError) in
                try Sys.open(at: root, path: raw, Sys.openPath | O_NOFOLLOW, resolve: walk)
            }
            return WalkedEntry(path: path, status: try file.status(), file: file)
        } catch let error where isGone(error) {
            return nil
        }
    }

    private static func openDirectory(_ path: BytePath, _ root: Int32) throws(SyscallError) -> FileDescriptor? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK
        if path.isEmpty { return try Sys.open(at: root, ".", flags) }
        do {
            return try path.withCString { (raw) throws(SyscallError) in
                try Sys.open(at: root, path: raw, flags, resolve: walk)
            }
        } catch let error where isGone(error) {
            return nil
        }
    }

    /// Gone, or replaced by something else, since its name was read.
    private static func isGone(_ error: SyscallError) -> Bool {
        error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP
    }
}
