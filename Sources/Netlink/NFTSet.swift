package import Basics

/// What a set holds: keys of some fields, alone or with a value under each.
package struct NFTSet: Sendable, Hashable {
    /// Part of a key or a value. The numbers tell `nft list` how to write them down.
    package enum Field: UInt32, Sendable {
        case number = 4
        case ipv4 = 7
        case ipv6 = 8
        case transport = 12
        case port = 13
        case mark = 19
        case interface = 41

        package var length: Int {
            switch self {
            case .transport: 1
            case .port: 2
            case .number, .ipv4, .mark: 4
            case .ipv6, .interface: 16
            }
        }
        /// In a register: fields begin at multiples of 4 bytes.
        var paddedLength: Int { (length + 3) & ~3 }
    }
    package enum Value: Sendable, Hashable {
        case fields([Field])
        case verdict
    }

    package let name: String
    package let key: [Field]
    package let value: Value?
    /// Keys are ranges.
    package let isInterval: Bool
    /// Each element counts the packets that found it.
    package let counts: Bool

    package init(
        _ name: String, key: [Field], value: Value? = nil, isInterval: Bool = false, counts: Bool = false
    ) {
        self.name = name
        self.key = key
        self.value = value
        self.isInterval = isInterval
        self.counts = counts
    }

    private static func length(_ fields: [Field]) -> UInt32 {
        // A lone field is as long as it is, several are padded.
        fields.count == 1 ? UInt32(fields[0].length) : UInt32(fields.reduce(0) { $0 + $1.paddedLength })
    }
    private static func type(_ fields: [Field]) -> UInt32 { fields.reduce(0) { $0 << 6 | $1.rawValue } }

    /// `number`: names the set within its transaction.
    func encode(into buffer: inout NetlinkBuffer, number: UInt32) {
        buffer.text(2, name)
        let isRanges = isInterval && key.count > 1
        buffer.network(3, UInt32((isInterval ? 4 : 0) | (value != nil ? 8 : 0) | (isRanges ? 0x80 : 0)))
        buffer.network(4, Self.type(key))
        buffer.network(5, Self.length(key))
        switch value {
        case .fields(let fields):
            buffer.network(6, Self.type(fields))
            buffer.network(7, Self.length(fields))
        case .verdict:
            buffer.network(6, UInt32(0xffff_ff00))
            buffer.network(7, UInt32(16))
        case nil: break
        }
        buffer.network(10, number)
        // NFTA_SET_EXPR: what new elements begin with.
        if counts { buffer.nested(17) { $0.text(1, NFTExpression.counter.name) } }
        if isRanges {
            // NFTA_SET_DESC { NFTA_SET_DESC_CONCAT { NFTA_LIST_ELEM { NFTA_SET_FIELD_LEN } … } }
            buffer.nested(9) {
                $0.nested(2) {
                    for field in key { $0.nested(1) { $0.network(1, UInt32(field.length)) } }
                }
            }
        }
    }
}

