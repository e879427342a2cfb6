/// The keys by which a client leaves a terminal without ending what runs in it: `ctrl-p,ctrl-q` unless told otherwise.
struct DetachKeys: Sendable {
    private let sequence: [UInt8]
    private var matched = 0

    /// `ctrl-` and a letter or one of `@[\]^_`, or a single character; several separated by commas. Empty text means
    /// the default.
    init(_ text: String?) throws {
        let text = text.flatMap { $0.isEmpty ? nil : $0 } ?? "ctrl-p,ctrl-q"
        sequence = try text.split(separator: ",", omittingEmptySubsequences: false).map { key in
            let bytes = Array(key.utf8)
            if bytes.count == 1 { return bytes[0] }
            guard key.hasPrefix("ctrl-"), bytes.count == 6 else {
                throw RequestError("Invalid escape keys (\(text)) provided: unknown character '\(key)'")
            }
            switch bytes[5] {
            case 0x61...0x7A: return bytes[5] - 0x60
            case 0x40, 0x5B...0x5F: return bytes[5] - 0x40
            default: throw RequestError("Invalid escape keys (\(text)) provided: unknown character '\(key)'")
            }
        }
    }

    /// What goes on to the program, and whether the sequence is complete: then nothing after it counts. Keys that may
    /// be its beginning are held back until it is known.
    mutating func feed(_ bytes: [UInt8]) -> (forward: [UInt8], detached: Bool) {
        var forward: [UInt8] = []
        for byte in bytes {
            if byte == sequence[matched] {
                matched += 1
                if matched == sequence.count { return (forward, true) }
                continue
            }
            if matched > 0 {
                forward += sequence[..<matched]
                matched = 0
            }
            if byte == sequence[0] {
                matched = 1
            } else {
                forward.append(byte)
            }
        }
        return (forward, false)
    }
}
