/// The fields of a message's head, in order; names compare without regard to case.
package struct HeaderFields: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package let name: String
        package let value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var fields: [Field]

    package init(_ fields: [Field] = []) { self.fields = fields }
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    package var count: Int { fields.count }

    /// The first field of this name; setting replaces all of them, nil removes them.
    package subscript(name: String) -> String? {
        get { fields.first { Self.equal($0.name, name) }?.value }
        set {
            fields.removeAll { Self.equal($0.name, name) }
            if let newValue { fields.append(Field(name: name, value: newValue)) }
        }
    }

    package mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

    /// Every value of this name, as sent.
    package func all(_ name: String) -> [String] { fields.filter { Self.equal($0.name, name) }.map(\.value) }

    /// Whether a list such as `Connection: keep-alive, Upgrade` holds `token`, over all fields of the name.
    package func list(_ name: String, contains token: String) -> Bool {
        all(name).contains { value in
            value.split(separator: ",").contains { Self.equal($0.trimmingSpace, token) }
        }
    }

    static func equal(_ a: some StringProtocol, _ b: some StringProtocol) -> Bool {
        let (a, b) = (a.utf8, b.utf8)
        return a.count == b.count && zip(a, b).allSatisfy { lowercase($0) == lowercase($1) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

    func encode(into bytes: inout [UInt8]) {
        for field in fields {
            bytes += field.name.utf8
            bytes += [0x3A, 0x20]
            // A value must not be able to end its own line, wherever it came from.
            bytes += field.value.utf8.lazy.map { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F ? 0x20 : $0 }
            bytes += [0x0D, 0x0A]
        }
        bytes += [0x0D, 0x0A]
    }
}

extension StringProtocol {
    /// Without spaces and tabs at either end.
    var trimmingSpace: SubSequence {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
