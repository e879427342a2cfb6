/// Lists of CPUs or memory nodes as the kernel writes them: `0-3,7`.
enum CPUList {
    /// nil for what is no such list. No machine has more than `limit`.
    static func parse(_ text: String, limit: Int = 8192) -> Set<Int>? {
        var result: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(number)
            guard let first = ends.first.flatMap({ $0 }), ends.count <= 2 else { return nil }
            guard let last = ends.count == 2 ? ends[1] : first, first <= last, last < limit else { return nil }
            result.formUnion(first...last)
        }
        return result
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
