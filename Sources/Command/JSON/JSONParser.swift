/// Text that is no JSON, and where.
package struct JSONError: Error, CustomStringConvertible {
    package let reason: String
    /// In bytes.
    package let offset: Int
    package var description: String { "no valid JSON at byte \(offset): \(reason)" }
}

/// RFC 8259. Refuses nesting deeper than 256, so that no answer can exhaust the stack.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// The one member of objects that is kept; nil: all.
    private let wanted: String?
    private var at = 0
    private static let maximumDepth = 256

    private init(_ bytes: UnsafeBufferPointer<UInt8>, wanted: String?) {
        self.bytes = bytes
        self.wanted = wanted
    }

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, keeping wanted: String? = nil) throws(JSONError) -> JSONValue
    {
        var parser = JSONParser(bytes, wanted: wanted)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        if parser.at != bytes.count { throw parser.error("more after the end of the value") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: at) }
    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0a || bytes[at] == 0x0d || bytes[at] == 0x09 {
            at += 1
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        if depth > Self.maximumDepth { throw error("nested too deeply") }
        skipSpace()
        guard let first = peek else { throw error("a value is missing") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let count = text.utf8CodeUnitCount
        guard at + count <= bytes.count, (0..<count).allSatisfy({ bytes[at + $0] == text.utf8Start[$0] }) else {
            throw error("an unknown word")
        }
        at += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        at += 1
        var object = JSONObject()
        skipSpace()
        if peek == UInt8(ascii: "}") {
            at += 1
            return .object(object)
        }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw error("a member's name is missing") }
            let key = try string()
            skipSpace()
            guard peek == UInt8(ascii: ":") else { throw error("a colon is missing") }
            at += 1
            if let wanted, key != wanted {
                try pass()
            } else {
                object.members.append(JSONObject.Member(key, try value(depth: depth + 1)))
            }
            skipSpace()
            switch peek {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "}"):
                at += 1
                return .object(object)
            default: throw error("a comma or } is missing")
            }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if peek == UInt8(ascii: "]") {
            at += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            switch peek {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "]"):
                at += 1
                return .array(elements)
            default: throw error("a comma or ] is missing")
            }
        }
    }

    /// Goes on behind a value, looking no closer than that takes.
    private mutating func pass() throws(JSONError) {
        skipSpace()
        let start = at
        var open = 0
        while let c = peek {
            switch c {
            case UInt8(ascii: "\""): try passString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open += 1
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","):
                if open == 0 {
                    if at == start { throw error("a value is missing") }
                    return
                }
                if c != UInt8(ascii: ",") { open -= 1 }
                at += 1
            default: at += 1
            }
        }
        throw error("a value does not end")
    }

    private mutating func passString() throws(JSONError) {
        at += 1
        while let c = peek {
            at += c == UInt8(ascii: "\\") ? 2 : 1
            if c == UInt8(ascii: "\"") { return }
        }
        throw error("a string does not end")
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        var isInteger = true
        while let c = peek {
            switch c {
            case 0x30...0x39, UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isInteger = false
            default:
                return try number(from: start, isInteger: isInteger)
            }
            at += 1
        }
        return try number(from: start, isInteger: isInteger)
    }

    private func number(from start: Int, isInteger: Bool) throws(JSONError) -> JSONValue {
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        if let value = Double(text) { return .double(value) }
        throw error("\"\(text.prefix(40))\" is no number")
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        while let c = peek, c != UInt8(ascii: "\""), c != UInt8(ascii: "\\") { at += 1 }
        guard let end = peek else { throw error("a string does not end") }
        if end == UInt8(ascii: "\"") {
            at += 1
            return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<(at - 1)]), as: UTF8.self)
        }
        return try escapedString(from: start)
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<at])
        while let c = peek {
            at += 1
            if c == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if c != UInt8(ascii: "\\") {
                text.append(c)
                continue
            }
            guard let escape = peek else { break }
            at += 1
            switch escape {
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0d)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeEscape()).utf8)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            default: throw error("an unknown escape")
            }
        }
        throw error("a string does not end")
    }

    /// The code point of `\uXXXX`, or of a surrogate pair; a half of a pair alone is U+FFFD.
    private mutating func unicodeEscape() throws(JSONError) -> Character {
        let high = try hexadecimal()
        if (0xd800...0xdbff).contains(high), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
            bytes[at + 1] == UInt8(ascii: "u")
        {
            let rewind = at
            at += 2
            let low = try hexadecimal()
            if (0xdc00...0xdfff).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
            {
                return Character(scalar)
            }
            at = rewind
        }
        return Character(Unicode.Scalar(high) ?? "\u{fffd}")
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard at + 4 <= bytes.count,
            let value = UInt32(
                String(decoding: UnsafeBufferPointer(rebasing: bytes[at..<(at + 4)]), as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits are missing") }
        at += 4
        return value
    }
}

extension JSONValue {
    /// `keeping`: of objects this member alone; the others need not even be sound.
    package init(parsing bytes: [UInt8], keeping wanted: String? = nil) throws(JSONError) {
        let outcome: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONError) in try JSONParser.parse(buffer, keeping: wanted) }
        }
        self = try outcome.get()
    }
    package init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}
