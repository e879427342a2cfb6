import Archive
import Glibc
import Kernel

/// Puts the entries of an archive into a tree. Nothing outside the root is reached: parents are opened inside it,
/// the last component is never followed, an existing file is never written to but replaced, and attributes are set on
/// what was opened, not on a name.
final class TreeWriter {
    struct Policy {
        /// `.wh.` entries become overlay's own marks (otherwise they are files like any other).
        var overlay: Bool
        /// A directory never replaces something else, nor the other way round.
        var keepsKinds = false
        /// Instead of the archive's owners.
        var owner: FileOwner?
        /// Whether an entry for the root itself sets the root's attributes.
        var appliesRoot: Bool
        /// Of all files' data together.
        var maximumBytes: Int64?
    }

    private let policy: Policy
    private let parents: ParentDirectories
    private let assembly: LayerAssemblyWriter?
    private var times = DeferredTimes()
    private var contents = LayerContents()
    /// The last part of the path of the entry that is being put.
    private var name: BytePath = ""
    /// For an assembly: where the root is.
    private let top: [UInt8]

    /// `base`: where the archive's root is, below `root`. `assembly`: how the archive is made of the tree again.
    init(root: Int32, base: BytePath, policy: Policy, assembly: LayerAssemblyWriter? = nil) throws {
        self.policy = policy
        self.assembly = assembly
        top = assembly == nil ? [] : try Self.place(of: root)
        parents = try ParentDirectories(root: root, base: base, overlay: policy.overlay)
    }

    func write(_ reader: TarReader) throws -> LayerContents {
        reader.tap = assembly?.literal
        while let entry = try reader.next() {
            guard let path = entry.path.normalized else {
                throw ArchiveError(.hostile, entry: entry.path, "a path with \"..\" is refused")
            }
            contents.entries += 1
            do {
                try put(entry, at: path, reader)
            } catch let error as SyscallError {
                throw error.about("entry \"\(entry.path)\"")
            }
        }
        if assembly != nil { try reader.readAway() }
        try applyTimes()
        return contents
    }

    private func put(_ entry: TarEntry, at path: BytePath, _ reader: TarReader) throws {
        name = path.name
        if path.isEmpty { return try putRoot(entry) }
        if policy.overlay, try putWhiteout(entry, at: path) { return }
        let parent = try parents.open(path.parent, create: true)
        try path.name.withCString { name in
            switch entry.kind {
            case .file: try putFile(entry, parent.raw, name, reader)
            case .directory: try putDirectory(entry, path, parent.raw, name)
            case .hardLink: try putHardLink(entry, path, parent.raw, name)
            case .symlink:
                try entry.linkTarget.withCString { target in
                    try make(parent.raw, name) { try Sys.symlink(target, at: parent.raw, entry: name) }
                }
                try finish(entry, parent.raw, name, .symlink)
            case .fifo: try putNode(entry, parent.raw, name, UInt32(S_IFIFO), .fifo)
            case .characterDevice: try putNode(entry, parent.raw, name, UInt32(S_IFCHR), .characterDevice)
            case .blockDevice: try putNode(entry, parent.raw, name, UInt32(S_IFBLK), .blockDevice)
            }
        }
    }

    // MARK: Kinds

    private func putRoot(_ entry: TarEntry) throws {
        guard entry.kind == .directory else {
            throw ArchiveError(.hostile, entry: entry.path, "the root can only be a directory")
        }
        if !policy.appliesRoot { return }
        let root = try parents.open("", create: false)
        try setAttributes(entry, root.descriptor)
        try times.add("", entry.modified)
    }

    private func putFile(_ entry: TarEntry, _ parent: Int32, _ name: RawName, _ reader: TarReader) throws {
        contents.bytes += entry.size
        if let limit = policy.maximumBytes, contents.bytes > limit {
            throw ArchiveError(.tooLarge, entry: entry.path, "with it the content exceeds the limit of \(limit) bytes")
        }
        let shared = try make(parent, name) {
            SharedDescriptor(try Sys.open(at: parent, entry: name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600))
        }
        guard let assembly, entry.size >= LayerAssembly.smallestFile, reader.isDataWhole,
            let path = try place(in: parent)
        else { return try fill(shared.descriptor, entry, reader) }
        try assembly.file(path, size: entry.size)
        reader.tap = nil
        try fill(shared.descriptor, entry, reader)
        reader.tap = assembly.literal
    }

