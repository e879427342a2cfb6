package import Basics
import Kernel

/// Reads a tar archive entry by entry: v7, ustar, pax (global headers, `SCHILY.xattr`), GNU long names, sparse files
/// in all four forms, numbers in base 256.
///
/// Memory is bounded whatever the archive says: names, extended headers and maps of holes have limits.
package final class TarReader {
    package struct Options: Sendable {
        /// An archive that stops at the border of an entry, without the end marker, counts as cut off. Without a
        /// digest over the whole there is no other way to notice.
        package var requiresEndMarker = true
        package init(requiresEndMarker: Bool = true) { self.requiresEndMarker = requiresEndMarker }
    }

    private static let extendedHeaderLimit: Int64 = 1 << 20
    private static let pathLimit = 4096
    private static let extentLimit = 1 << 18

    private let input: BlockInput
    private let options: Options
    private var globals = PaxRecords()
    private var globalBytes: Int64 = 0
    private var ended = false

    // The entry that `next()` returned last.
    private var current: BytePath = ""
    private var size: Int64 = 0
    private var extents: [SparseExtent] = []
    private var extentIndex = 0
    /// Bytes of the current extent that were given out.
    private var extentDone: Int64 = 0
    private var storedLeft: Int64 = 0
    private var padding = 0
    /// Where `read(into:)` stands in the file.
    private var position: Int64 = 0

    package init(_ source: any ByteSource, options: Options = Options()) {
        input = BlockInput(source)
        self.options = options
    }

    /// The next entry, or nil after the last. Data of the entry before that nobody read is skipped.
    package func next() throws -> TarEntry? {
        if ended { return nil }
        try skipData()
        var pax: PaxRecords?
        var longName: [UInt8]?
        var longLink: [UInt8]?
        while true {
            guard let block = try input.block() else {
                return try endWithoutMarker(pending: pax != nil || longName != nil)
            }
            if TarHeader.isZero(block) {
                try finishMarker()
                return nil
            }
            let header = try TarHeader(block)
            current = header.name
            switch header.type {
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                pax = try PaxRecords(try special(header), over: globals)
            case UInt8(ascii: "g"):
                globalBytes += header.size
                if globalBytes > Self.extendedHeaderLimit { throw tooLarge("global pax headers above 1 MiB") }
                globals = try PaxRecords(try special(header), over: globals)
            case UInt8(ascii: "L"):
                longName = Array(try special(header).prefix { $0 != 0 })
            case UInt8(ascii: "K"):
                longLink = Array(try special(header).prefix { $0 != 0 })
            case UInt8(ascii: "V"):
                // GNU: the label of the volume.
                try begin(stored: header.size)
                try skipData()
            default:
                return try entry(header, pax ?? globals, longName: longName, longLink: longLink)
            }
        }
    }

    // MARK: The archive's own bytes

    /// Called with the archive's bytes, in their order, as they are consumed.
    package var tap: ((UnsafeRawBufferPointer) throws -> Void)? {
        get { input.tap }
        set { input.tap = newValue }
    }

    /// Consumes what stands behind the end marker.
    package func readAway() throws { while try !input.bytes(atMost: .max).isEmpty {} }

    /// The current entry's data stand in the archive as they are in the file, in one piece, none of it read yet.
    package var isDataWhole: Bool {
        extents.count == 1 && extents[0].offset == 0 && extents[0].length == size && storedLeft == size
    }

    // MARK: Data

    /// Data of the current entry's file, holes as zeros; 0 at its end.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard position < size, let base = buffer.baseAddress else { return 0 }
        advanceExtent()
        let hole = (extentIndex < extents.count ? extents[extentIndex].offset + extentDone : size) - position
        if hole > 0 {
            let count = Int(min(hole, Int64(buffer.count)))
            buffer[..<count].initializeMemory(as: UInt8.self, repeating: 0)
            position += Int64(count)
            return count
        }
        guard let chunk = try nextChunk(limit: buffer.count) else { return 0 }
        base.copyMemory(from: chunk.bytes.baseAddress ?? UnsafeRawPointer(base), byteCount: chunk.bytes.count)
        position = chunk.offset + Int64(chunk.bytes.count)
        return chunk.bytes.count
    }

    /// The current entry's data as a source, valid until the next call of `next()`.
    package var data: any ByteSource { EntryData(self) }

    /// Gives every stored piece of the current entry's file with its place in it, without copying; holes are left
    /// out. Instead of `read(into:)`, not beside it.
    package func forEachChunk(_ body: (_ offset: Int64, _ bytes: UnsafeRawBufferPointer) throws -> Void) throws {
        while let chunk = try nextChunk(limit: .max) { try body(chunk.offset, chunk.bytes) }
    }

    private func nextChunk(limit: Int) throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        advanceExtent()
        guard extentIndex < extents.count else { return nil }
        let extent = extents[extentIndex]
        let bytes = try input.bytes(atMost: Int(min(extent.length - extentDone, Int64(limit))))
        if bytes.isEmpty { throw cutOff() }
        let offset = extent.offset + extentDone
        extentDone += Int64(bytes.count)
        storedLeft -= Int64(bytes.count)
        return (offset, bytes)
    }

    private func advanceExtent() {
        while extentIndex < extents.count, extentDone == extents[extentIndex].length {
            extentIndex += 1
            extentDone = 0
        }
    }

    private func begin(stored: Int64) throws {
        guard stored >= 0 else { throw ArchiveError(.damaged, entry: current, "its size is negative") }
        guard stored <= Int64.max - 1024 else { throw tooLarge("a size of \(stored) bytes") }
        storedLeft = stored
        padding = Int((512 - stored % 512) % 512)
        size = 0
        extents = []
        extentIndex = 0
        extentDone = 0
        position = 0
    }

    private func skipData() throws {
        while storedLeft > 0 {
            let bytes = try input.bytes(atMost: Int(min(storedLeft, Int64(Int32.max))))
            if bytes.isEmpty { throw cutOff() }
            storedLeft -= Int64(bytes.count)
        }
        while padding > 0 {
            let bytes = try input.bytes(atMost: padding)
            if bytes.isEmpty { throw cutOff() }
            padding -= bytes.count
        }
    }

    /// The content of a header that describes the next entry.
    private func special(_ header: TarHeader) throws -> [UInt8] {
        if header.size > Self.extendedHeaderLimit { throw tooLarge("an extended header of \(header.size) bytes") }
        try begin(stored: header.size)
        var result: [UInt8] = []
        result.reserveCapacity(Int(storedLeft))
        while storedLeft > 0 {
            let bytes = try input.bytes(atMost: Int(storedLeft))
            if bytes.isEmpty { throw cutOff() }
            result.append(contentsOf: bytes)
            storedLeft -= Int64(bytes.count)
        }
        try skipData()
        return result
    }

    // MARK: The end

    private func finishMarker() throws {
        ended = true
        // The marker is two blocks; some writers leave the second out.
        if let second = try input.block(), !TarHeader.isZero(second) {
            throw ArchiveError(.damaged, "the archive", "goes on after a lone block of zeros")
        }
    }

    private func endWithoutMarker(pending: Bool) throws -> TarEntry? {
        if options.requiresEndMarker || pending {
            throw ArchiveError(.damaged, "the archive", "is cut off: it has no end marker")
        }
        ended = true
        return nil
    }

    private func cutOff() -> ArchiveError { ArchiveError(.damaged, entry: current, "the archive is cut off inside it") }
    private func tooLarge(_ what: String) -> ArchiveError {
        ArchiveError(.tooLarge, entry: current, "\(what) is refused")
    }
}

