import Basics
import Glibc
import Kernel

/// A file or a directory tree of this host as a tar archive, made while it is read.
package final class TarPacker: ByteSource {
    private struct Pending {
        let directory: SharedDescriptor
        let name: String
        let rawName: [UInt8]
        let path: [UInt8]
    }

    private let keepsOwner: Bool
    private let follow: Bool
    /// Still to come, the next one last.
    private var pending: [Pending] = []
    /// Made, and not yet read.
    private var ready: ArraySlice<UInt8> = []
    private var file: (descriptor: SharedDescriptor, left: UInt64, padding: Int, path: String)?
    /// First names of files that have several.
    private var linked: [String: [UInt8]] = [:]
    private var isFinished = false
    /// Bytes of the files' content.
    private(set) var copied: UInt64 = 0
    private let complain: (String) -> Void

    /// - Parameters:
    ///   - path: what to pack; its last component is followed when it is a symlink and `follow`.
    ///   - name: what it is called in the archive; empty packs a directory's content without it.
    ///   - keepsOwner: the files' own user and group; root's if not.
    package init(
        path: String, as name: String, follow: Bool, keepsOwner: Bool, complain: @escaping (String) -> Void
    ) throws {
        self.keepsOwner = keepsOwner
        self.follow = follow
        self.complain = complain
        let here = SharedDescriptor(try Sys.open(".", O_DIRECTORY | Sys.openPath))
        pending = [Pending(directory: here, name: path, rawName: Array(path.utf8), path: Array(name.utf8))]
        isFirst = true
    }
    private var isFirst: Bool

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if buffer.isEmpty { return 0 }
        while true {
            if !ready.isEmpty {
                let count = min(ready.count, buffer.count)
                buffer.copyBytes(from: ready.prefix(count))
                ready = ready.dropFirst(count)
                return count
            }
            if let count = try readFile(buffer) { return count }
            // The zeros behind a file.
            if !ready.isEmpty { continue }
            if let next = pending.popLast() {
                try begin(next)
            } else if !isFinished {
                isFinished = true
                ready = TarHeader.end[...]
            } else {
                return 0
            }
        }
    }

    /// nil when no file is being read.
    private func readFile(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        guard var current = file else { return nil }
        if current.left == 0 {
            ready = [UInt8](repeating: 0, count: current.padding)[...]
            file = nil
            return nil
        }
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Int(clamping: current.left))])
        let count = try current.descriptor.descriptor.read(into: window) ?? 0
        if count == 0 { throw CommandError("\(current.path) became shorter while it was read") }
        current.left -= UInt64(count)
        copied += UInt64(count)
        file = current
        return count
    }

    private func begin(_ item: Pending) throws {
        let followsThis = follow && isFirst
        isFirst = false
        let status = try Sys.status(at: item.directory.raw, item.name, follow: followsThis)
        let display = String(decoding: item.path, as: UTF8.self)
        var entry = TarEntry(path: item.path, kind: .file, mode: status.permissions)
        entry.uid = keepsOwner ? status.uid : 0
        entry.gid = keepsOwner ? status.gid : 0
        entry.seconds = status.modified.seconds
        entry.nanoseconds = status.modified.nanoseconds
        if status.linkCount > 1, status.kind != .directory {
            let key = "\(status.device):\(status.inode)"
            if let first = linked[key] {
                entry.kind = .hardLink
                entry.linkTarget = first
                ready = TarHeader.encode(entry)[...]
                return
            }
            linked[key] = item.path
        }
        switch status.kind {
        case .directory: try beginDirectory(item, entry, followsThis)
        case .regular: try beginFile(item, entry, status.size, followsThis)
        case .symlink:
            entry.kind = .symlink
            entry.linkTarget = Array(try Sys.readlink(at: item.directory.raw, item.name).utf8)
            ready = TarHeader.encode(entry)[...]
        case .characterDevice, .blockDevice:
            entry.kind = status.kind == .characterDevice ? .characterDevice : .blockDevice
            entry.deviceMajor = status.deviceMajor
            entry.deviceMinor = status.deviceMinor
            ready = TarHeader.encode(entry)[...]
        case .fifo:
            entry.kind = .fifo
            ready = TarHeader.encode(entry)[...]
        case .socket, .unknown: complain("skipped \(Escaping.visible(display)): an archive cannot hold a socket")
        }
    }

    private func beginFile(_ item: Pending, _ entry: TarEntry, _ size: UInt64, _ follow: Bool) throws {
        let opened = try Sys.open(
            at: item.directory.raw, item.name, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW))
        var entry = entry
        entry.kind = .file
        entry.size = size
        ready = TarHeader.encode(entry)[...]
        file = (SharedDescriptor(opened), size, TarHeader.padding(size), Escaping.visible(item.name))
    }

    private func beginDirectory(_ item: Pending, _ entry: TarEntry, _ follow: Bool) throws {
        let opened = try Sys.open(at: item.directory.raw, item.name, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW))
        let names = try Sys.list(opened).sorted { $0.rawName.lexicographicallyPrecedes($1.rawName) }
        let directory = SharedDescriptor(opened)
        let prefix = item.path.isEmpty ? [] : item.path + [UInt8(ascii: "/")]
        for name in names.reversed() {
            guard Array(name.name.utf8) == name.rawName else {
                throw CommandError(
                    "cannot copy \(Escaping.visible(String(decoding: prefix, as: UTF8.self)))\(Escaping.visible(name.name)): its name is no UTF-8"
                )
            }
            pending.append(
                Pending(directory: directory, name: name.name, rawName: name.rawName, path: prefix + name.rawName))
        }
        // The directory itself keeps its own attributes at the destination: no entry for it.
        if item.path.isEmpty { return }
        var entry = entry
        entry.kind = .directory
        entry.path = prefix
        ready = TarHeader.encode(entry)[...]
    }
}
