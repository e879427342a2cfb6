/// A content address as the OCI image specification writes it (`descriptor.md`, "Digests"): `sha256:` and 64
/// lower-case hexadecimal digits. Nothing else is one, so a digest is safe as a file name.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 64 hexadecimal digits.
    package let hex: String
    package var description: String { "sha256:" + hex }

    /// nil for anything but `sha256:<64 lower-case hex digits>`.
    package init?(_ text: String) {
        guard text.hasPrefix("sha256:") else { return nil }
        self.init(hex: String(text.dropFirst(7)))
    }

    package init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy(Hex.isLowerDigit) else { return nil }
        self.hex = hex
    }

    /// `bytes`: the 32 bytes of a SHA-256.
    package init(sha256 bytes: some Collection<UInt8>) {
        precondition(bytes.count == 32)
        hex = Hex.encode(bytes)
    }

    /// The first 12 digits, as Docker shows it.
    package var short: String { String(hex.prefix(12)) }
}

extension Digest: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\"\(text.prefix(100))\" is not a sha256 digest")
        }
        self = digest
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Digest: JSONWritable {
    package func write(to json: inout JSONWriter) { description.write(to: &json) }
}

/// Hexadecimal text, lower case.
package enum Hex {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            var i = 0
            for byte in bytes {
                buffer[i] = digits[Int(byte >> 4)]
                buffer[i + 1] = digits[Int(byte & 15)]
                i += 2
            }
            return i
        }
    }
    package static func isLowerDigit(_ c: UInt8) -> Bool { (0x30...0x39).contains(c) || (0x61...0x66).contains(c) }
}
