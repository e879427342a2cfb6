/// A range of addresses with a common prefix: `172.17.0.0/16`.
package struct Subnet: Hashable, Sendable, CustomStringConvertible {
    /// The lowest address: every bit behind the prefix is 0.
    package let base: IPAddress
    package let prefix: Int

    /// The subnet that `address` lies in; nil when the prefix is longer than an address.
    package init?(_ address: IPAddress, prefix: Int) {
        guard (0...address.family.bits).contains(prefix) else { return nil }
        self.prefix = prefix
        base = IPAddress(address.family, address.number & ~Self.hostMask(address.family, prefix))
    }

    /// `address/prefix`; bits behind the prefix are cleared.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), (1...3).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let prefix = Int(parts[1])
        else { return nil }
        self.init(address, prefix: prefix)
    }

    package var family: IPAddress.Family { base.family }
    package var first: IPAddress { base }
    /// The highest address; for IPv4 the broadcast address.
    package var last: IPAddress { IPAddress(family, base.number | Self.hostMask(family, prefix)) }
    package var description: String { "\(base)/\(prefix)" }

    private static func hostMask(_ family: IPAddress.Family, _ prefix: Int) -> UInt128 {
        let bits = family.bits - prefix
        return bits == 128 ? .max : (1 << UInt128(bits)) - 1
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == family && address >= base && address <= last
    }
    package func contains(_ other: Subnet) -> Bool { contains(other.base) && prefix <= other.prefix }
    package func overlaps(_ other: Subnet) -> Bool { contains(other.base) || other.contains(base) }

    /// The part of this subnet that has the given longer prefix, counted from 0; nil when there is no such part.
    package func part(_ index: UInt128, prefix: Int) -> Subnet? {
        guard prefix >= self.prefix, prefix <= family.bits else { return nil }
        let bits = family.bits - prefix
        guard prefix - self.prefix >= 128 || index < 1 << UInt128(prefix - self.prefix),
            let address = base.advanced(by: bits >= 128 ? 0 : index << UInt128(bits))
        else { return nil }
        return Subnet(address, prefix: prefix)
    }
}

extension Subnet: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let subnet = Subnet(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a subnet")
        }
        self = subnet
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
