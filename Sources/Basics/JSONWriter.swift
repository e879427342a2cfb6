/// A value that writes itself as JSON, byte for byte what `JSONEncoder` makes of it with sorted keys and plain slashes.
@usableFromInline
package protocol JSONWritable {
    func write(to json: inout JSONWriter)
}

/// JSON (RFC 8259) as bytes, written from front to end: for answers that are long and often asked for. `JSONEncoder`
/// first builds a tree of dictionaries, which takes some thirty times as long.
///
/// What is generic here is inlinable: elsewhere it would be called with the metadata of each type, which the runtime has
/// to look up.
@usableFromInline
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// A document.
    package static func bytes(of value: some JSONWritable) -> [UInt8] {
        var json = JSONWriter()
        value.write(to: &json)
        return json.bytes
    }

    /// A document of this writer's with a line for each member and element.
    package static func indented(_ document: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var depth = 0
        var (inText, isEscaped) = (false, false)
        func breakLine() {
            result.append(UInt8(ascii: "\n"))
            result.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
        }
        for (index, byte) in document.enumerated() {
            if inText {
                result.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                result.append(byte)
                depth += 1
                // Nothing in it: both on one line.
                if index + 1 < document.count, document[index + 1] != byte + 2 { breakLine() }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if index > 0, document[index - 1] != byte - 2 { breakLine() }
                result.append(byte)
            case UInt8(ascii: ","):
                result.append(byte)
                breakLine()
            case UInt8(ascii: ":"): result += [byte, UInt8(ascii: " ")]
            default:
                inText = byte == UInt8(ascii: "\"")
                result.append(byte)
            }
        }
        return result
    }

    /// Members are given in the order in which they are written.
    @inlinable package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    @inlinable package mutating func array(of elements: some Sequence<some JSONWritable>) {
        open(UInt8(ascii: "["))
        for element in elements { element.write(to: &self) }
        close(UInt8(ascii: "]"))
    }

    /// The name of the next value. It needs no escapes.
    @usableFromInline package mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    @inlinable package mutating func member(_ name: StaticString, _ value: some JSONWritable) {
        self.name(name)
        value.write(to: &self)
    }

    /// Left out when there is none.
    @inlinable package mutating func member(_ name: StaticString, _ value: (some JSONWritable)?) {
        if let value { member(name, value) }
    }

    fileprivate mutating func text(_ text: String) {
        separate()
        quote(text)
    }

    @usableFromInline mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    @inlinable mutating func dictionary(_ values: [String: some JSONWritable]) {
        object { json in
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                json.name(name)
                value.write(to: &json)
            }
        }
    }

    @usableFromInline mutating func name(_ name: String) {
        text(name)
        bytes.append(UInt8(ascii: ":"))
    }

    @usableFromInline mutating func open(_ byte: UInt8) {
        separate()
        bytes.append(byte)
    }

    @usableFromInline mutating func close(_ byte: UInt8) { bytes.append(byte) }

    /// A comma after a value before. What a string ends with cannot deceive: its last byte is a quote.
    private mutating func separate() {
        switch bytes.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): return
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        var text = text
        // Nearly every text goes as it is, and then all at once.
        let isPlain = text.withUTF8 { utf8 in
            let isPlain = utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            if isPlain { bytes.append(contentsOf: utf8) }
            return isPlain
        }
        if isPlain { return }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "b")]
            case 0x09: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            case 0x0a: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0x0c: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "f")]
            case 0x0d: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case ..<0x20:
                bytes += Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
    }
}

extension String: JSONWritable {
    @usableFromInline package func write(to json: inout JSONWriter) { json.text(self) }
}

extension Bool: JSONWritable {
    @usableFromInline package func write(to json: inout JSONWriter) { json.literal(self ? "true" : "false") }
}

extension JSONWritable where Self: FixedWidthInteger {
    @inlinable package func write(to json: inout JSONWriter) { json.literal(String(self)) }
}
extension Int: JSONWritable {}
extension Int32: JSONWritable {}
extension Int64: JSONWritable {}
extension UInt: JSONWritable {}
extension UInt16: JSONWritable {}
extension UInt32: JSONWritable {}
extension UInt64: JSONWritable {}

extension Array: JSONWritable where Element: JSONWritable {
    @inlinable package func write(to json: inout JSONWriter) { json.array(of: self) }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
    @inlinable package func write(to json: inout JSONWriter) { json.dictionary(self) }
}

/// A value that may be null where a member cannot be left out: in an array, or a dictionary.
@usableFromInline
package struct JSONNullable<Value: JSONWritable>: JSONWritable {
    @usableFromInline let value: Value?
    @inlinable package init(_ value: Value?) { self.value = value }
    @inlinable package func write(to json: inout JSONWriter) {
        if let value { value.write(to: &json) } else { json.literal("null") }
    }
}
