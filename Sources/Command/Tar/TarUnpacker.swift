package import Basics
import Glibc
import Kernel

/// Unpacks a tar archive into a directory, and nowhere else: `..` and absolute paths are refused, and no symlink below
/// the directory is followed, whoever made it.
package final class TarUnpacker {
    private let source: any ByteSource
    private let root: SharedDescriptor
    private let name: String
    private let replacesFirst: Bool
    private let keepsOwner: Bool
    /// Directories, whose times and modes are set last: what is put into them changes the times, and a mode may forbid.
    private var directories: [(path: String, entry: TarEntry)] = []
    private(set) var copied: UInt64 = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)

    private static let maximumExtension: UInt64 = 1 << 20

    /// - Parameters:
    ///   - name: what the archive's content is called: the first component of every path, in place of the one that it
    ///     has or, unless `replacesFirst`, before it. Empty: nothing, so that the content goes into the directory itself.
    ///   - keepsOwner: sets the owner that the archive tells, and creates device nodes and set-id files.
    package init(
        _ source: any ByteSource, into directory: String, as name: String, replacesFirst: Bool, keepsOwner: Bool
    ) throws {
        self.source = source
        self.replacesFirst = replacesFirst
        root = SharedDescriptor(try Sys.open(directory, O_RDONLY | O_DIRECTORY))
        self.name = name
        self.keepsOwner = keepsOwner
    }

    deinit { buffer.deallocate() }

    package func run() throws {
        // The archive of a directory's content need not have the directory itself.
        if !replacesFirst, !name.isEmpty {
            do { try Sys.mkdir(at: root.raw, name) } catch { if error.errno != EEXIST { throw error } }
        }
        while let entry = try next() {
            let path = try rebased(entry.path)
            if entry.kind == .file { copied += entry.size }
            try extract(entry, path)
        }
        for (path, entry) in directories.reversed() { try finish(path, entry) }
        // The rest is padding; reading it lets the connection be used again.
        while try source.read(into: buffer) > 0 {}
    }

    // MARK: Reading

    private func fill(_ target: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < target.count {
            let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: target[done...]))
            if count == 0 { throw TarError("the archive ends in the middle of a member") }
            done += count
        }
    }

    private func take(_ size: UInt64) throws -> [UInt8] {
        guard size <= Self.maximumExtension else {
            throw TarError("the archive is damaged: an extended header of \(size) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(size) + TarHeader.padding(size))
        try bytes.withUnsafeMutableBytes { try fill($0) }
        return Array(bytes.prefix(Int(size)))
    }

    /// The next member, its extended headers applied; nil at the end.
    private func next() throws -> TarEntry? {
        var pax: [UInt8] = []
        var longPath: [UInt8]?
        var longLink: [UInt8]?
        while true {
            var header = [UInt8](repeating: 0, count: TarHeader.block)
            try header.withUnsafeMutableBytes { try fill($0) }
            guard let decoded = try TarHeader.decode(header) else { return nil }
            var entry = decoded.entry
            let type = decoded.type
            switch type {
            case UInt8(ascii: "x"): pax = try take(entry.size)
            case UInt8(ascii: "g"): _ = try take(entry.size)
            case UInt8(ascii: "L"): longPath = Array(try take(entry.size).prefix { $0 != 0 })
            case UInt8(ascii: "K"): longLink = Array(try take(entry.size).prefix { $0 != 0 })
            default:
                if let longPath { entry.path = longPath }
                if let longLink { entry.linkTarget = longLink }
                try TarHeader.apply(pax: pax, to: &entry)
                guard TarEntry.Kind(rawValue: type) != nil || type == UInt8(ascii: "7") else {
                    throw TarError("the archive has a member of unknown type: \(entry.displayPath)")
                }
                return entry
            }
        }
    }

    /// A path of the archive as one below the root, its first component replaced. Empty for the root itself.
    private func rebased(_ path: [UInt8]) throws -> String {
        guard let text = String(validating: path, as: UTF8.self), !text.utf8.contains(0) else {
            throw TarError(
                "cannot unpack \(Escaping.visible(String(decoding: path, as: UTF8.self))): the name is no UTF-8")
        }
        var components = text.split(separator: "/").filter { $0 != "." }
        // ".." first of all: it would also leave by way of the replaced component.
        if text.hasPrefix("/") || components.contains("..") {
            throw TarError("refused to unpack \(Escaping.visible(text)): it leads out of the destination")
        }
        if replacesFirst, !components.isEmpty { components.removeFirst() }
        return ((name.isEmpty ? [] : [Substring(name)]) + components).joined(separator: "/")
    }

    // MARK: Writing

    private func extract(_ entry: TarEntry, _ path: String) throws {
        if path.isEmpty {
            guard entry.kind == .directory else {
                throw TarError("refused to unpack \(entry.displayPath) over the destination itself")
            }
            return
        }
        let (parent, base) = try parent(of: path)
        switch entry.kind {
        case .directory: try makeDirectory(entry, path, parent, base)
        case .file:
            try clear(parent, base, path)
            try writeFile(entry, parent, base)
        case .symlink:
            try clear(parent, base, path)
            try Sys.symlink(String(decoding: entry.linkTarget, as: UTF8.self), at: parent.raw, base)
            try setAttributes(entry, parent, base, mode: false)
        case .hardLink:
            let (other, target) = try self.parent(of: try rebased(entry.linkTarget))
            try clear(parent, base, path)
            try Sys.link(at: other.raw, target, to: parent.raw, base)
        case .fifo:
            try clear(parent, base, path)
            try Sys.mknod(at: parent.raw, base, mode: UInt32(S_IFIFO) | 0o600)
            try setAttributes(entry, parent, base, mode: true)
        case .characterDevice, .blockDevice:
            // A device node that anybody may open is a way around every permission of this host.
            guard keepsOwner else {
                throw TarError(
                    "refused to make the device \(entry.displayPath): copy with --archive (-a) if it is wanted")
            }
            try clear(parent, base, path)
            let type = entry.kind == .characterDevice ? UInt32(S_IFCHR) : UInt32(S_IFBLK)
            try Sys.mknod(at: parent.raw, base, mode: type | 0o600, major: entry.deviceMajor, minor: entry.deviceMinor)
            try setAttributes(entry, parent, base, mode: true)
        }
    }

    private func parent(of path: String) throws -> (SharedDescriptor, String) {
        guard let slash = path.lastIndex(of: "/") else { return (root, path) }
        let directory = String(path[..<slash])
        do {
            let opened = try Sys.open(
                at: root.raw, directory, O_DIRECTORY | Sys.openPath, resolve: [.beneath, .noSymlinks])
            return (SharedDescriptor(opened), String(path[path.index(after: slash)...]))
        } catch {
            guard error.errno == ELOOP else { throw error }
            throw TarError(
                "refused to unpack \(Escaping.visible(path)): \(Escaping.visible(directory)) leads over a symlink")
        }
    }

    /// Removes what is in the way of something that is no directory.
    private func clear(_ parent: SharedDescriptor, _ base: String, _ path: String) throws {
        do { try Sys.unlink(at: parent.raw, base) } catch {
            if error.errno == ENOENT { return }
            guard error.errno == EISDIR || error.errno == EPERM else { throw error }
            throw TarError("cannot overwrite directory with non-directory: \(Escaping.visible(path))")
        }
    }

    private func makeDirectory(_ entry: TarEntry, _ path: String, _ parent: SharedDescriptor, _ base: String) throws {
        do { try Sys.mkdir(at: parent.raw, base, mode: 0o700) } catch {
            guard error.errno == EEXIST else { throw error }
            guard try Sys.status(at: parent.raw, base).kind == .directory else {
                throw TarError("cannot overwrite non-directory with directory: \(Escaping.visible(path))")
            }
        }
        directories.append((path, entry))
    }

    private func finish(_ path: String, _ entry: TarEntry) throws {
        let (parent, base) = try parent(of: path)
        try setAttributes(entry, parent, base, mode: true)
    }

    private func writeFile(_ entry: TarEntry, _ parent: SharedDescriptor, _ base: String) throws {
        let file = try Sys.open(at: parent.raw, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        var left = entry.size
        while left > 0 {
            let window = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Int(clamping: left))])
            let count = try source.read(into: window)
            if count == 0 { throw TarError("the archive ends in the middle of \(entry.displayPath)") }
            try file.writeAll(UnsafeRawBufferPointer(rebasing: window[..<count]))
            left -= UInt64(count)
        }
        // The zeros behind it.
        try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<TarHeader.padding(entry.size)]))
        try setAttributes(entry, parent, base, mode: true)
    }

    private func setAttributes(_ entry: TarEntry, _ parent: SharedDescriptor, _ base: String, mode: Bool) throws {
        if keepsOwner { try Sys.chown(at: parent.raw, base, uid: entry.uid, gid: entry.gid) }
        // With another owner than it had, a set-id file would give away the rights of whoever copies.
        if mode { try Sys.chmod(at: parent.raw, base, mode: keepsOwner ? entry.mode : entry.mode & 0o1777) }
        let time = FileStatus.Time(seconds: entry.seconds, nanoseconds: min(entry.nanoseconds, 999_999_999))
        try Sys.setTimes(at: parent.raw, base, accessed: time, modified: time)
    }
}
