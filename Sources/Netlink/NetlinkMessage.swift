/// One message from the kernel. Reading past its end gives nil, never a trap: its lengths are not ours.
package struct NetlinkMessage: Sendable {
    package let type: UInt16
    let flags: UInt16
    let sequence: UInt32
    /// Who asked: the port of the socket whose request caused it, 0 for the kernel itself.
    package let port: UInt32
    package let body: ArraySlice<UInt8>

    /// The messages of one datagram.
    static func split(_ datagram: ArraySlice<UInt8>) -> [NetlinkMessage] {
        var rest = datagram
        var messages: [NetlinkMessage] = []
        while let length: UInt32 = rest.host(at: 0), length >= 16, Int(length) <= rest.count,
            let type: UInt16 = rest.host(at: 4), let flags: UInt16 = rest.host(at: 6),
            let sequence: UInt32 = rest.host(at: 8), let port: UInt32 = rest.host(at: 12)
        {
            let body = rest.dropFirst(16).prefix(Int(length) - 16)
            messages.append(NetlinkMessage(type: type, flags: flags, sequence: sequence, port: port, body: body))
            rest = rest.dropFirst((Int(length) + 3) & ~3)
        }
        return messages
    }

    /// The attributes behind a fixed part of the given length.
    package func attributes(after length: Int) -> NetlinkAttributes { NetlinkAttributes(body.dropFirst(length)) }
}

/// Attributes by type. Where a type comes more than once, the last counts; `all` has every one.
package struct NetlinkAttributes: Sendable {
    package private(set) var all: [(type: UInt16, value: ArraySlice<UInt8>)] = []

    package init(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let length: UInt16 = rest.host(at: 0), let type: UInt16 = rest.host(at: 2), length >= 4,
            Int(length) <= rest.count
        {
            // The two highest bits say how it is nested and ordered.
            all.append((type & 0x3fff, rest.dropFirst(4).prefix(Int(length) - 4)))
            rest = rest.dropFirst((Int(length) + 3) & ~3)
        }
    }

    package subscript(_ type: UInt16) -> ArraySlice<UInt8>? { all.last { $0.type == type }?.value }
    package func nested(_ type: UInt16) -> NetlinkAttributes? { self[type].map { NetlinkAttributes($0) } }
    package func host<Number: FixedWidthInteger>(_ type: UInt16) -> Number? { self[type]?.host(at: 0) }
    package func network<Number: FixedWidthInteger>(_ type: UInt16) -> Number? {
        self[type]?.host(at: 0).map { Number(bigEndian: $0) }
    }
    package func text(_ type: UInt16) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension ArraySlice<UInt8> {
    /// A number in the machine's order, `offset` bytes from the start.
    package func host<Number: FixedWidthInteger>(at offset: Int) -> Number? {
        let size = MemoryLayout<Number>.size
        guard count >= offset + size else { return nil }
        var number: Number = 0
        let bytes = self[(startIndex + offset)..<(startIndex + offset + size)]
        Swift.withUnsafeMutableBytes(of: &number) { $0.copyBytes(from: bytes) }
        return number
    }
}
