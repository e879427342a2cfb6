/// A parsed JSON document (RFC 8259).
///
/// For documents that are read while somebody waits for a container to start: a `JSONDecoder` spends most of a
/// millisecond on its first value, looking up conformances, and a runtime's process decodes only one. What is read at
/// every start reads itself (`JSONReadable`).
package indirect enum JSONTree: Sendable {
    case null
    case bool(Bool)
    /// As it is written; which numbers fit is for its reader to say.
    case number(String)
    case string(String)
    case array([JSONTree])
    case object(JSONFields)

    /// What is wrong with a document, and where.
    struct Failure: Error {
        let reason: String
        let offset: Int
        var description: String { "is no JSON: byte \(offset): \(reason)" }
    }

    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONTree {
        var parser = JSONParser(bytes: bytes)
        return try parser.document()
    }
}

/// The members of an object as they stand in the document. Objects of configurations have a few members: to look
/// through them takes less than to make a table. There is one for those with many, whoever sent them.
package struct JSONFields: Sendable {
    private static let few = 32
    private(set) var members: [(name: String, value: JSONTree)] = []
    /// Where each is, when there are more than a few.
    private var places: [String: Int] = [:]

    /// The last of several values of the same name counts.
    subscript(name: String) -> JSONTree? {
        if members.count > Self.few { return places[name].map { members[$0].value } }
        return members.last { $0.name == name }?.value
    }

    fileprivate mutating func append(_ name: String, _ value: JSONTree) {
        members.append((name, value))
        guard members.count > Self.few else { return }
        if places.isEmpty {
            for (place, member) in members.enumerated() { places[member.name] = place }
        } else {
            places[name] = members.count - 1
        }
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    private var position = 0
    /// Recursion is bounded, whatever the document is.
    private static let maximumDepth = 512

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONTree.Failure) -> JSONTree {
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw failure("there is more behind the JSON document") }
        return value
    }

    private func failure(_ reason: String) -> JSONTree.Failure { JSONTree.Failure(reason: reason, offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    /// True, and behind it, when `byte` comes next.
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONTree.Failure) -> JSONTree {
        guard depth < Self.maximumDepth else { throw failure("the document is nested too deeply") }
        skipBlanks()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the document ends where a value is expected")
        case .some(let byte) where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            return .number(try number())
        default: throw failure("no JSON value begins so")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONTree) throws(JSONTree.Failure) -> JSONTree {
        let rest = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: rest) else { throw failure("no JSON value begins so") }
        position += rest.count
        return value
    }

    private mutating func object(depth: Int) throws(JSONTree.Failure) -> JSONTree {
        position += 1
        var fields = JSONFields()
        skipBlanks()
        if skip(UInt8(ascii: "}")) { return .object(fields) }
        while true {
            skipBlanks()
            guard current == UInt8(ascii: "\"") else { throw failure("a key is expected") }
            let key = try string()
            skipBlanks()
            guard skip(UInt8(ascii: ":")) else { throw failure("a colon is expected") }
            fields.append(key, try value(depth: depth + 1))
            skipBlanks()
            if skip(UInt8(ascii: "}")) { return .object(fields) }
            guard skip(UInt8(ascii: ",")) else { throw failure("a comma or the end of the object is expected") }
        }
    }

    private mutating func array(depth: Int) throws(JSONTree.Failure) -> JSONTree {
        position += 1
        var elements: [JSONTree] = []
        skipBlanks()
        if skip(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if skip(UInt8(ascii: "]")) { return .array(elements) }
            guard skip(UInt8(ascii: ",")) else { throw failure("a comma or the end of the array is expected") }
        }
    }

    private mutating func digits() throws(JSONTree.Failure) {
        let start = position
        while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
        if position == start { throw failure("a digit is expected") }
    }

    private mutating func number() throws(JSONTree.Failure) -> String {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) { try digits() }
        if skip(UInt8(ascii: ".")) { try digits() }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func string() throws(JSONTree.Failure) -> String {
        position += 1
        let start = position
        while let byte = current, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            position += 1
        }
        if current == UInt8(ascii: "\"") {
            position += 1
            return try text(bytes[start..<(position - 1)])
        }
        var unescaped = Array(bytes[start..<position])
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try text(unescaped[...])
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            case ..<0x20: throw failure("a control character in a string must be escaped")
            default:
                unescaped.append(byte)
                position += 1
            }
        }
        throw failure("the document ends in a string")
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(JSONTree.Failure) -> String {
        // Most are, and the check of the library looks up conformances each time.
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("a string is not UTF-8") }
        return text
    }

    private mutating func escape(into result: inout [UInt8]) throws(JSONTree.Failure) {
        position += 1
        guard let byte = current else { throw failure("the document ends in a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0c)
        case UInt8(ascii: "n"): result.append(0x0a)
        case UInt8(ascii: "r"): result.append(0x0d)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"): result.append(contentsOf: String(try escapedScalar()).utf8)
        default: throw failure("there is no such escape")
        }
    }

    /// Behind `\u`; a character beyond the first 65536 is two of them.
    private mutating func escapedScalar() throws(JSONTree.Failure) -> Unicode.Scalar {
        var value = UInt32(try hexadecimal())
        if (0xd800..<0xdc00).contains(value) {
            guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")), case let low = UInt32(try hexadecimal()),
                (0xdc00..<0xe000).contains(low)
            else { throw failure("half of a surrogate pair stands alone") }
            value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw failure("half of a surrogate pair stands alone") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONTree.Failure) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits are expected")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
