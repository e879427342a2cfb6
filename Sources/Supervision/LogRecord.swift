package import Basics

/// Which output of the container a record holds; the numbers are those of Docker's stream framing. A terminal's
/// output is `stdout`.
package enum LogStream: UInt8, Sendable, Hashable, CaseIterable {
    case stdout = 1
    case stderr = 2
}

/// A set of streams, for readers that want one or both.
package struct LogStreams: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let stdout = LogStreams(rawValue: 1)
    package static let stderr = LogStreams(rawValue: 2)
    package static let both: LogStreams = [.stdout, .stderr]
    package func contains(_ stream: LogStream) -> Bool { rawValue & stream.rawValue != 0 }
}

/// What one record holds: some bytes that the container wrote to one stream, as they were read. They may end in
/// the middle of a line, or of a character.
package struct LogChunk: Sendable {
    package let stream: LogStream
    package let time: Timestamp
    /// Shares the reader's buffer: keep it for long only as a copy.
    package let bytes: ArraySlice<UInt8>
    /// The bytes go on with a line that an earlier record of the stream began.
    package let continuesLine: Bool
    /// Not output: a line that says how much output could not be logged, and why.
    package let isLossMarker: Bool

    package init(
        stream: LogStream, time: Timestamp, bytes: ArraySlice<UInt8>, continuesLine: Bool = false,
        isLossMarker: Bool = false
    ) {
        self.stream = stream
        self.time = time
        self.bytes = bytes
        self.continuesLine = continuesLine
        self.isLossMarker = isLossMarker
    }
}

/// The form of a record in a segment, all numbers little-endian:
///
///     u8 magic · u8 stream · u16 flags · u32 payload length · i64 nanoseconds since 1970 · payload · u32 record length
///
/// The length at the end lets `--tail` walk backwards; together with the magic it tells a whole record from the
/// beginning of one whose writer died.
enum LogRecord {
    static let magic: UInt8 = 0xB0
    static let headerSize = 16
    static let trailerSize = 4
    static let overhead = headerSize + trailerSize
    /// Writers split what is longer; a length above it is damage.
    static let maximumPayload = 1 << 20

    static let continuesLine: UInt16 = 1
    static let lossMarker: UInt16 = 2

    struct Header {
        var stream: LogStream
        var flags: UInt16
        var length: Int
        var time: Int64
        var total: Int { length + overhead }
    }

    /// nil when these 16 bytes begin no record.
    static func header(_ bytes: UnsafeRawBufferPointer) -> Header? {
        guard bytes.count >= headerSize, bytes[0] == magic, let stream = LogStream(rawValue: bytes[1]) else {
            return nil
        }
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        guard length <= maximumPayload else { return nil }
        return Header(
            stream: stream, flags: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)),
            length: length, time: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
    }

    static func encode(_ header: Header, into bytes: UnsafeMutableRawBufferPointer) {
        bytes[0] = magic
        bytes[1] = header.stream.rawValue
        bytes.storeBytes(of: header.flags.littleEndian, toByteOffset: 2, as: UInt16.self)
        bytes.storeBytes(of: UInt32(header.length).littleEndian, toByteOffset: 4, as: UInt32.self)
        bytes.storeBytes(of: header.time.littleEndian, toByteOffset: 8, as: Int64.self)
    }

    static func trailer(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
}
