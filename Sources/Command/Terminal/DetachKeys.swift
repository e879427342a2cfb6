/// A sequence of keys that detaches from a container: `ctrl-p,ctrl-q`, `ctrl-@`, `x`.
package struct DetachKeys: Sendable {
    package let bytes: [UInt8]

    /// Empty text: no sequence.
    package init(_ text: String) throws(CommandError) {
        var bytes: [UInt8] = []
        if !text.isEmpty {
            for key in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let byte = Self.byte(key) else {
                    throw .usage(
                        "invalid detach keys \"\(text)\": a key is one character or ctrl-<letter, @, [, \\, ], ^, _>, separated by commas"
                    )
                }
                bytes.append(byte)
            }
        }
        self.bytes = bytes
    }

    private static func byte(_ key: Substring) -> UInt8? {
        let codes = Array(key.utf8)
        if codes.count == 1 { return codes[0] }
        guard codes.count == 6, key.hasPrefix("ctrl-") else { return nil }
        switch codes[5] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return codes[5] - UInt8(ascii: "a") + 1
        case UInt8(ascii: "@"): return 0
        case UInt8(ascii: "["): return 27
        case UInt8(ascii: "\\"): return 28
        case UInt8(ascii: "]"): return 29
        case UInt8(ascii: "^"): return 30
        case UInt8(ascii: "_"): return 31
        default: return nil
        }
    }
}

/// Finds the detach sequence in what is typed, over the limits of reads. Bytes that could begin it are held back until
/// the next one tells.
package struct DetachScanner: Sendable {
    private let keys: [UInt8]
    private var matched = 0

    package init(_ keys: DetachKeys) { self.keys = keys.bytes }

    /// What goes on to the container, and whether the sequence is complete; what follows it is dropped.
    package mutating func scan(_ bytes: some Sequence<UInt8>) -> (forward: [UInt8], detached: Bool) {
        if keys.isEmpty { return (Array(bytes), false) }
        var forward: [UInt8] = []
        for byte in bytes {
            // What was held back may begin the sequence at a later byte: with a,a,b that is so after "aaa".
            while matched > 0, keys[matched] != byte {
                let next = longestRestart(after: matched)
                forward += keys[..<(matched - next)]
                matched = next
            }
            if keys[matched] == byte {
                matched += 1
                if matched == keys.count { return (forward, true) }
            } else {
                forward.append(byte)
            }
        }
        return (forward, false)
    }

    /// The longest proper end of `keys[..<count]` that is a beginning of it.
    private func longestRestart(after count: Int) -> Int {
        var length = count - 1
        while length > 0, Array(keys[(count - length)..<count]) != Array(keys[..<length]) { length -= 1 }
        return length
    }

    /// What was held back, when no more comes.
    package mutating func rest() -> [UInt8] {
        defer { matched = 0 }
        return Array(keys[..<matched])
    }
}
