import Basics

/// The name that stands for an address when somebody asks who has it: RFC 1035, 3.5; RFC 3596, 2.5.
enum ReverseName {
    /// The address of `4.3.2.1.in-addr.arpa` and the like, in lower case; nil for anything else.
    static func address(_ name: [UInt8]) -> IPAddress? {
        var labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)[...]
        guard labels.popLast()?.elementsEqual("arpa".utf8) == true, let zone = labels.popLast() else { return nil }
        if zone.elementsEqual("in-addr".utf8), labels.count == 4 {
            return IPAddress(labels.reversed().map { String(decoding: $0, as: UTF8.self) }.joined(separator: "."))
        }
        guard zone.elementsEqual("ip6".utf8), labels.count == 32 else { return nil }
        var number: UInt128 = 0
        for label in labels.reversed() {
            guard label.count == 1, let digit = label.first.flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            number = number << 4 | UInt128(digit)
        }
        return IPAddress(.v6, number)
    }
}
