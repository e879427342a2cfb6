package import Basics
import Kernel

/// Writes a tar archive: ustar where an entry fits it, with a pax header where not.
///
/// The same entries in the same order give the same bytes: no access or change times, no names of owners, a fixed
/// name for pax headers, records in alphabetical order.
///
///     begin(entry) -> write(data) until entry.size -> begin(next) … -> finish()
package final class TarWriter {
    private let sink: any ByteSink
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var used = 0
    private var dataLeft: Int64 = 0
    private var padding = 0
    private var current: BytePath = ""

    package init(_ sink: any ByteSink) { self.sink = sink }
    deinit { buffer.deallocate() }

    /// Writes the entry's header. A directory's path gets the usual `/` at its end. Only a file has a size; all of
    /// its data must be written before the next entry.
    package func begin(_ entry: TarEntry) throws {
        try endEntry()
        current = entry.path
        var entry = entry
        if entry.kind == .directory && entry.path.bytes.last != UInt8(ascii: "/") {
            entry.path.bytes.append(UInt8(ascii: "/"))
        }
        if entry.kind != .file { entry.size = 0 }
        var header = HeaderBlock()
        let records = try header.fill(entry)
        if !records.isEmpty {
            try put(HeaderBlock.extended(size: records.count).bytes)
            try put(records)
            try pad((512 - records.count % 512) % 512)
        }
        header.seal()
        try put(header.bytes)
        dataLeft = entry.size
        padding = Int((512 - entry.size % 512) % 512)
    }

    /// Data of the current file.
    package func write(_ data: UnsafeRawBufferPointer) throws {
        precondition(Int64(data.count) <= dataLeft, "more data than the entry's size")
        dataLeft -= Int64(data.count)
        try put(data)
    }

    /// Fills the current file up with zeros: for one that shrank while it was read.
    package func fillWithZeros() throws {
        while dataLeft > 0 {
            let count = Int(min(dataLeft, Int64(Self.zeros.count)))
            try Self.zeros.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    /// A file from memory.
    package func add(_ entry: TarEntry, _ data: [UInt8] = []) throws {
        var entry = entry
        if entry.kind == .file { entry.size = Int64(data.count) }
        try begin(entry)
        try data.withUnsafeBytes { try write($0) }
    }

    /// A file from a stream that must give exactly `entry.size` bytes.
    package func add(_ entry: TarEntry, from source: any ByteSource) throws {
        try begin(entry)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { piece.deallocate() }
        while true {
            let count = try source.read(into: piece)
            if count == 0 { break }
            if Int64(count) > dataLeft {
                throw ArchiveError(.damaged, entry: entry.path, "has more data than its size")
            }
            try write(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        if dataLeft > 0 { throw ArchiveError(.damaged, entry: entry.path, "has less data than its size") }
    }

    /// Writes the end marker and everything held back. Nothing may be added after.
    package func finish() throws {
        try endEntry()
        try pad(1024)
        try flush()
    }

    private func endEntry() throws {
        if dataLeft > 0 { throw ArchiveError(.damaged, entry: current, "\(dataLeft) bytes of its data are missing") }
        try pad(padding)
        padding = 0
    }

    private static let zeros = [UInt8](repeating: 0, count: 4096)

    private func pad(_ count: Int) throws {
        if count > 0 { try Self.zeros.withUnsafeBytes { try put(UnsafeRawBufferPointer(rebasing: $0[..<count])) } }
    }

    private func put(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try put($0) } }

    private func put(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.count >= buffer.count - used { try flush() }
        // What fills the buffer anyway goes out as it is.
        if bytes.count >= buffer.count { return try sink.write(bytes) }
        UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    private func flush() throws {
        if used > 0 { try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<used])) }
        used = 0
    }
}

/// A ustar header block in the making.
private struct HeaderBlock {
    var bytes = [UInt8](repeating: 0, count: 512)

    /// The block in front of pax records.
    static func extended(size: Int) -> HeaderBlock {
        var block = HeaderBlock()
        block.put(Array("PaxHeaders/entry".utf8), at: 0)
        block.common(type: UInt8(ascii: "x"), mode: 0o644, uid: 0, gid: 0, size: Int64(size), modified: 0)
        block.seal()
        return block
    }

    /// Fills in what fits, and returns the pax records for what does not.
    mutating func fill(_ entry: TarEntry) throws -> [UInt8] {
        var records: [(key: String, value: [UInt8])] = []
        if !putPath(entry.path.bytes) {
            records.append(("path", entry.path.bytes))
            put(Array(entry.path.bytes.prefix(100)), at: 0)
        }
        if entry.linkTarget.bytes.count > 100 { records.append(("linkpath", entry.linkTarget.bytes)) }
        put(Array(entry.linkTarget.bytes.prefix(100)), at: 157)
        if entry.uid > 0o7777777 { records.append(("uid", Array(String(entry.uid).utf8))) }
        if entry.gid > 0o7777777 { records.append(("gid", Array(String(entry.gid).utf8))) }
        if entry.size > 0o77777777777 { records.append(("size", Array(String(entry.size).utf8))) }
        let seconds = entry.modified.seconds
        if entry.modified.nanoseconds != 0 || !(0...0o77777777777).contains(seconds) {
            records.append(("mtime", Self.format(entry.modified)))
        }
        for attribute in entry.attributes {
            if attribute.name.isEmpty || attribute.name.utf8.contains(UInt8(ascii: "=")) {
                throw ArchiveError(
                    .unsupported, entry: entry.path,
                    "its attribute \"\(attribute.name)\" has a name that tar cannot hold")
            }
            records.append(("SCHILY.xattr." + attribute.name, attribute.value))
        }
        // POSIX wants UTF-8 in records unless this says otherwise.
        if records.contains(where: { ($0.key == "path" || $0.key == "linkpath") && BytePath($0.value).string == nil }) {
            records.append(("hdrcharset", Array("BINARY".utf8)))
        }
        common(
            type: Self.type(entry.kind), mode: entry.mode & 0o7777, uid: entry.uid > 0o7777777 ? 0 : entry.uid,
            gid: entry.gid > 0o7777777 ? 0 : entry.gid, size: entry.size > 0o77777777777 ? 0 : entry.size,
            modified: (0...0o77777777777).contains(seconds) ? seconds : 0)
        octal(Int64(entry.deviceMajor), at: 329, width: 8)
        octal(Int64(entry.deviceMinor), at: 337, width: 8)
        // "hdrcharset" must precede what it speaks of, and alphabetical order would see to it for both keys.
        return records.sorted { $0.key < $1.key }.flatMap { PaxRecords.format($0.key, $0.value) }
    }

    private mutating func common(type: UInt8, mode: UInt32, uid: UInt32, gid: UInt32, size: Int64, modified: Int64) {
        octal(Int64(mode), at: 100, width: 8)
        octal(Int64(uid), at: 108, width: 8)
        octal(Int64(gid), at: 116, width: 8)
        octal(size, at: 124, width: 12)
        octal(modified, at: 136, width: 12)
        bytes[156] = type
        put(Array("ustar\u{0}00".utf8), at: 257)
        octal(0, at: 329, width: 8)
        octal(0, at: 337, width: 8)
    }

    /// The checksum; last.
    mutating func seal() {
        for index in 148..<156 { bytes[index] = 0x20 }
        let sum = bytes.reduce(Int64(0)) { $0 + Int64($1) }
        octal(sum, at: 148, width: 7)
        bytes[155] = 0x20
    }

    /// As a name of up to 100 bytes, or split at a `/` into a prefix of up to 155 and such a name.
    private mutating func putPath(_ path: [UInt8]) -> Bool {
        if path.count <= 100 {
            put(path, at: 0)
            return true
        }
        guard path.count <= 256 else { return false }
        let slash = UInt8(ascii: "/")
        // A directory's own last slash is not a place to split.
        guard let split = path[max(0, path.count - 101)..<(path.count - 1)].firstIndex(of: slash), split <= 155,
            split > 0
        else { return false }
        put(Array(path[..<split]), at: 345)
        put(Array(path[(split + 1)...]), at: 0)
        return true
    }

    private mutating func put(_ text: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + text.count, with: text)
    }

    /// Zero-padded octal digits and a NUL.
    private mutating func octal(_ value: Int64, at offset: Int, width: Int) {
        var value = value
        for index in stride(from: offset + width - 2, through: offset, by: -1) {
            bytes[index] = 0x30 + UInt8(value & 7)
            value >>= 3
        }
        bytes[offset + width - 1] = 0
    }

    private static func type(_ kind: TarEntry.Kind) -> UInt8 {
        switch kind {
        case .file: UInt8(ascii: "0")
        case .hardLink: UInt8(ascii: "1")
        case .symlink: UInt8(ascii: "2")
        case .characterDevice: UInt8(ascii: "3")
        case .blockDevice: UInt8(ascii: "4")
        case .directory: UInt8(ascii: "5")
        case .fifo: UInt8(ascii: "6")
        }
    }

    /// Seconds with up to nine digits of fraction, without zeros at the end.
    private static func format(_ time: FileStatus.Time) -> [UInt8] {
        if time.nanoseconds == 0 { return Array(String(time.seconds).utf8) }
        let negative = time.seconds < 0
        let whole = negative ? -(time.seconds + 1) : time.seconds
        let nanoseconds = negative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds
        var fraction = String(String(1_000_000_000 + UInt64(nanoseconds)).dropFirst())
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return Array("\(negative ? "-" : "")\(whole).\(fraction)".utf8)
    }
}
