/// A value that reads itself from JSON, member by member: what is read at every start takes a quarter of the time that
/// it takes as a `Decodable`, whose every member is looked for by way of several tables.
package protocol JSONReadable {
    init(json: JSONTree) throws(JSONMismatch)
}

/// A document that is not what it should be.
package struct JSONMismatch: Error, Sendable, CustomStringConvertible {
    /// Names of members and numbers of elements, from the top.
    package private(set) var path: [String] = []
    /// Behind the name of the place: `is null`.
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    func under(_ name: String) -> JSONMismatch {
        var error = self
        error.path.insert(name, at: 0)
        return error
    }

    package var description: String {
        path.isEmpty ? "the file \(reason)" : "\(path.joined(separator: ".")) \(reason)"
    }
}

extension JSONReadable {
    /// Throws what is wrong with the document and where.
    package static func read(_ document: [UInt8]) throws(JSONMismatch) -> Self {
        let tree: JSONTree
        do { tree = try JSONTree.parse(document) } catch { throw JSONMismatch(error.description) }
        return try Self(json: tree)
    }
}

extension JSONTree {
    /// What is no value of `type`.
    func mismatch(_ type: String) -> JSONMismatch {
        if case .null = self { return JSONMismatch("is null") }
        return JSONMismatch("is no \(type)")
    }

    package func object() throws(JSONMismatch) -> JSONFields {
        guard case .object(let fields) = self else { throw mismatch("object") }
        return fields
    }
}

extension JSONFields {
    /// nil when it is not there, or null.
    package func optional<Value: JSONReadable>(_ name: String) throws(JSONMismatch) -> Value? {
        guard let tree = self[name] else { return nil }
        if case .null = tree { return nil }
        do { return try Value(json: tree) } catch { throw error.under(name) }
    }

    package func required<Value: JSONReadable>(_ name: String) throws(JSONMismatch) -> Value {
        guard let tree = self[name] else { throw JSONMismatch("lacks the key \(name)") }
        do { return try Value(json: tree) } catch { throw error.under(name) }
    }
}

extension String: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        guard case .string(let text) = json else { throw json.mismatch("text") }
        self = text
    }
}

extension Bool: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        guard case .bool(let value) = json else { throw json.mismatch("true or false") }
        self = value
    }
}

extension JSONReadable where Self: FixedWidthInteger {
    package init(json: JSONTree) throws(JSONMismatch) {
        guard case .number(let text) = json else { throw json.mismatch("number") }
        guard let value = Self(json: text) else {
            throw JSONMismatch("is \(text.prefix(40)), which does not fit \(Self.self)")
        }
        self = value
    }
}
extension Int: JSONReadable {}
extension Int32: JSONReadable {}
extension Int64: JSONReadable {}
extension UInt: JSONReadable {}
extension UInt16: JSONReadable {}
extension UInt32: JSONReadable {}
extension UInt64: JSONReadable {}

extension JSONReadable where Self: RawRepresentable, RawValue == String {
    package init(json: JSONTree) throws(JSONMismatch) {
        let text = try String(json: json)
        guard let value = Self(rawValue: text) else {
            throw JSONMismatch("is \"\(text.prefix(80))\", which is unknown")
        }
        self = value
    }
}

extension Array: JSONReadable where Element: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        guard case .array(let elements) = json else { throw json.mismatch("array") }
        self.init()
        reserveCapacity(elements.count)
        for element in elements {
            do { append(try Element(json: element)) } catch { throw error.under("\(count)") }
        }
    }
}

extension Dictionary: JSONReadable where Key == String, Value: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        self.init()
        for (name, value) in try json.object().members {
            do { self[name] = try Value(json: value) } catch { throw error.under(name) }
        }
    }
}
