import Kernel

/// One header block of 512 bytes, decoded field by field (POSIX.1-1988 ustar, pax, GNU, star and v7 forms).
struct TarHeader {
    static let blockSize = 512

    enum Form {
        case v7, ustar, gnu, star
    }

    let form: Form
    let name: BytePath
    let linkName: BytePath
    let type: UInt8
    let mode: UInt32
    let uid: Int64
    let gid: Int64
    let size: Int64
    let modified: Int64
    let deviceMajor: Int64
    let deviceMinor: Int64
    /// GNU sparse files ('S').
    let sparse: [SparseExtent]
    let sparseContinues: Bool
    let sparseSize: Int64

    static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
        for index in stride(from: 0, to: blockSize, by: 8)
        where block.loadUnaligned(fromByteOffset: index, as: UInt64.self) != 0 { return false }
        return true
    }

    init(_ block: UnsafeRawBufferPointer) throws(ArchiveError) {
        try Self.verifyChecksum(block)
        let magic = block[257..<265]
        if magic.elementsEqual("ustar  \0".utf8) {
            form = .gnu
        } else if magic.starts(with: "ustar\0".utf8) {
            form = block[508..<512].elementsEqual("tar\0".utf8) ? .star : .ustar
        } else {
            form = .v7
        }
        let short = Self.text(block[0..<100])
        switch form {
        case .ustar: name = Self.join(prefix: Self.text(block[345..<500]), short)
        case .star: name = Self.join(prefix: Self.text(block[345..<476]), short)
        case .gnu, .v7: name = BytePath(short)
        }
        let subject = name
        func number(_ range: Range<Int>, _ field: String) throws(ArchiveError) -> Int64 {
            guard let value = Self.number(UnsafeRawBufferPointer(rebasing: block[range])) else {
                throw ArchiveError(.damaged, entry: subject, "its \(field) is not a number")
            }
            return value
        }
        linkName = BytePath(Self.text(block[157..<257]))
        type = block[156]
        mode = UInt32(truncatingIfNeeded: try number(100..<108, "mode") & 0o7777)
        uid = try number(108..<116, "owner")
        gid = try number(116..<124, "group")
        size = try number(124..<136, "size")
        modified = try number(136..<148, "modification time")
        let isDevice = type == UInt8(ascii: "3") || type == UInt8(ascii: "4")
        // v7 has other things there.
        deviceMajor = isDevice && form != .v7 ? try number(329..<337, "device number") : 0
        deviceMinor = isDevice && form != .v7 ? try number(337..<345, "device number") : 0
        if type == UInt8(ascii: "S") {
            sparse = try Self.extents(UnsafeRawBufferPointer(rebasing: block[386..<482]), of: name)
            sparseContinues = block[482] != 0
            sparseSize = try number(483..<495, "size")
        } else {
            sparse = []
            sparseContinues = false
            sparseSize = 0
        }
    }

    /// Pairs of offset and length, 12 bytes each, up to the first that is empty.
    static func extents(_ table: UnsafeRawBufferPointer, of entry: BytePath) throws(ArchiveError) -> [SparseExtent] {
        var result: [SparseExtent] = []
        for start in stride(from: 0, to: table.count - 23, by: 24) {
            if table[start] == 0 { break }
            guard let offset = number(UnsafeRawBufferPointer(rebasing: table[start..<start + 12])),
                let length = number(UnsafeRawBufferPointer(rebasing: table[start + 12..<start + 24]))
            else { throw ArchiveError(.damaged, entry: entry, "its map of holes is not made of numbers") }
            result.append(SparseExtent(offset: offset, length: length))
        }
        return result
    }

    /// Octal text, or base 256 when the first bit says so; nil for anything else or beyond 63 bits.
    static func number(_ field: UnsafeRawBufferPointer) -> Int64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 { return base256(field) }
        var index = 0
        while index < field.count, field[index] == 0x20 || field[index] == 0 { index += 1 }
        var value: Int64 = 0
        while index < field.count, field[index] != 0x20, field[index] != 0 {
            guard (0x30...0x37).contains(field[index]), value < 1 << 59 else { return nil }
            value = value << 3 | Int64(field[index] - 0x30)
            index += 1
        }
        return value
    }

    private static func base256(_ field: UnsafeRawBufferPointer) -> Int64? {
        // Two's complement over the whole field without the marker bit.
        let negative = field[0] & 0x40 != 0
        var value: Int64 = negative ? -1 : 0
        for (index, byte) in field.enumerated() {
            let bits = index == 0 ? (negative ? byte | 0x80 : byte & 0x7f) : byte
            guard value >= -(1 << 55), value < 1 << 55 else { return nil }
            value = value << 8 | Int64(bits)
        }
        return value
    }

    private static func verifyChecksum(_ block: UnsafeRawBufferPointer) throws(ArchiveError) {
        guard let stated = number(UnsafeRawBufferPointer(rebasing: block[148..<156])) else {
            throw ArchiveError(.damaged, "the archive", "is not a tar archive, or damaged: a header has no checksum")
        }
        var sum: UInt32 = 0
        var high: UInt32 = 0
        // The checksum itself counts as blanks. No branch in the loops: they are run for every file of every image.
        for index in 0..<blockSize {
            sum &+= UInt32(block[index])
            high &+= UInt32(block[index] >> 7)
        }
        for index in 148..<156 {
            sum &-= UInt32(block[index])
            high &-= UInt32(block[index] >> 7)
        }
        let unsigned = Int64(sum) + 8 * 0x20
        // Some old programs added the bytes up as signed.
        if stated != unsigned && stated != unsigned - 256 * Int64(high) {
            throw ArchiveError(
                .damaged, "the archive", "is not a tar archive, or damaged: a header's checksum is wrong")
        }
    }

    /// Up to the first NUL.
    private static func text(_ field: Slice<UnsafeRawBufferPointer>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    private static func join(prefix: [UInt8], _ name: [UInt8]) -> BytePath {
        prefix.isEmpty ? BytePath(name) : BytePath(prefix + [UInt8(ascii: "/")] + name)
    }
}
