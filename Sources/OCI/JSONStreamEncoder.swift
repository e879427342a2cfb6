/// Writes what is `Encodable` as a JSON document, value by value, without a tree in between: some times faster than
/// `JSONEncoder`, for what is written at every start of a container.
///
/// Keys come in the order in which they are encoded. Types that want their encoder for `super`, and numbers that JSON
/// does not have, are errors.
package enum JSONStreamEncoder {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let output = Output()
        try output.put(value)
        return output.bytes
    }
}

private final class Output {
    var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(4096) }

    func put(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }
    func put(_ byte: Unicode.Scalar) { bytes.append(UInt8(ascii: byte)) }

    func put<Value: Encodable>(_ value: Value) throws {
        // By far the most arrays; the standard library goes by way of three witnesses for each element.
        if Value.self == [String].self { return put(texts: unsafeBitCast(value, to: [String].self)) }
        let start = bytes.count
        let writer = Writer(output: self)
        try value.encode(to: writer)
        writer.close()
        // A type that encodes nothing of itself is an object without fields.
        if bytes.count == start { put("{}" as StaticString) }
    }

    func put(number: some BinaryInteger) { bytes.append(contentsOf: String(number).utf8) }

    func put(number: some BinaryFloatingPoint & LosslessStringConvertible) throws {
        guard number.isFinite else {
            throw EncodingError.invalidValue(
                number, .init(codingPath: [], debugDescription: "\(number) is no number of JSON"))
        }
        bytes.append(contentsOf: number.description.utf8)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    func put(text: String) {
        put("\"" as Unicode.Scalar)
        var text = text
        // Nearly every text goes as it is, and then all at once.
        text.withUTF8 { utf8 in
            if utf8.allSatisfy(Self.isPlain) { bytes.append(contentsOf: utf8) } else { putEscaped(utf8) }
        }
        put("\"" as Unicode.Scalar)
    }

    private func put(texts: [String]) {
        put("[" as Unicode.Scalar)
        for (index, text) in texts.enumerated() {
            if index > 0 { put("," as Unicode.Scalar) }
            put(text: text)
        }
        put("]" as Unicode.Scalar)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private func putEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        for byte in text {
            if byte < 0x20 {
                put("\\u00" as StaticString)
                bytes.append(Self.digits[Int(byte >> 4)])
                bytes.append(Self.digits[Int(byte & 15)])
            } else {
                if !Self.isPlain(byte) { put("\\" as Unicode.Scalar) }
                bytes.append(byte)
            }
        }
    }
}

/// One value, which may turn out to be an object or an array; either is closed when the value is whole.
private final class Writer: Encoder {
    private enum Kind {
        case unknown
        case object
        case array
    }

    let output: Output
    private var kind = Kind.unknown
    fileprivate var count = 0
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    /// A container inside this value that may still be written to.
    private var nested: Writer?

    init(output: Output) { self.output = output }

    private func open(_ wanted: Kind) {
        if kind == wanted { return }
        precondition(kind == .unknown, "one value is one container")
        kind = wanted
        output.put(wanted == .object ? "{" as Unicode.Scalar : "[")
    }

    func close() {
        nested?.close()
        nested = nil
        switch kind {
        case .unknown: break
        case .object: output.put("}" as Unicode.Scalar)
        case .array: output.put("]" as Unicode.Scalar)
        }
        kind = .unknown
    }

    /// What comes next is the value of a field.
    fileprivate func field(_ key: some CodingKey) {
        element()
        output.put(text: key.stringValue)
        output.put(":" as Unicode.Scalar)
    }

    /// What comes next is an element.
    fileprivate func element() {
        nested?.close()
        nested = nil
        if count > 0 { output.put("," as Unicode.Scalar) }
        count += 1
    }

    fileprivate func nest() -> Writer {
        let writer = Writer(output: output)
        nested = writer
        return writer
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        open(.object)
        return KeyedEncodingContainer(Fields<Key>(writer: self))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        open(.array)
        return Elements(writer: self)
    }
    func singleValueContainer() -> any SingleValueEncodingContainer { Single(output: output) }
}

private struct Fields<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: Writer
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) {
        writer.field(key)
        writer.output.put("null" as StaticString)
    }
    func encode(_ value: String, forKey key: Key) {
        writer.field(key)
        writer.output.put(text: value)
    }
    // The usual scalars without a writer of their own.
    func encode(_ value: Bool, forKey key: Key) {
        writer.field(key)
        Single(output: writer.output).encode(value)
    }
    func encode(_ value: Int, forKey key: Key) {
        writer.field(key)
        writer.output.put(number: value)
    }
    func encode(_ value: Int64, forKey key: Key) {
        writer.field(key)
        writer.output.put(number: value)
    }
    func encode(_ value: UInt32, forKey key: Key) {
        writer.field(key)
        writer.output.put(number: value)
    }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        writer.field(key)
        try writer.output.put(value)
    }
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key)
        -> KeyedEncodingContainer<Nested>
    {
        writer.field(key)
        return writer.nest().container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        writer.field(key)
        return writer.nest().unkeyedContainer()
    }
    func superEncoder() -> any Encoder { preconditionFailure("nothing that is encoded so has a superclass") }
    func superEncoder(forKey key: Key) -> any Encoder {
        preconditionFailure("nothing that is encoded so has a superclass")
    }
}

private struct Elements: UnkeyedEncodingContainer {
    let writer: Writer
    var codingPath: [any CodingKey] { [] }
    var count: Int { writer.count }

    func encodeNil() {
        writer.element()
        writer.output.put("null" as StaticString)
    }
    func encode(_ value: String) {
        writer.element()
        writer.output.put(text: value)
    }
    func encode<Value: Encodable>(_ value: Value) throws {
        writer.element()
        try writer.output.put(value)
    }
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        writer.element()
        return writer.nest().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        writer.element()
        return writer.nest().unkeyedContainer()
    }
    func superEncoder() -> any Encoder { preconditionFailure("nothing that is encoded so has a superclass") }
}

private struct Single: SingleValueEncodingContainer {
    let output: Output
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { output.put("null" as StaticString) }
    func encode(_ value: Bool) { output.put(value ? "true" as StaticString : "false") }
    func encode(_ value: String) { output.put(text: value) }
    func encode(_ value: Double) throws { try output.put(number: value) }
    func encode(_ value: Float) throws { try output.put(number: value) }
    func encode(_ value: Int) { output.put(number: value) }
    func encode(_ value: Int8) { output.put(number: value) }
    func encode(_ value: Int16) { output.put(number: value) }
    func encode(_ value: Int32) { output.put(number: value) }
    func encode(_ value: Int64) { output.put(number: value) }
    func encode(_ value: UInt) { output.put(number: value) }
    func encode(_ value: UInt8) { output.put(number: value) }
    func encode(_ value: UInt16) { output.put(number: value) }
    func encode(_ value: UInt32) { output.put(number: value) }
    func encode(_ value: UInt64) { output.put(number: value) }
    func encode<Value: Encodable>(_ value: Value) throws { try output.put(value) }
}
