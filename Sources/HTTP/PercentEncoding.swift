/// Percent-encoding of RFC 3986, and the form of queries.
package enum PercentEncoding {
    /// nil when a `%` is not followed by two digits, or the result is not UTF-8 or holds a NUL.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x25:
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case 0x2B where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    /// Encodes all but letters, digits, `-._~` and the bytes of `keeping`.
    package static func encode(_ text: String, keeping: String = "") -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            case _ where keeping.utf8.contains(byte): bytes.append(byte)
            default: bytes += [0x25, hexadecimal(byte >> 4), hexadecimal(byte & 15)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// The parameters after the `?` of a target, in order; a name may come more than once.
package struct Query: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Item: Sendable, Equatable {
        package let name: String
        package let value: String
    }
    package private(set) var items: [Item] = []

    package init() {}
    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }

    /// `a=1&b=two+words&c`, without the `?`.
    package init(parsing text: some StringProtocol) throws(HTTPParseError) {
        for part in text.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(pair[0], plusIsSpace: true),
                let value = PercentEncoding.decode(pair.count == 2 ? pair[1] : "", plusIsSpace: true)
            else { throw HTTPParseError("the query is not well encoded: \(part.prefix(64))") }
            items.append(Item(name: name, value: value))
        }
    }

    package subscript(name: String) -> String? { items.first { $0.name == name }?.value }

    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    package mutating func add(_ name: String, _ value: String) { items.append(Item(name: name, value: value)) }

    /// With the `?`; empty when there are no parameters.
    package var encoded: String {
        var text = ""
        for item in items {
            text += text.isEmpty ? "?" : "&"
            text += PercentEncoding.encode(item.name) + "=" + PercentEncoding.encode(item.value)
        }
        return text
    }
}

extension HTTPRequestHead {
    /// The target's path, decoded, and its query.
    package func pathAndQuery() throws(HTTPParseError) -> (path: String, query: Query) {
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        guard let path = PercentEncoding.decode(target[..<mark]) else {
            throw HTTPParseError("the path is not well encoded")
        }
        return (path, try Query(parsing: target[mark...].dropFirst()))
    }
}
