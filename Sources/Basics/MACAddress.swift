/// The hardware address of a network interface.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Six pairs of hexadecimal digits with `:` or `-` between them; unicast only.
    package init?(_ text: some StringProtocol) {
        let separator: Character = text.utf8.contains(0x2d) ? "-" : ":"
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.count == 2 && part.utf8.first != 0x2b ? UInt8(part, radix: 16) : nil
        }
        guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else {
            return nil
        }
        self.bytes = bytes
    }

    /// The one that Docker has given to containers by their IPv4 address: locally administered, `02:42` and the
    /// address. An address that is given out again then has the same hardware address, so that no neighbour's
    /// cache is wrong. For IPv6 the last four bytes stand in.
    package init(for address: IPAddress) { bytes = [0x02, 0x42] + address.bytes.suffix(4) }

    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}

extension MACAddress: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let address = MACAddress(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a hardware address")
        }
        self = address
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension MACAddress: JSONWritable {
    package func write(to json: inout JSONWriter) { description.write(to: &json) }
}