// MARK: - From header to entry

extension TarReader {
    private func entry(_ header: TarHeader, _ pax: PaxRecords, longName: [UInt8]?, longLink: [UInt8]?) throws
        -> TarEntry
    {
        let path = BytePath(pax.sparseName ?? pax.path ?? longName ?? header.name.bytes)
        current = path
        let linkTarget = BytePath(pax.linkPath ?? longLink ?? header.linkName.bytes)
        if path.isEmpty { throw ArchiveError(.damaged, "an entry", "has no name") }
        if path.bytes.count > Self.pathLimit { throw tooLarge("a path of \(path.bytes.count) bytes") }
        if linkTarget.bytes.count > Self.pathLimit { throw tooLarge("a link of \(linkTarget.bytes.count) bytes") }
        let kind = try kind(header, path)
        let isLink = kind == .symlink || kind == .hardLink
        if isLink && linkTarget.isEmpty { throw ArchiveError(.damaged, entry: path, "the link leads nowhere") }
        let stored = pax.size ?? header.size
        if stored < 0 { throw ArchiveError(.damaged, entry: path, "its size is negative") }
        let looksLikeFile = header.type == 0 || header.type == UInt8(ascii: "0") || kind == .file
        // Other kinds state sizes too (a hard link that of its target), but no data follows them.
        try begin(stored: looksLikeFile ? stored : 0)
        if kind == .file { try setUpData(header, pax, stored: stored) }
        return TarEntry(
            path: path, kind: kind, linkTarget: isLink ? linkTarget : "", mode: header.mode,
            uid: try owner(pax.uid ?? header.uid, path), gid: try owner(pax.gid ?? header.gid, path),
            modified: pax.modified ?? .init(seconds: header.modified, nanoseconds: 0), size: size,
            deviceMajor: try device(header.deviceMajor, below: 1 << 12, path),
            deviceMinor: try device(header.deviceMinor, below: 1 << 20, path), attributes: pax.attributes)
    }

