/// Numbers of the domain name system: RFC 1035, 3.2 and 4.1.1; RFC 6891.
enum DNS {
    static let headerSize = 12
    /// What an answer over UDP may have when nothing was said about it.
    static let smallDatagram = 512
    /// What is said of our own, RFC 9715.
    static let ownDatagram: UInt16 = 1232

    enum Code: UInt16 {
        case noError = 0, formatError, serverFailure, nameError, notImplemented, refused
        /// Of EDNS: its upper bits are in the OPT record.
        case badVersion = 16
    }
    enum Kind {
        static let a: UInt16 = 1
        static let pointer: UInt16 = 12
        static let aaaa: UInt16 = 28
        static let options: UInt16 = 41
        /// 249 TKEY, 250 TSIG, 251 IXFR, 252 AXFR: conversations, not questions.
        static let conversations: ClosedRange<UInt16> = 249...252
    }
    static let internet: UInt16 = 1

    static let isResponse: UInt16 = 0x8000
    static let operation: UInt16 = 0x7800
    static let isTruncated: UInt16 = 0x0200
    static let recursionDesired: UInt16 = 0x0100
    static let recursionAvailable: UInt16 = 0x0080
    static let checkingDisabled: UInt16 = 0x0010
}

/// What is no question that can be answered or passed on.
enum DNSProblem: Error, Equatable {
    /// Too short for a header, or a response: an answer could start a dispute of two servers.
    case noQuestion
    case answer(DNS.Code)
}

/// Reads a message from the start to its end. Nothing in it is believed: what would lead past the end throws.
struct DNSReader {
    let bytes: [UInt8]
    private(set) var offset: Int

    init(_ bytes: [UInt8], at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    mutating func skip(_ count: Int) throws(DNSProblem) {
        guard count <= bytes.count - offset else { throw .answer(.formatError) }
        offset += count
    }

    mutating func byte() throws(DNSProblem) -> UInt8 {
        try skip(1)
        return bytes[offset - 1]
    }

    mutating func number() throws(DNSProblem) -> UInt16 {
        try skip(2)
        return UInt16(bytes[offset - 2]) << 8 | UInt16(bytes[offset - 1])
    }

    /// A name without compression, as text in lower case with dots, none at the end. nil when a label has a dot in
    /// it: no name of ours has.
    mutating func name() throws(DNSProblem) -> [UInt8]? {
        let start = offset
        var text: [UInt8] = []
        var isPlain = true
        while true {
            let length = Int(try byte())
            if length == 0 { return isPlain ? text : nil }
            // A pointer would have to lead forward, or into the header.
            guard length < 64 else { throw .answer(.formatError) }
            try skip(length)
            guard offset - start < 255 else { throw .answer(.formatError) }
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            for byte in bytes[(offset - length)..<offset] {
                if byte == UInt8(ascii: ".") { isPlain = false }
                text.append(DNSReader.lowercase(byte))
            }
        }
    }

    /// Passes over a name of a record. A pointer ends it, and is not followed.
    mutating func skipName() throws(DNSProblem) {
        while true {
            let length = try byte()
            if length == 0 { return }
            if length >= 0xc0 { return try skip(1) }
            guard length < 64 else { throw .answer(.formatError) }
            try skip(Int(length))
        }
    }

    static func lowercase(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