    private func fill(_ file: borrowing FileDescriptor, _ entry: TarEntry, _ reader: TarReader) throws {
        let raw = file.raw
        var position: Int64 = 0
        try reader.forEachChunk { offset, bytes in
            try Sys.writeAll(raw, bytes, at: offset)
            position = offset + Int64(bytes.count)
        }
        if position != entry.size { try file.truncate(to: Int(entry.size)) }
        try setAttributes(entry, file)
        try file.setTimes(accessed: entry.modified, modified: entry.modified)
    }

    private func putDirectory(_ entry: TarEntry, _ path: BytePath, _ parent: Int32, _ name: RawName) throws {
        var hidesLower = false
        if try !makeDirectory(parent, name) {
            let there = try Sys.status(at: parent, entry: name)
            if there.kind != .directory {
                hidesLower = policy.overlay && Whiteout.isWhiteout(there)
                try clear(parent, name, for: entry)
                try Sys.mkdir(at: parent, entry: name, mode: 0o700)
            }
        }
        let directory = SharedDescriptor(try Sys.open(at: parent, entry: name, O_RDONLY | O_DIRECTORY | O_NONBLOCK))
        try setAttributes(entry, directory.descriptor)
        if hidesLower { try directory.descriptor.setAttribute(Whiteout.opaqueAttribute, Whiteout.opaqueValue) }
        try times.add(path, entry.modified)
    }

    /// False when something is there.
    private func makeDirectory(_ parent: Int32, _ name: RawName) throws(SyscallError) -> Bool {
        do {
            try Sys.mkdir(at: parent, entry: name, mode: 0o700)
            return true
        } catch let error where error.errno == EEXIST {
            return false
        }
    }

    private func putHardLink(_ entry: TarEntry, _ path: BytePath, _ parent: Int32, _ name: RawName) throws {
        guard let target = entry.linkTarget.normalized, !target.isEmpty else {
            throw ArchiveError(.hostile, entry: entry.path, "a hard link to \"\(entry.linkTarget)\" is refused")
        }
        if target == path { throw ArchiveError(.damaged, entry: entry.path, "is a hard link to itself") }
        do {
            let from = try parents.open(target.parent, create: false)
            try target.name.withCString { old in
                try make(parent, name) { try Sys.link(at: from.raw, entry: old, to: parent, entry: name) }
            }
        } catch let error as SyscallError where error.errno == ENOENT || error.errno == ENOTDIR {
            throw ArchiveError(
                .damaged, entry: entry.path, "is a hard link to \"\(entry.linkTarget)\", which is not there")
        }
    }

    private func putNode(
        _ entry: TarEntry, _ parent: Int32, _ name: RawName, _ type: UInt32, _ kind: FileStatus.Kind
    ) throws {
        try make(parent, name) {
            try Sys.mknod(
                at: parent, entry: name, mode: type | 0o600, major: entry.deviceMajor, minor: entry.deviceMinor)
        }
        try finish(entry, parent, name, kind)
    }

    // MARK: Whiteouts

    /// Handles names that begin with `.wh.`; false for all others.
    private func putWhiteout(_ entry: TarEntry, at path: BytePath) throws -> Bool {
        let isDevice = entry.kind == .characterDevice && entry.deviceMajor == 0 && entry.deviceMinor == 0
        let name = path.name
        let parentPath = path.parent
        if let reserved = parentPath.bytes.split(separator: UInt8(ascii: "/")).first(where: {
            $0.starts(with: ".wh.".utf8)
        }) {
            // Directories that AUFS once kept for itself, and that old images still bring along.
            if reserved.starts(with: ".wh..wh.".utf8) { return true }
            throw ArchiveError(.hostile, entry: entry.path, "nothing can be below a whiteout")
        }
        if name == Whiteout.opaqueName {
            let directory = try parents.open(parentPath, create: true)
            try directory.descriptor.setAttribute(Whiteout.opaqueAttribute, Whiteout.opaqueValue)
            if parentPath.isEmpty { contents.hidesAllBelow = true }
            return true
        }
        if name.hasPrefix(".wh..wh.") { return true }
        // The kernel's own form of a whiteout means the same.
        if isDevice {
            try hide(name, in: parentPath)
            return true
        }
        guard name.hasPrefix(Whiteout.prefix) else { return false }
        let hidden = BytePath(name.bytes.dropFirst(Whiteout.prefix.utf8.count))
        if hidden.isEmpty || hidden == "." || hidden == ".." {
            throw ArchiveError(.hostile, entry: entry.path, "a whiteout of \"\(hidden)\" is refused")
        }
        try hide(hidden, in: parentPath)
        return true
    }