    private func kind(_ header: TarHeader, _ path: BytePath) throws -> TarEntry.Kind {
        switch header.type {
        // Before ustar a directory was a file whose name ends so.
        case 0, UInt8(ascii: "0"): path.bytes.last == UInt8(ascii: "/") ? .directory : .file
        // "Contiguous" files, which nobody has.
        case UInt8(ascii: "7"), UInt8(ascii: "S"): .file
        case UInt8(ascii: "1"): .hardLink
        case UInt8(ascii: "2"): .symlink
        case UInt8(ascii: "3"): .characterDevice
        case UInt8(ascii: "4"): .blockDevice
        case UInt8(ascii: "5"): .directory
        case UInt8(ascii: "6"): .fifo
        case UInt8(ascii: "M"):
            throw ArchiveError(.unsupported, entry: path, "continues from another volume; only whole archives are read")
        default:
            throw ArchiveError(
                .unsupported, entry: path, "is of type \"\(BytePath([header.type]))\", which is not read")
        }
    }

    private func setUpData(_ header: TarHeader, _ pax: PaxRecords, stored: Int64) throws {
        if header.type == UInt8(ascii: "S") {
            extents = header.sparse
            var more = header.sparseContinues
            while more {
                guard let block = try input.block() else { throw cutOff() }
                extents += try TarHeader.extents(UnsafeRawBufferPointer(rebasing: block[..<504]), of: current)
                if extents.count > Self.extentLimit { throw tooLarge("a map of more than \(Self.extentLimit) holes") }
                more = block[504] != 0
            }
            size = header.sparseSize
        } else if pax.isSparse {
            extents = Self.pair(try pax.hasSparseMapInData ? readSparseMap() : pax.sparseMap)
            size = pax.sparseSize ?? 0
        } else {
            extents = [SparseExtent(offset: 0, length: stored)]
            size = stored
            return
        }
        try verifyExtents()
    }

    /// GNU sparse 1.0: the number of extents, then offset and length of each, a decimal number a line, filled up to
    /// whole blocks; all of it part of the stored data.
    private func readSparseMap() throws -> [Int64] {
        var numbers: [Int64] = []
        var expected: Int64?
        var digits: [UInt8] = []
        while expected != Int64(numbers.count) {
            guard storedLeft >= 512, let block = try input.block() else { throw cutOff() }
            storedLeft -= 512
            for byte in block where expected != Int64(numbers.count) {
                if byte != 0x0a {
                    digits.append(byte)
                    if digits.count > 20 { throw badMap() }
                    continue
                }
                guard let number = PaxRecords.decimal(digits) else { throw badMap() }
                digits = []
                if expected == nil {
                    if number > Self.extentLimit { throw tooLarge("a map of \(number) holes") }
                    expected = number * 2
                } else {
                    numbers.append(number)
                }
            }
        }
        return numbers
    }

    private static func pair(_ numbers: [Int64]) -> [SparseExtent] {
        stride(from: 0, to: numbers.count, by: 2).map {
            SparseExtent(offset: numbers[$0], length: $0 + 1 < numbers.count ? numbers[$0 + 1] : -1)
        }
    }

    /// In order, apart, inside the file, and together exactly what is stored.
    private func verifyExtents() throws {
        if size < 0 { throw badMap() }
        var end: Int64 = 0
        var total: Int64 = 0
        for extent in extents {
            guard extent.offset >= end, extent.length >= 0, extent.length <= size, extent.offset <= size - extent.length
            else { throw badMap() }
            end = extent.end
            total += extent.length
        }
        if total != storedLeft { throw badMap() }
    }

    private func badMap() -> ArchiveError { ArchiveError(.damaged, entry: current, "its map of holes makes no sense") }

    private func owner(_ id: Int64, _ path: BytePath) throws -> UInt32 {
        // The largest number is no owner: chown(2) takes it for "leave as it is".
        guard (0..<Int64(UInt32.max)).contains(id) else {
            throw ArchiveError(.damaged, entry: path, "its owner \(id) is not a user or group number")
        }
        return UInt32(id)
    }

    private func device(_ number: Int64, below limit: Int64, _ path: BytePath) throws -> UInt32 {
        guard (0..<limit).contains(number) else {
            throw ArchiveError(.damaged, entry: path, "its device number \(number) does not exist on Linux")
        }
        return UInt32(number)
    }
}

/// The data of a reader's current entry.
private final class EntryData: ByteSource {
    private let reader: TarReader
    init(_ reader: TarReader) { self.reader = reader }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try reader.read(into: buffer) }
}
