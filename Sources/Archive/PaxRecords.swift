import Kernel

/// The records of a pax extended header that mean something to us (POSIX.1-2001, "pax Header Block"; GNU sparse 0.0,
/// 0.1 and 1.0; SCHILY.xattr).
struct PaxRecords {
    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int64?
    var uid: Int64?
    var gid: Int64?
    var modified: FileStatus.Time?
    var attributes: [ExtendedAttribute] = []
    /// `GNU.sparse.name`, `.size`/`.realsize`, and the map where it is in the records.
    var sparseName: [UInt8]?
    var sparseSize: Int64?
    var sparseMap: [Int64] = []
    var sparseMajor: Int64?
    var sparseMinor: Int64?

    /// The map of holes stands in front of the file's data.
    var hasSparseMapInData: Bool { sparseMajor == 1 && sparseMinor == 0 }
    var isSparse: Bool { sparseSize != nil || hasSparseMapInData }

    init() {}

    /// `data`: `LENGTH KEY=VALUE\n` again and again. `globals` count where a record is not given here.
    init(_ data: [UInt8], over globals: PaxRecords) throws(ArchiveError) {
        self = globals
        var rest = data[...]
        while !rest.isEmpty {
            guard let space = rest.prefix(20).firstIndex(of: 0x20), let length = Self.decimal(rest[..<space]),
                length <= rest.count, Int(length) > space - rest.startIndex + 2,
                rest[rest.startIndex + Int(length) - 1] == 0x0a
            else { throw Self.damaged("has a record of a wrong length") }
            let record = rest[(space + 1)..<(rest.startIndex + Int(length) - 1)]
            rest = rest.dropFirst(Int(length))
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals != record.startIndex else {
                throw Self.damaged("has a record without a key")
            }
            let key = String(decoding: record[..<equals], as: UTF8.self)
            try set(key, record[(equals + 1)...], globals)
        }
    }

    private mutating func set(_ key: String, _ value: ArraySlice<UInt8>, _ globals: PaxRecords) throws(ArchiveError) {
        switch key {
        // An empty value takes a global one back.
        case "path": path = try Self.name(key, value)
        case "linkpath": linkPath = try Self.name(key, value)
        case "size": size = try Self.number(key, value)
        case "uid": uid = try Self.number(key, value)
        case "gid": gid = try Self.number(key, value)
        case "mtime": modified = value.isEmpty ? nil : try Self.time(value)
        case "GNU.sparse.name": sparseName = try Self.name(key, value)
        case "GNU.sparse.size", "GNU.sparse.realsize": sparseSize = try Self.number(key, value)
        case "GNU.sparse.major": sparseMajor = try Self.number(key, value)
        case "GNU.sparse.minor": sparseMinor = try Self.number(key, value)
        case "GNU.sparse.offset", "GNU.sparse.numbytes":
            guard let number = try Self.number(key, value) else { throw Self.damaged("has an empty \(key)") }
            sparseMap.append(number)
        case "GNU.sparse.map":
            sparseMap = []
            for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                guard let number = try Self.number(key, part) else { throw Self.damaged("has a gap in \(key)") }
                sparseMap.append(number)
            }
        default:
            if key.hasPrefix("SCHILY.xattr.") { setAttribute(String(key.dropFirst(13)), Array(value)) }
        // Names of owners, access times, comments and vendors' records say nothing that is kept.
        }
    }

    private mutating func setAttribute(_ name: String, _ value: [UInt8]) {
        if let index = attributes.firstIndex(where: { $0.name == name }) {
            attributes[index].value = value
        } else {
            attributes.append(ExtendedAttribute(name: name, value: value))
        }
    }

    private static func damaged(_ problem: String) -> ArchiveError { ArchiveError(.damaged, "a pax header", problem) }

    private static func name(_ key: String, _ value: ArraySlice<UInt8>) throws(ArchiveError) -> [UInt8]? {
        if value.contains(0) { throw ArchiveError(.hostile, "a pax header", "has a NUL byte in \(key)") }
        return value.isEmpty ? nil : Array(value)
    }

    private static func number(_ key: String, _ value: ArraySlice<UInt8>) throws(ArchiveError) -> Int64? {
        if value.isEmpty { return nil }
        guard let number = decimal(value) else {
            throw damaged("has \(key) \"\(BytePath(value.prefix(40)))\", which is no number in range")
        }
        return number
    }

    /// Digits only; nil beyond 63 bits.
    static func decimal(_ text: some Collection<UInt8>) -> Int64? {
        guard !text.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in text {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, over2) = product.addingReportingOverflow(Int64(digit - 0x30))
            if over || over2 { return nil }
            value = sum
        }
        return value
    }

    /// Seconds since 1970 with a sign and a fraction, of which nine digits count.
    private static func time(_ text: ArraySlice<UInt8>) throws(ArchiveError) -> FileStatus.Time {
        let negative = text.first == UInt8(ascii: "-")
        let parts = text.dropFirst(negative ? 1 : 0).split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ decimal($0) }), whole < 1 << 56 else {
            throw damaged("has mtime \"\(BytePath(text.prefix(40)))\", which is no time")
        }
        var nanoseconds: Int64 = 0
        if parts.count == 2 {
            let digits = parts[1].prefix(9)
            guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw damaged("has mtime \"\(BytePath(text.prefix(40)))\", which is no time")
            }
            nanoseconds = decimal(digits) ?? 0
            for _ in digits.count..<9 { nanoseconds *= 10 }
        }
        if !negative { return .init(seconds: whole, nanoseconds: UInt32(nanoseconds)) }
        if nanoseconds == 0 { return .init(seconds: -whole, nanoseconds: 0) }
        return .init(seconds: -whole - 1, nanoseconds: UInt32(1_000_000_000 - nanoseconds))
    }

    /// One record, its own length counted in.
    static func format(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let content = key.utf8.count + value.count + 3
        var length = content + String(content).utf8.count
        // Counting the digits in may have made one digit more of it.
        length = content + String(length).utf8.count
        return Array("\(length) \(key)=".utf8) + value + [0x0a]
    }
}