/// A key of a set, or a range of keys, and the value under it.
package struct NFTElement: Sendable, Hashable {
    /// Fields one after the other, each padded to 4 bytes when there are several.
    package let key: [UInt8]
    /// The last key of a range, which is part of it.
    package private(set) var last: [UInt8]?
    package let value: [UInt8]?
    package let verdict: NFTVerdict?
    /// For people, and for whoever reads it back. At most 250 bytes.
    package let comment: String?

    package init(
        _ key: [NFTFieldValue], last: [NFTFieldValue]? = nil, value: [NFTFieldValue]? = nil, comment: String? = nil
    ) {
        self.init(
            bytes: Self.bytes(key), last: last.map(Self.bytes), value: value.map(Self.bytes), verdict: nil,
            comment: comment)
    }
    package init(_ key: [NFTFieldValue], last: [NFTFieldValue]? = nil, verdict: NFTVerdict) {
        self.init(bytes: Self.bytes(key), last: last.map(Self.bytes), value: nil, verdict: verdict, comment: nil)
    }
    private init(bytes: [UInt8], last: [UInt8]?, value: [UInt8]?, verdict: NFTVerdict?, comment: String?) {
        key = bytes
        self.last = last
        self.value = value
        self.verdict = verdict
        self.comment = comment
    }

    /// Without what is under the key.
    init(keyOf element: NFTElement) {
        self.init(bytes: element.key, last: nil, value: nil, verdict: nil, comment: nil)
    }

    private static func bytes(_ fields: [NFTFieldValue]) -> [UInt8] {
        if fields.count == 1 { return fields[0].bytes }
        return fields.flatMap { $0.bytes + [UInt8](repeating: 0, count: (4 - $0.bytes.count % 4) % 4) }
    }

    /// From a dump: NFTA_SET_ELEM_KEY, _KEY_END, _DATA, _USERDATA. nil for what is only the end of a range.
    init?(_ attributes: NetlinkAttributes) {
        guard !Self.isEnd(attributes), let key = attributes.nested(1)?[1] else { return nil }
        let data = attributes.nested(2)
        self.init(
            bytes: Array(key), last: attributes.nested(10)?[1].map { Array($0) }, value: data?[1].map { Array($0) },
            verdict: data?.nested(2).flatMap(NFTVerdict.init), comment: attributes[6].flatMap(Self.comment))
    }

    /// NFT_SET_ELEM_INTERVAL_END
    private static func isEnd(_ attributes: NetlinkAttributes) -> Bool {
        let flags: UInt32 = attributes.network(3) ?? 0
        return flags & 1 != 0
    }

    /// NFTNL_UDATA_SET_ELEM_COMMENT: u8 type 0, u8 length, text with NUL.
    private static func comment(_ data: ArraySlice<UInt8>) -> String? {
        guard let type: UInt8 = data.host(at: 0), type == 0, let length: UInt8 = data.host(at: 1),
            data.count >= 2 + Int(length)
        else { return nil }
        return String(decoding: data.dropFirst(2).prefix(Int(length)).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The elements of a dump; where a lone field is a range, its end is an element of its own.
    static func list(_ elements: [NetlinkAttributes], ranges: Bool) -> [NFTElement] {
        var result = elements.compactMap { NFTElement($0) }
        guard ranges else { return result }
        let ends = elements.filter(isEnd).compactMap { $0.nested(1)?[1].map { Array($0) } }
            .sorted { $0.lexicographicallyPrecedes($1) }
        result.sort { $0.key.lexicographicallyPrecedes($1.key) }
        var index = 0
        for place in result.indices where result[place].last == nil {
            while index < ends.count, !result[place].key.lexicographicallyPrecedes(ends[index]) { index += 1 }
            result[place].last =
                index < ends.count
                ? predecessor(ends[index]) : [UInt8](repeating: 0xff, count: result[place].key.count)
        }
        return result
    }

    /// `ranges`: of a set whose lone field is a range, where each end is an element of its own.
    func encode(into buffer: inout NetlinkBuffer, ranges: Bool) {
        buffer.nested(1) {
            $0.data(1, key)
            if !ranges, let last { $0.data(10, last) }
            if let value { $0.data(2, value) }
            if let verdict { $0.nested(2) { verdict.encode(into: &$0) } }
            if let comment {
                let text = Array(comment.utf8.prefix(250)) + [0]
                $0.bytes(6, [0, UInt8(text.count)] + text)
            }
        }
        // The first key behind the range; none behind the very last key.
        if ranges, let end = Self.successor(last ?? key) {
            buffer.nested(1) {
                $0.data(1, end)
                $0.network(3, UInt32(1))
            }
        }
    }

    private static func predecessor(_ key: [UInt8]) -> [UInt8] {
        var key = key
        for index in key.indices.reversed() {
            key[index] &-= 1
            if key[index] != 0xff { break }
        }
        return key
    }

    private static func successor(_ key: [UInt8]) -> [UInt8]? {
        var key = key
        for index in key.indices.reversed() {
            key[index] &+= 1
            if key[index] != 0 { return key }
        }
        return nil
    }
}

/// One field of a key or a value, as the kernel compares it.
package struct NFTFieldValue: Sendable, Hashable {
    package let bytes: [UInt8]
    package init(bytes: [UInt8]) { self.bytes = bytes }

    package static func address(_ address: IPAddress) -> NFTFieldValue { NFTFieldValue(bytes: address.bytes) }
    package static func transport(_ number: UInt8) -> NFTFieldValue { NFTFieldValue(bytes: [number]) }
    package static func port(_ port: UInt16) -> NFTFieldValue {
        NFTFieldValue(bytes: [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)])
    }
    /// 16 bytes, filled up with zeros.
    package static func interface(_ name: String) -> NFTFieldValue {
        let bytes = Array(name.utf8.prefix(15))
        return NFTFieldValue(bytes: bytes + [UInt8](repeating: 0, count: 16 - bytes.count))
    }
    /// In network order, as ranges need it.
    package static func number(_ number: UInt32) -> NFTFieldValue {
        NFTFieldValue(bytes: withUnsafeBytes(of: number.bigEndian) { Array($0) })
    }
}
