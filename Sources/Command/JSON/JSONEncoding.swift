extension JSONValue {
    /// What `value` is on the wire. Types that encode anything but strings, numbers, bools, arrays, objects and
    /// nothing do not occur in the API.
    package init(encoding value: some Encodable) throws {
        let node = JSONNode()
        try value.encode(to: ValueEncoder(node: node, codingPath: []))
        self = node.value
    }
}

/// Where an encoder leaves its result; containers are handed out before they are filled.
private final class JSONNode {
    enum Content {
        case value(JSONValue)
        case array([JSONNode])
        case object([(String, JSONNode)])
    }
    var content = Content.value(.null)

    var value: JSONValue {
        switch content {
        case .value(let value): value
        case .array(let nodes): .array(nodes.map(\.value))
        case .object(let members): .object(JSONObject(members.map { JSONObject.Member($0.0, $0.1.value) }))
        }
    }

    func member(_ key: String) -> JSONNode {
        let node = JSONNode()
        if case .object(var members) = content {
            content = .value(.null)
            members.append((key, node))
            content = .object(members)
        }
        return node
    }
    func element() -> JSONNode {
        let node = JSONNode()
        if case .array(var nodes) = content {
            content = .value(.null)
            nodes.append(node)
            content = .array(nodes)
        }
        return node
    }
    var count: Int {
        if case .array(let nodes) = content { return nodes.count }
        return 0
    }
}

private struct ValueEncoder: Encoder {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .object = node.content {} else { node.content = .object([]) }
        return KeyedEncodingContainer(KeyedContainer<Key>(node: node, codingPath: codingPath))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .array = node.content {} else { node.content = .array([]) }
        return ArrayContainer(node: node, codingPath: codingPath)
    }
    func singleValueContainer() -> any SingleValueEncodingContainer {
        ScalarContainer(node: node, codingPath: codingPath)
    }

    static func encode(_ value: some Encodable, into node: JSONNode, _ codingPath: [any CodingKey]) throws {
        try value.encode(to: ValueEncoder(node: node, codingPath: codingPath))
    }
}

private struct ScalarContainer: SingleValueEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]

    func encodeNil() { node.content = .value(.null) }
    func encode(_ value: Bool) { node.content = .value(.bool(value)) }
    func encode(_ value: String) { node.content = .value(.string(value)) }
    func encode(_ value: Double) { node.content = .value(.double(value)) }
    func encode(_ value: Float) { node.content = .value(.double(Double(value))) }
    func encode(_ value: Int) { encodeInteger(value) }
    func encode(_ value: Int8) { encodeInteger(value) }
    func encode(_ value: Int16) { encodeInteger(value) }
    func encode(_ value: Int32) { encodeInteger(value) }
    func encode(_ value: Int64) { encodeInteger(value) }
    func encode(_ value: UInt) { encodeInteger(value) }
    func encode(_ value: UInt8) { encodeInteger(value) }
    func encode(_ value: UInt16) { encodeInteger(value) }
    func encode(_ value: UInt32) { encodeInteger(value) }
    func encode(_ value: UInt64) { encodeInteger(value) }
    func encode(_ value: some Encodable) throws { try ValueEncoder.encode(value, into: node, codingPath) }

    private func encodeInteger(_ value: some BinaryInteger) {
        node.content = .value(Int64(exactly: value).map { .integer($0) } ?? .double(Double(value)))
    }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var count: Int { node.count }

    func encodeNil() { _ = node.element() }
    func encode(_ value: some Encodable) throws { try ValueEncoder.encode(value, into: node.element(), codingPath) }
    func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        ValueEncoder(node: node.element(), codingPath: codingPath).container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        ValueEncoder(node: node.element(), codingPath: codingPath).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { ValueEncoder(node: node.element(), codingPath: codingPath) }
}

private struct KeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONNode
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) { _ = node.member(key.stringValue) }
    func encode(_ value: some Encodable, forKey key: Key) throws {
        try ValueEncoder.encode(value, into: node.member(key.stringValue), codingPath + [key])
    }
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<
        Nested
    > {
        ValueEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        ValueEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { ValueEncoder(node: node.member("super"), codingPath: codingPath) }
    func superEncoder(forKey key: Key) -> any Encoder {
        ValueEncoder(node: node.member(key.stringValue), codingPath: codingPath)
    }
}
