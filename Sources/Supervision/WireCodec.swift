/// Writes the fields of a message one after the other: numbers little-endian, texts and bytes with their length.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }
    mutating func put(_ value: [UInt8]) {
        put(UInt32(value.count))
        bytes.append(contentsOf: value)
    }
    /// At most 16 KiB of it: a message must fit a packet.
    mutating func put(_ value: String) { put(Array(value.utf8.prefix(16 << 10))) }
    mutating func put(_ value: String?) {
        put(value != nil)
        if let value { put(value) }
    }
    mutating func put(_ value: Int32?) {
        put(value != nil)
        put(value ?? 0)
    }
}

/// Reads what `WireWriter` wrote; throws at what it cannot have written.
struct WireReader {
    private var rest: ArraySlice<UInt8>
    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    private mutating func take(_ count: Int) throws(MonitorProtocolError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .malformed }
        let part = rest.prefix(count)
        rest = rest.dropFirst(count)
        return part
    }
    mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(MonitorProtocolError) -> Number
    {
        var value: Number = 0
        for byte in try take(MemoryLayout<Number>.size).reversed() {
            value = value << 8 | Number(truncatingIfNeeded: byte)
        }
        return value
    }
    mutating func flag() throws(MonitorProtocolError) -> Bool { try number(UInt8.self) != 0 }
    mutating func blob() throws(MonitorProtocolError) -> [UInt8] { Array(try take(Int(try number(UInt32.self)))) }
    mutating func text() throws(MonitorProtocolError) -> String {
        String(decoding: try take(Int(try number(UInt32.self))), as: UTF8.self)
    }
    mutating func optionalText() throws(MonitorProtocolError) -> String? { try flag() ? try text() : nil }
    mutating func optionalNumber() throws(MonitorProtocolError) -> Int32? {
        let present = try flag()
        let value = try number(Int32.self)
        return present ? value : nil
    }
    func finish() throws(MonitorProtocolError) {
        guard rest.isEmpty else { throw .malformed }
    }
}

/// What a peer sent is no message of this protocol, or not with the descriptors it must have.
package enum MonitorProtocolError: Error, Sendable, CustomStringConvertible, Equatable {
    case malformed
    case unknown(UInt8)
    case descriptors(expected: String, found: Int)

    package var description: String {
        switch self {
        case .malformed: "malformed message"
        case .unknown(let type): "unknown message \(type); is the other side another version of Box?"
        case .descriptors(let expected, let found): "message with \(found) descriptors, expected \(expected)"
        }
    }
}
