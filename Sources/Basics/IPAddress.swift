/// An IPv4 or IPv6 address, as a number that can be counted with.
package struct IPAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    package enum Family: UInt8, Sendable, Hashable, Codable, CaseIterable {
        case v4 = 4
        case v6 = 6
        /// Of an address.
        package var bits: Int { self == .v4 ? 32 : 128 }
    }

    package let family: Family
    package let number: UInt128

    package init(_ family: Family, _ number: UInt128) {
        self.family = family
        self.number = family == .v4 ? number & 0xffff_ffff : number
    }

    /// 4 or 16 bytes in network order; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(bytes.count == 4 ? .v4 : .v6, bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// Network order.
    package var bytes: [UInt8] {
        (1...family.bits / 8).map { UInt8(truncatingIfNeeded: number >> (family.bits - 8 * $0)) }
    }

    package static let anyV4 = IPAddress(.v4, 0)
    package static let anyV6 = IPAddress(.v6, 0)

    /// `0.0.0.0` or `::`.
    package var isAny: Bool { number == 0 }
    /// 127.0.0.0/8 or `::1`.
    package var isLoopback: Bool { family == .v4 ? number >> 24 == 127 : number == 1 }
    /// 169.254.0.0/16 or fe80::/10.
    package var isLinkLocal: Bool { family == .v4 ? number >> 16 == 0xa9fe : number >> 118 == 0x3fa }
    package var isMulticast: Bool { family == .v4 ? number >> 28 == 0xe : number >> 120 == 0xff }

    package static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.family == b.family ? a.number < b.number : a.family.rawValue < b.family.rawValue
    }

    /// nil when the result is no address of the family.
    package func advanced(by distance: UInt128) -> IPAddress? {
        let (sum, overflow) = number.addingReportingOverflow(distance)
        guard !overflow, family == .v6 || sum <= 0xffff_ffff else { return nil }
        return IPAddress(family, sum)
    }
}

// MARK: - Text

extension IPAddress {
    /// Dotted decimal with four parts and without leading zeros, or RFC 4291's text; no zone, no brackets.
    package init?(_ text: some StringProtocol) {
        if text.utf8.contains(0x3a) {
            guard let groups = Self.groups(text) else { return nil }
            self.init(.v6, groups.reduce(0) { $0 << 16 | UInt128($1) })
        } else {
            guard let number = Self.dotted(text) else { return nil }
            self.init(.v4, UInt128(number))
        }
    }

    private static func dotted(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            // 010 is 8 to some and 10 to others.
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let value = UInt8(part)
            else { return nil }
            number = number << 8 | UInt32(value)
        }
        return number
    }

    private static func groups(_ text: some StringProtocol) -> [UInt16]? {
        guard text.utf8.count <= 45 else { return nil }
        let text = String(text)
        guard let gap = doubleColon(text[...]) else {
            guard let all = plainGroups(text[...]), all.count == 8 else { return nil }
            return all
        }
        let before = text[..<gap]
        let after = text[text.index(gap, offsetBy: 2)...]
        guard doubleColon(after) == nil, !after.hasPrefix(":"),
            let head = before.isEmpty ? [] : plainGroups(before, dottedEnd: false),
            let tail = after.isEmpty ? [] : plainGroups(after), head.count + tail.count < 8
        else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func doubleColon(_ text: Substring) -> Substring.Index? {
        zip(text.indices, text.indices.dropFirst()).first { text[$0] == ":" && text[$1] == ":" }?.0
    }

    private static func plainGroups(_ text: Substring, dottedEnd: Bool = true) -> [UInt16]? {
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if dottedEnd, index == parts.count - 1, part.utf8.contains(0x2e) {
                guard let number = dotted(part) else { return nil }
                groups += [UInt16(number >> 16), UInt16(truncatingIfNeeded: number)]
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.first != 0x2b, part.utf8.first != 0x2d,
                    let value = UInt16(part, radix: 16)
                else { return nil }
                groups.append(value)
            }
        }
        return groups
    }

    /// RFC 5952 for IPv6.
    package var description: String {
        if family == .v4 { return bytes.map(String.init).joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: number >> (112 - 16 * $0)) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: some Sequence<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        if best.isEmpty { return text(groups) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}

extension IPAddress: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let address = IPAddress(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IP address")
        }
        self = address
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension IPAddress: JSONWritable {
    package func write(to json: inout JSONWriter) { description.write(to: &json) }
}
