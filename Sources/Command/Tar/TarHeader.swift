/// What is wrong with a tar archive, or with reading one.
struct TarError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One member of an archive: POSIX ustar with pax records (pax(1), "pax Interchange Format").
package struct TarEntry: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        case file = 0x30
        case hardLink = 0x31
        case symlink = 0x32
        case characterDevice = 0x33
        case blockDevice = 0x34
        case directory = 0x35
        case fifo = 0x36
    }
    package var path: [UInt8]
    package var kind: Kind
    /// Permission bits.
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    package var size: UInt64
    package var seconds: Int64
    package var nanoseconds: UInt32
    package var linkTarget: [UInt8]
    package var deviceMajor: UInt32
    package var deviceMinor: UInt32

    package init(path: [UInt8], kind: Kind, mode: UInt32 = 0o644, size: UInt64 = 0, linkTarget: [UInt8] = []) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.size = size
        self.linkTarget = linkTarget
        uid = 0
        gid = 0
        seconds = 0
        nanoseconds = 0
        deviceMajor = 0
        deviceMinor = 0
    }

    package var displayPath: String { Escaping.visible(String(decoding: path, as: UTF8.self)) }
}

/// The 512-byte blocks before a member's data.
package enum TarHeader {
    package static let block = 512

    package static func padding(_ size: UInt64) -> Int { Int((512 - size % 512) % 512) }

    // MARK: Writing

    package static func encode(_ entry: TarEntry) -> [UInt8] {
        var records: [(String, [UInt8])] = []
        if entry.path.count > 100 { records.append(("path", entry.path)) }
        if entry.linkTarget.count > 100 { records.append(("linkpath", entry.linkTarget)) }
        if entry.size >= 1 << 33 { records.append(("size", Array("\(entry.size)".utf8))) }
        if entry.uid >= 1 << 21 { records.append(("uid", Array("\(entry.uid)".utf8))) }
        if entry.gid >= 1 << 21 { records.append(("gid", Array("\(entry.gid)".utf8))) }
        if entry.nanoseconds != 0 || !(0..<(1 << 33)).contains(entry.seconds) {
            records.append(("mtime", Array(time(entry.seconds, entry.nanoseconds).utf8)))
        }
        var result: [UInt8] = []
        if !records.isEmpty {
            let body = records.flatMap { record($0.0, $0.1) }
            var pax = TarEntry(
                path: Array("PaxHeaders/\(entry.path.count)".utf8), kind: .file, size: UInt64(body.count))
            pax.seconds = max(0, entry.seconds)
            result += ustar(pax, type: UInt8(ascii: "x")) + body
            result += [UInt8](repeating: 0, count: padding(pax.size))
        }
        return result + ustar(entry, type: entry.kind.rawValue)
    }

    /// Two blocks of zeros.
    package static let end = [UInt8](repeating: 0, count: 2 * block)

    /// `12.5` for a moment after 1970; before it the seconds are negative and the fraction counts down.
    private static func time(_ seconds: Int64, _ nanoseconds: UInt32) -> String {
        let isBefore = seconds < 0 && nanoseconds > 0
        let fraction = isBefore ? 1_000_000_000 - nanoseconds : nanoseconds
        let digits = String(fraction)
        let whole = isBefore ? seconds + 1 : seconds
        let sign = isBefore && whole == 0 ? "-" : ""
        return "\(sign)\(whole)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }

    /// `<length> <key>=<value>\n`, the length counting its own digits.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = key.utf8.count + value.count + 3
        var length = rest + 1
        while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
        return Array("\(length) \(key)=".utf8) + value + [0x0a]
    }

    private static func ustar(_ entry: TarEntry, type: UInt8) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ bytes: some Collection<UInt8>, at offset: Int, _ length: Int) {
            for (index, byte) in bytes.prefix(length).enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: UInt64, at offset: Int, _ length: Int) {
            let digits = String(value, radix: 8)
            // What does not fit is said by a pax record.
            let text = digits.utf8.count < length ? digits : String(repeating: "0", count: length - 1)
            put(String(repeating: "0", count: length - 1 - text.utf8.count).utf8 + Array(text.utf8), at: offset, length)
        }
        put(entry.path, at: 0, 100)
        octal(UInt64(entry.mode & 0o7777), at: 100, 8)
        octal(UInt64(entry.uid), at: 108, 8)
        octal(UInt64(entry.gid), at: 116, 8)
        octal(entry.size, at: 124, 12)
        octal(UInt64(clamping: entry.seconds), at: 136, 12)
        put(Array("        ".utf8), at: 148, 8)
        header[156] = type
        put(entry.linkTarget, at: 157, 100)
        put(Array("ustar\u{0}00".utf8), at: 257, 8)
        octal(UInt64(entry.deviceMajor), at: 329, 8)
        octal(UInt64(entry.deviceMinor), at: 337, 8)
        let sum = header.reduce(0) { $0 + Int($1) }
        let digits = String(sum, radix: 8)
        put(String(repeating: "0", count: 6 - digits.utf8.count).utf8 + Array(digits.utf8) + [0, 0x20], at: 148, 8)
        return header
    }

    // MARK: Reading

    /// The fields of a block as they stand, and its type; nil for a block of zeros.
    static func decode(_ header: [UInt8]) throws(TarError) -> (entry: TarEntry, type: UInt8)? {
        if header.allSatisfy({ $0 == 0 }) { return nil }
        let sum = header.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
        guard try number(header[148..<156]) == UInt64(sum) else {
            throw TarError("the archive is damaged: a header's checksum is wrong")
        }
        let type = header[156] == 0 ? UInt8(ascii: "0") : header[156]
        var path = text(header[0..<100])
        if header[257..<263].elementsEqual("ustar\u{0}".utf8), header[345] != 0 {
            path = text(header[345..<500]) + [UInt8(ascii: "/")] + path
        }
        var entry = TarEntry(path: path, kind: TarEntry.Kind(rawValue: type) ?? .file)
        entry.mode = UInt32(truncatingIfNeeded: try number(header[100..<108])) & 0o7777
        entry.uid = UInt32(truncatingIfNeeded: try number(header[108..<116]))
        entry.gid = UInt32(truncatingIfNeeded: try number(header[116..<124]))
        entry.size = try number(header[124..<136])
        entry.seconds = Int64(clamping: try number(header[136..<148]))
        entry.linkTarget = text(header[157..<257])
        entry.deviceMajor = UInt32(truncatingIfNeeded: try number(header[329..<337]))
        entry.deviceMinor = UInt32(truncatingIfNeeded: try number(header[337..<345]))
        return (entry, type)
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    /// Octal digits, or with the highest bit set a number of base 256, as GNU tar writes large ones.
    private static func number(_ field: ArraySlice<UInt8>) throws(TarError) -> UInt64 {
        guard let first = field.first else { return 0 }
        var value: UInt64 = 0
        if first & 0x80 != 0 {
            guard first == 0x80 else { throw TarError("the archive is damaged: a number is out of range") }
            for byte in field.dropFirst() {
                guard value < 1 << 55 else { throw TarError("the archive is damaged: a number is out of range") }
                value = value << 8 | UInt64(byte)
            }
            return value
        }
        for byte in field.drop(while: { $0 == 0x20 }) {
            if byte == 0 || byte == 0x20 { break }
            guard (0x30...0x37).contains(byte), value < 1 << 60 else {
                throw TarError("the archive is damaged: a number has other than octal digits")
            }
            value = value << 3 | UInt64(byte - 0x30)
        }
        return value
    }

    /// Applies the records of a pax header.
    static func apply(pax body: [UInt8], to entry: inout TarEntry) throws(TarError) {
        var rest = body[...]
        while !rest.isEmpty {
            guard let space = rest.firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
                length > space - rest.startIndex + 1, length <= rest.count, rest[rest.startIndex + length - 1] == 0x0a,
                case let record = rest[(space + 1)..<(rest.startIndex + length - 1)],
                let equals = record.firstIndex(of: UInt8(ascii: "="))
            else { throw TarError("the archive is damaged: a pax record is malformed") }
            let value = Array(record[(equals + 1)...])
            let number = UInt64(String(decoding: value, as: UTF8.self))
            switch String(decoding: record[..<equals], as: UTF8.self) {
            case "path": entry.path = value
            case "linkpath": entry.linkTarget = value
            case "size":
                guard let number, number < 1 << 60 else {
                    throw TarError("the archive is damaged: a size is out of range")
                }
                entry.size = number
            case "uid": entry.uid = UInt32(truncatingIfNeeded: number ?? 0)
            case "gid": entry.gid = UInt32(truncatingIfNeeded: number ?? 0)
            case "mtime": setTime(String(decoding: value, as: UTF8.self), &entry)
            default: break
            }
            rest = rest.dropFirst(length)
        }
    }

    private static func setTime(_ text: String, _ entry: inout TarEntry) {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard let first = parts.first, let seconds = Int64(first) else { return }
        let digits = parts.count == 2 ? String(parts[1].prefix(9)) : ""
        let nanoseconds = UInt32(digits + String(repeating: "0", count: 9 - digits.utf8.count)) ?? 0
        let isNegative = text.hasPrefix("-") && nanoseconds > 0
        entry.seconds = isNegative ? seconds - 1 : seconds
        entry.nanoseconds = isNegative ? 1_000_000_000 - nanoseconds : nanoseconds
    }
}
