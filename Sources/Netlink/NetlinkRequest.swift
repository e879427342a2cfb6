/// One message to the kernel: its type, its flags, and what follows the 16 bytes of header (netlink(7)).
package struct NetlinkRequest: Sendable, Equatable {
    package var type: UInt16
    package var flags: Flags
    package var body: [UInt8]
    /// For the message of an error: `create bridge br0`.
    package var subject: String

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        static let request = Flags(rawValue: 0x001)
        static let acknowledge = Flags(rawValue: 0x004)
        static let dump = Flags(rawValue: 0x300)
        package static let replace = Flags(rawValue: 0x100)
        package static let exclusive = Flags(rawValue: 0x200)
        package static let create = Flags(rawValue: 0x400)
        package static let append = Flags(rawValue: 0x800)
    }

    package init(type: UInt16, flags: Flags = [], subject: String, _ fill: (inout NetlinkBuffer) -> Void) {
        self.type = type
        self.flags = flags
        self.subject = subject
        var buffer = NetlinkBuffer()
        fill(&buffer)
        body = buffer.bytes
    }

    /// The whole message.
    func encode(into bytes: inout [UInt8], sequence: UInt32, _ more: Flags) {
        var header = NetlinkBuffer()
        header.host(UInt32(16 + body.count))
        header.host(type)
        header.host(flags.union(more).union(.request).rawValue)
        header.host(sequence)
        header.host(UInt32(0))
        bytes += header.bytes
        bytes += body
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}

/// Bytes of a message: numbers in the machine's order or the network's, and attributes within attributes.
package struct NetlinkBuffer: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// In the order of this machine.
    package mutating func host<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }
    /// Big-endian.
    package mutating func network<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func raw(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// struct nlattr: u16 length with the header, u16 type; then the value, padded to 4 bytes.
    package mutating func attribute(_ type: UInt16, _ fill: (inout NetlinkBuffer) -> Void) {
        let start = bytes.count
        host(UInt16(0))
        host(type)
        fill(&self)
        let length = bytes.count - start
        precondition(length <= UInt16.max, "an attribute of \(length) bytes: send it in parts")
        withUnsafeBytes(of: UInt16(length)) {
            bytes[start] = $0[0]
            bytes[start + 1] = $0[1]
        }
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    /// An attribute made of attributes (`NLA_F_NESTED`).
    package mutating func nested(_ type: UInt16, _ fill: (inout NetlinkBuffer) -> Void) {
        attribute(type | 0x8000, fill)
    }

    package mutating func text(_ type: UInt16, _ value: String) {
        attribute(type) {
            $0.raw(value.utf8)
            $0.host(UInt8(0))
        }
    }
    package mutating func bytes(_ type: UInt16, _ value: some Sequence<UInt8>) { attribute(type) { $0.raw(value) } }
    package mutating func host<Number: FixedWidthInteger>(_ type: UInt16, _ number: Number) {
        attribute(type) { $0.host(number) }
    }
    package mutating func network<Number: FixedWidthInteger>(_ type: UInt16, _ number: Number) {
        attribute(type) { $0.network(number) }
    }
}
