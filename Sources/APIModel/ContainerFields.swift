/// A value that Go has without anybody setting it: what a field of Docker's JSON means when absent or null.
package protocol ZeroValue {
    static var zero: Self { get }
}

extension String: ZeroValue { package static var zero: String { "" } }
extension Bool: ZeroValue { package static var zero: Bool { false } }
extension Int: ZeroValue { package static var zero: Int { 0 } }
extension Int64: ZeroValue { package static var zero: Int64 { 0 } }
extension UInt16: ZeroValue { package static var zero: UInt16 { 0 } }
extension Array: ZeroValue { package static var zero: [Element] { [] } }
extension Dictionary: ZeroValue { package static var zero: [Key: Value] { [:] } }
extension Optional: ZeroValue { package static var zero: Wrapped? { nil } }

/// A field that is always written, an empty optional as null, and may be absent or null when read: as Docker
/// writes and reads those of its fields that clients expect in every answer. Other optional fields are simply
/// left out when nil.
@propertyWrapper
package struct Always<Value: Codable & Hashable & Sendable & ZeroValue>: Codable, Hashable, Sendable {
    package var wrappedValue: Value

    package init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        wrappedValue = try decoder.singleValueContainer().decode(Value.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

/// A list of words that may be written as a single one, without the list: `Cmd`, `Entrypoint`, `CapAdd`.
@propertyWrapper
package struct StringOrList: Codable, Hashable, Sendable {
    package var wrappedValue: [String]?

    package init(wrappedValue: [String]?) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            wrappedValue = nil
        } else if let word = try? container.decode(String.self) {
            wrappedValue = [word]
        } else {
            wrappedValue = try container.decode([String].self)
        }
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

// The compiler writes `decode(Always<…>.self, forKey:)` for a wrapped field, which fails when it is absent; these
// more special methods take its place.
extension KeyedDecodingContainer {
    package func decode<Value>(_ type: Always<Value>.Type, forKey key: Key) throws -> Always<Value> {
        Always(wrappedValue: try decodeIfPresent(Value.self, forKey: key) ?? .zero)
    }
    package func decode(_ type: StringOrList.Type, forKey key: Key) throws -> StringOrList {
        try decodeIfPresent(StringOrList.self, forKey: key) ?? StringOrList(wrappedValue: nil)
    }
}
