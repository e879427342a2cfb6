/// A question as it came from a container: RFC 1035, 4.1, with one question and perhaps EDNS.
struct DNSQuery {
    /// RFC 6891, 6.1.
    struct Options: Equatable {
        var datagramSize: UInt16
        var version: UInt8
    }

    let message: [UInt8]
    let id: UInt16
    let flags: UInt16
    /// In lower case, labels joined by dots, empty for the root. nil: a name that cannot be one of ours.
    let name: [UInt8]?
    let kind: UInt16
    let recordClass: UInt16
    /// Where the question ends, which begins behind the header.
    let questionEnd: Int
    let options: Options?

    init(_ message: [UInt8]) throws(DNSProblem) {
        guard message.count >= DNS.headerSize else { throw .noQuestion }
        var reader = DNSReader(message)
        id = try reader.number()
        flags = try reader.number()
        guard flags & DNS.isResponse == 0 else { throw .noQuestion }
        guard flags & DNS.operation == 0 else { throw .answer(.notImplemented) }
        let questions = try reader.number()
        // Each takes 11 bytes of the message at least, so the message's end is the end of a lie.
        let records = Int(try reader.number()) + Int(try reader.number())
        let additional = Int(try reader.number())
        guard questions == 1 else { throw .answer(.formatError) }
        name = try reader.name()
        kind = try reader.number()
        recordClass = try reader.number()
        questionEnd = reader.offset
        for _ in 0..<records { try Self.skipRecord(&reader) }
        var options: Options?
        for _ in 0..<additional {
            let start = reader.offset
            let record = try Self.skipRecord(&reader)
            guard record.kind == DNS.Kind.options else { continue }
            // RFC 6891, 6.1.1: once, and of the root.
            guard options == nil, message[start] == 0 else { throw .answer(.formatError) }
            options = Options(
                datagramSize: record.recordClass, version: UInt8(truncatingIfNeeded: record.timeToLive >> 16))
        }
        self.options = options
        self.message = message
        if kind == DNS.Kind.options { throw .answer(.formatError) }
        if DNS.Kind.conversations.contains(kind) { throw .answer(.notImplemented) }
    }

    @discardableResult
    private static func skipRecord(_ reader: inout DNSReader) throws(DNSProblem) -> (
        kind: UInt16, recordClass: UInt16, timeToLive: UInt32
    ) {
        try reader.skipName()
        let kind = try reader.number()
        let recordClass = try reader.number()
        let timeToLive = UInt32(try reader.number()) << 16 | UInt32(try reader.number())
        try reader.skip(Int(try reader.number()))
        return (kind, recordClass, timeToLive)
    }

    /// Bytes that an answer over UDP may have.
    var datagramLimit: Int { max(DNS.smallDatagram, Int(options?.datagramSize ?? 0)) }

    // MARK: - Asking somebody else

    /// The same question under another number.
    func message(id: UInt16) -> [UInt8] {
        var copy = message
        copy.replaceSubrange(0..<2, with: [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)])
        return copy
    }

    enum Match: Equatable {
        /// Somebody else's, or forged.
        case other
        /// This server cannot tell: another may.
        case failure
        case answer
    }

    /// What a message is that came back for `message(id:)`.
    func match(_ answer: [UInt8], id: UInt16) -> Match {
        guard answer.count >= DNS.headerSize, answer[2] & 0x80 != 0,
            UInt16(answer[0]) << 8 | UInt16(answer[1]) == id
        else { return .other }
        let code = DNS.Code(rawValue: UInt16(answer[3] & 0x0f))
        let failed = code == .serverFailure || code == .refused
        let questions = UInt16(answer[4]) << 8 | UInt16(answer[5])
        // Some do not repeat a question that they do not understand.
        if questions == 0, answer.count == DNS.headerSize { return code == .noError ? .other : .failure }
        guard questions == 1, answer.count >= questionEnd else { return .other }
        // Type and class are no letters, but for a case bit that a forger would gain nothing from.
        for index in DNS.headerSize..<questionEnd - 4
        where DNSReader.lowercase(answer[index]) != DNSReader.lowercase(message[index]) {
            return .other
        }
        guard answer[questionEnd - 4..<questionEnd] == message[questionEnd - 4..<questionEnd] else { return .other }
        return failed ? .failure : .answer
    }

    /// What came back for the question, as the asker gets it: under its own number, and not longer than it said.
    func adopt(_ answer: [UInt8], limit: Int) -> [UInt8] {
        var copy = answer.count > limit ? Array(answer[..<questionEnd]) : answer
        copy[0] = UInt8(id >> 8)
        copy[1] = UInt8(truncatingIfNeeded: id)
        if answer.count > limit {
            copy[2] |= UInt8(DNS.isTruncated >> 8)
            for index in 6..<DNS.headerSize { copy[index] = 0 }
        }
        return copy
    }
}
