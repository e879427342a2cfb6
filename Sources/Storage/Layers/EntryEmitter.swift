import Archive
import Kernel

/// Writes what a walk meets as entries of an archive: attributes, hard links within the archive, data.
final class EntryEmitter {
    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    let writer: TarWriter
    /// Files with several names that were written already, by their first name in the archive.
    private var written: [Identity: BytePath] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)

    init(_ writer: TarWriter) { self.writer = writer }
    deinit { buffer.deallocate() }

    /// nil for what archives do not hold: sockets.
    static func entry(_ walked: borrowing WalkedEntry, as path: BytePath) throws -> TarEntry? {
        let status = walked.status
        let kind: TarEntry.Kind
        switch status.kind {
        case .regular: kind = .file
        case .directory: kind = .directory
        case .symlink: kind = .symlink
        case .characterDevice: kind = .characterDevice
        case .blockDevice: kind = .blockDevice
        case .fifo: kind = .fifo
        case .socket, .unknown: return nil
        }
        var entry = TarEntry(
            path: path, kind: kind, mode: status.permissions, uid: status.uid, gid: status.gid,
            modified: status.modified, attributes: try ArchivedAttributes.read(walked.file))
        if kind == .file { entry.size = Int64(status.size) }
        if kind == .symlink { entry.linkTarget = BytePath(try Sys.readlink(at: walked.file.raw, entry: "")) }
        if kind == .characterDevice || kind == .blockDevice {
            entry.deviceMajor = status.deviceMajor
            entry.deviceMinor = status.deviceMinor
        }
        return entry
    }

    /// Writes it with its data, or as a hard link to where it was written before.
    func emit(_ walked: borrowing WalkedEntry, as path: BytePath) throws {
        guard var entry = try Self.entry(walked, as: path) else { return }
        if walked.status.linkCount > 1 && entry.kind != .directory {
            let identity = Identity(device: walked.status.device, inode: walked.status.inode)
            if let first = written[identity] {
                entry.kind = .hardLink
                entry.linkTarget = first
                entry.attributes = []
                return try writer.begin(entry)
            }
            written[identity] = path
        }
        try writer.begin(entry)
        if entry.kind == .file { try copyContent(walked, size: entry.size) }
    }

    private func copyContent(_ walked: borrowing WalkedEntry, size: Int64) throws {
        var left = size
        let content = try walked.openContent()
        while left > 0 {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, Int64(buffer.count)))])
            guard let count = try content.read(into: piece), count > 0 else { break }
            try writer.write(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            left -= Int64(count)
        }
        // It was written to while we read: the header already states its size.
        if left > 0 { try writer.fillWithZeros() }
    }
}
