package import Basics
import Glibc
package import Kernel

/// Reads a container's log from some place to its end, and on from there whenever there is more. One thread
/// at a time.
///
/// Holds the segment it reads open, so that a rotation takes nothing from under it; a segment that was deleted
/// before its turn came is passed over.
package final class LogCursor {
    package enum Start: Sendable, Hashable {
        case beginning
        /// After all that is there now.
        case end
        /// The last lines, of the wanted streams together, and what follows. A line begun and not ended counts.
        case tail(lines: Int)
        case since(Timestamp)
        case at(LogPosition)
    }

    /// What the start leaves out of the records that follow it.
    struct Filter {
        var since: Timestamp?
        /// Per stream: the first byte that is wanted, as its record and the offset in its payload.
        var first: [LogStream: FirstByte] = [:]
    }
    struct FirstByte: Equatable {
        var record: LogPosition
        var payload: Int
    }

    private static let bufferSize = 256 << 10

    private let directory: String
    private let streams: LogStreams
    private var number: UInt32
    private var file: FileDescriptor?
    /// Bytes of the segment from `bufferOffset` on, of which `used` are handed out. A new array each time it is
    /// filled: chunks go on sharing the old one.
    private var buffer: [UInt8] = []
    private var bufferOffset: Int
    private var used = 0
    private var filter: Filter

    /// `directory` may not exist yet: then nothing is there, for now.
    package init(directory: String, from start: Start = .beginning, streams: LogStreams = .both) throws(SyscallError) {
        self.directory = directory
        self.streams = streams
        let (position, filter) = try Self.resolve(start, directory: directory, streams: streams)
        number = position.segment
        bufferOffset = position.offset
        self.filter = filter
    }

    /// The place after all whole records that are there now.
    package static func endPosition(directory: String) throws(SyscallError) -> LogPosition {
        while let last = try LogSegment.list(directory).last {
            do {
                return LogPosition(segment: last, offset: try LogSegment.validEnd(try LogSegment.open(directory, last)))
            } catch let error where error.errno == ENOENT {
                continue  // Deleted by a rotation just now: there is a newer one.
            }
        }
        return .beginning
    }

    /// Where the next record will be looked for.
    package var position: LogPosition { LogPosition(segment: number, offset: bufferOffset + used) }

    /// The next record of the wanted streams; nil when there is none now.
    package func next() throws(SyscallError) -> LogChunk? {
        while true {
            if let chunk = try nextInSegment() { return chunk }
            let following = try openFollowing()
            guard following.number != 0 else { return nil }
            // Its writer was done with this segment before it made the following one, but maybe not yet when
            // this was read to its end.
            if let chunk = try nextInSegment() { return chunk }
            number = following.number
            file = following.file
            moveBuffer(to: 0)
        }
    }

    private func nextInSegment() throws(SyscallError) -> LogChunk? {
        while true {
            let available = buffer.count - used
            let header = buffer.withUnsafeBytes { LogRecord.header(UnsafeRawBufferPointer(rebasing: $0[used...])) }
            if header == nil, available >= LogRecord.headerSize { return nil }  // damage: nothing more in this segment
            let needed = header?.total ?? LogRecord.overhead
            guard let header, needed <= available else {
                if try fill(atLeast: needed) { continue }
                // A record not all there may be mended into another one: what was read of it is not kept.
                moveBuffer(to: bufferOffset + used)
                return nil
            }
            let start = used
            let end = start + header.total
            guard buffer.withUnsafeBytes({ LogRecord.trailer($0, at: end - LogRecord.trailerSize) }) == header.total
            else {
                // Either damage, or its writer is about to mend it: look again next time.
                moveBuffer(to: bufferOffset + used)
                return nil
            }
            let record = LogPosition(segment: number, offset: bufferOffset + start)
            used = end
            if let skip = wanted(header, record) {
                let payload = start + LogRecord.headerSize
                return LogChunk(
                    stream: header.stream, time: Timestamp(nanosecondsSince1970: header.time),
                    bytes: buffer[(payload + skip)..<(payload + header.length)],
                    continuesLine: skip == 0 && header.flags & LogRecord.continuesLine != 0,
                    isLossMarker: header.flags & LogRecord.lossMarker != 0)
            }
        }
    }

    /// How many bytes of the record's payload to leave out; nil: all.
    private func wanted(_ header: LogRecord.Header, _ record: LogPosition) -> Int? {
        guard streams.contains(header.stream) else { return nil }
        if let since = filter.since, header.time < since.nanosecondsSince1970 { return nil }
        if filter.first.isEmpty { return 0 }
        guard let first = filter.first[header.stream] else { return 0 }
        if record < first.record { return nil }
        filter.first[header.stream] = nil
        guard record == first.record else { return 0 }
        return first.payload < header.length ? first.payload : nil
    }

    private func moveBuffer(to offset: Int) {
        buffer = []
        bufferOffset = offset
        used = 0
    }

    /// Reads on from what is handed out. False when the segment does not hold so much yet.
    private func fill(atLeast needed: Int) throws(SyscallError) -> Bool {
        if file == nil {
            guard number > 0 else { return false }
            do { file = try LogSegment.open(directory, number) } catch let error where error.errno == ENOENT {
                return false
            }
        }
        guard let raw = file?.raw, let size = try file?.status().size else { return false }
        let offset = bufferOffset + used
        let rest = Int(size) - offset
        guard rest >= needed else { return false }
        var outcome: Result<Int, SyscallError> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: min(rest, max(needed, Self.bufferSize))) { space, count in
            outcome = Result { () throws(SyscallError) in
                try check("pread", "fd \(raw)") { pread(raw, space.baseAddress, space.count, offset) }
            }
            if case .success(let got) = outcome { count = got }
        }
        let count = try outcome.get()
        moveBuffer(to: offset)
        buffer = bytes
        return count >= needed
    }

    /// A descriptor with its number, which cannot be a tuple. Number 0: none.
    private struct OpenSegment: ~Copyable {
        var number: UInt32
        var file: FileDescriptor?
    }

    /// The oldest segment that is newer than the one being read.
    private func openFollowing() throws(SyscallError) -> OpenSegment {
        while let following = try LogSegment.list(directory).first(where: { $0 > number }) {
            do {
                return OpenSegment(number: following, file: try LogSegment.open(directory, following))
            } catch let error where error.errno == ENOENT {
                continue
            }
        }
        return OpenSegment(number: 0, file: nil)
    }
}
