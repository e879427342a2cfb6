/// `web2` before `web10`, as Docker's lists are sorted.
enum NaturalOrder {
    /// Runs of digits count as numbers; of equal ones the shorter comes first.
    static func isLess(_ a: String, _ b: String) -> Bool {
        let a = Array(a.utf8), b = Array(b.utf8)
        var i = 0, j = 0
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let x = number(a, &i), y = number(b, &j)
                // Without zeros in front, the longer one is greater.
                if x.count != y.count { return x.count < y.count }
                if x != y { return x.lexicographicallyPrecedes(y) }
            } else {
                if a[i] != b[j] { return a[i] < b[j] }
                i += 1
                j += 1
            }
        }
        return a.count - i == b.count - j ? a.count < b.count : a.count - i < b.count - j
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func number(_ text: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
        while index < text.count, text[index] == 0x30 { index += 1 }
        let start = index
        while index < text.count, isDigit(text[index]) { index += 1 }
        return text[start..<index]
    }
}
