import Basics

/// Makes the messages that we answer with ourselves.
struct DNSAnswer {
    /// Seconds for which an answer may be kept. Short: an address is another container's soon after its own is gone.
    static let timeToLive: UInt32 = 1

    /// To a message that could not be read: its header is all that is known of it.
    static func problem(_ code: DNS.Code, _ message: [UInt8]) -> [UInt8] {
        let flags = UInt16(message[2]) << 8 | UInt16(message[3])
        let kept = flags & (DNS.operation | DNS.recursionDesired)
        return Array(message[..<2]) + bytes(DNS.isResponse | kept | DNS.recursionAvailable | code.rawValue)
            + [UInt8](repeating: 0, count: 8)
    }

    static func empty(_ code: DNS.Code, _ query: DNSQuery) -> [UInt8] {
        answer(query, code, records: [], limit: DNS.smallDatagram)
    }

    static func addresses(_ addresses: [IPAddress], _ query: DNSQuery, limit: Int) -> [UInt8] {
        answer(query, .noError, records: addresses.map(\.bytes), limit: limit)
    }

    /// nil when the name cannot be written in a message.
    static func pointer(_ name: some StringProtocol, _ query: DNSQuery, limit: Int) -> [UInt8]? {
        var data: [UInt8] = []
        for label in name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count) else { return nil }
            data.append(UInt8(label.count))
            data += label
        }
        data.append(0)
        return data.count > 255 ? nil : answer(query, .noError, records: [data], limit: limit)
    }

    private static func answer(_ query: DNSQuery, _ code: DNS.Code, records: [[UInt8]], limit: Int) -> [UInt8] {
        let optionsSize = query.options == nil ? 0 : 11
        var space = limit - query.questionEnd - optionsSize
        // A part is better than nothing: not everybody asks again over TCP.
        var fitting = 0
        while fitting < records.count, space >= 12 + records[fitting].count {
            space -= 12 + records[fitting].count
            fitting += 1
        }
        var flags = DNS.isResponse | DNS.recursionAvailable | code.rawValue & 0xf
        flags |= query.flags & (DNS.recursionDesired | DNS.checkingDisabled)
        if fitting < records.count { flags |= DNS.isTruncated }
        var message = bytes(query.id) + bytes(flags) + bytes(1) + bytes(UInt16(fitting)) + bytes(0)
        message += bytes(query.options == nil ? 0 : 1)
        message += query.message[DNS.headerSize..<query.questionEnd]
        for data in records[..<fitting] {
            // A pointer to the question's name, which stands behind the header.
            message += bytes(0xc000 | UInt16(DNS.headerSize)) + bytes(query.kind) + bytes(DNS.internet)
            message += bytes(UInt16(truncatingIfNeeded: timeToLive >> 16))
            message += bytes(UInt16(truncatingIfNeeded: timeToLive)) + bytes(UInt16(data.count)) + data
        }
        if query.options != nil {
            // RFC 6891, 6.1.3: the upper bits of the code, then the version.
            message += [0] + bytes(DNS.Kind.options) + bytes(DNS.ownDatagram)
            message += [UInt8(code.rawValue >> 4), 0, 0, 0, 0, 0]
        }
        return message
    }

    private static func bytes(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] }
}
