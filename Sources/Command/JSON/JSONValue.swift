/// JSON as it came: members in the order of the text, integers exact.
///
/// The command line works on this rather than on typed values for three reasons: `inspect` and templates show what the
/// daemon said, fields this version knows nothing of included; members stay in order; and starting Foundation's decoder
/// would take longer than the whole of `boxctl ps`.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object, in order. Small ones only: a look-up goes through all.
package struct JSONObject: Sendable {
    package var members: [Member]
    /// Found by name, but neither printed nor gone through: what methods of a row need.
    package var hidden: [Member] = []

    package struct Member: Sendable {
        package var key: String
        package var value: JSONValue
        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package init(_ members: [Member] = []) { self.members = members }

    package subscript(key: String) -> JSONValue? {
        get { (members.first { $0.key == key } ?? hidden.first { $0.key == key })?.value }
        set {
            if let index = members.firstIndex(where: { $0.key == key }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append(Member(key, newValue))
            }
        }
    }
}

extension JSONValue {
    /// A member of an object; null when there is none, or when this is no object.
    package subscript(key: String) -> JSONValue {
        guard case .object(let object) = self else { return .null }
        return object[key] ?? .null
    }

    package var isNull: Bool {
        if case .null = self { return true }
        return false
    }
    package var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }
    package var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Int64(exactly: value.rounded(.towardZero))
        default: nil
        }
    }
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    /// The elements; none for null.
    package var array: [JSONValue] {
        if case .array(let elements) = self { return elements }
        return []
    }
    /// The members; none for null.
    package var members: [JSONObject.Member] {
        if case .object(let object) = self { return object.members }
        return []
    }
    package var strings: [String] { array.compactMap(\.string) }
    /// `""` for anything but a string.
    package var text: String { string ?? "" }

    /// The members sorted by key, as Go prints maps.
    package var sorted: [JSONObject.Member] { members.sorted { $0.key < $1.key } }
}

extension JSONValue: Equatable {
    /// The order of an object's members says nothing.
    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.integer(let x), .integer(let y)): x == y
        case (.integer, .double), (.double, .integer), (.double, .double): a.number == b.number
        case (.string(let x), .string(let y)): x == y
        case (.array(let x), .array(let y)): x == y
        case (.object(let x), .object(let y)):
            x.members.count == y.members.count && x.members.allSatisfy { y[$0.key] == $0.value }
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { JSONObject.Member($0.0, $0.1) }))
    }
    package init(nilLiteral: ()) { self = .null }
}
