/// A random 64-digit hexadecimal identifier, as Docker gives containers; unique without asking anybody.
package struct Identifier: Hashable, Sendable, CustomStringConvertible {
    package let hex: String
    package var description: String { hex }
    /// The first 12 digits, as Docker shows it.
    package var short: String { String(hex.prefix(12)) }

    package init() {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        hex = Hex.encode(bytes)
    }

    package init?(_ text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy(Hex.isLowerDigit) else { return nil }
        hex = text
    }
}

extension Identifier: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Identifier(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an identifier")
        }
        self = value
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}