    /// Hides what lower layers have by that name, and only that: what this layer itself has there stays.
    private func hide(_ name: BytePath, in parentPath: BytePath) throws {
        let parent = try parents.open(parentPath, create: true)
        try name.withCString { (raw) throws(SyscallError) in try hide(raw, in: parent.raw) }
    }

    private func hide(_ name: RawName, in parent: Int32) throws(SyscallError) {
        do {
            try Sys.mknod(at: parent, entry: name, mode: UInt32(S_IFCHR), major: 0, minor: 0)
        } catch let error where error.errno == EEXIST {
            if try Sys.status(at: parent, entry: name).kind != .directory { return }
            let directory = try Sys.open(at: parent, entry: name, O_RDONLY | O_DIRECTORY)
            try directory.setAttribute(Whiteout.opaqueAttribute, Whiteout.opaqueValue)
        }
    }

    // MARK: Parts

    /// Runs `create`, and again after clearing the place when something is there.
    private func make<Value>(_ parent: Int32, _ name: RawName, _ create: () throws -> Value) throws -> Value {
        var attempts = 0
        while true {
            do {
                return try create()
            } catch let error as SyscallError where error.errno == EEXIST && attempts < 100 {
                // More than once only when something else keeps putting things there.
                attempts += 1
                try clear(parent, name, for: nil)
            }
        }
    }

    private func clear(_ parent: Int32, _ name: RawName, for entry: TarEntry?) throws {
        guard let there = try Sys.statusIfAny(at: parent, entry: name) else { return }
        let wantsDirectory = entry?.kind == .directory
        if policy.keepsKinds && (there.kind == .directory) != wantsDirectory {
            throw ArchiveError(
                .conflict, "\"\(BytePath(String(cString: name).utf8))\"",
                wantsDirectory
                    ? "cannot overwrite non-directory with directory"
                    : "cannot overwrite directory with non-directory")
        }
        if there.kind == .directory { parents.forget() }
        if there.kind == .symlink { parents.forget() }
        if let assembly, let path = try place(in: parent) { return try assembly.keep(path, at: parent, name) }
        if there.kind == .directory {
            try Sys.removeTree(at: parent, entry: name)
        } else {
            try Sys.unlinkIfAny(at: parent, entry: name)
        }
    }

    /// Where the entry that is being put is, below the root. Not as the archive has it: two of its names may lead to one
    /// place through symlinks. nil when that is longer than a path can be: the archive went there step by step.
    private func place(in parent: Int32) throws -> BytePath? {
        let directory: [UInt8]
        do throws(SyscallError) { directory = try Self.place(of: parent) } catch {
            if error.errno == ENAMETOOLONG { return nil }
            throw error
        }
        guard directory.starts(with: top) else {
            throw ArchiveError(.conflict, "the directory of \"\(name)\"", "was moved away meanwhile")
        }
        return BytePath(directory.dropFirst(top.count).drop { $0 == UInt8(ascii: "/") }).appending(name)
    }

    private static func place(of directory: Int32) throws(SyscallError) -> [UInt8] {
        try "/proc/self/fd/\(directory)".withCString { (link: RawName) -> Result<[UInt8], SyscallError> in
            Result { () throws(SyscallError) in try Sys.readlink(at: Sys.currentDirectory, entry: link) }
        }.get()
    }

    /// Attributes of a new entry that has no data, through a descriptor that cannot be anything but it.
    private func finish(_ entry: TarEntry, _ parent: Int32, _ name: RawName, _ kind: FileStatus.Kind) throws {
        let file = try Sys.open(at: parent, entry: name, Sys.openPath)
        guard try file.status().kind == kind else {
            throw ArchiveError(.conflict, entry: entry.path, "was replaced by something else meanwhile")
        }
        try setAttributes(entry, file, hasMode: kind != .symlink)
        try file.setTimes(accessed: entry.modified, modified: entry.modified)
    }

    private func setAttributes(_ entry: TarEntry, _ file: borrowing FileDescriptor, hasMode: Bool = true) throws {
        let owner = policy.owner ?? FileOwner(uid: entry.uid, gid: entry.gid)
        // The owner first: chown(2) takes set-id bits and capabilities away.
        try file.setOwner(uid: owner.uid, gid: owner.gid)
        if hasMode { try file.setMode(entry.mode) }
        for attribute in entry.attributes where ArchivedAttributes.isContent(attribute.name) {
            try file.setAttribute(attribute.name, attribute.value)
        }
    }

    private func applyTimes() throws {
        try times.forEach { path, time in
            // It may have been replaced by a later entry; then it is not a directory any more.
            guard let directory = try? parents.openExactly(path) else { return }
            try directory.setTimes(accessed: time, modified: time)
        }
    }
}
