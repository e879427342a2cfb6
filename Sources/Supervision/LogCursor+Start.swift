import Basics
import Glibc
import Kernel

extension LogCursor {
    static func resolve(_ start: Start, directory: String, streams: LogStreams)
        throws(SyscallError) -> (LogPosition, Filter)
    {
        switch start {
        case .beginning: return (.beginning, Filter())
        case .end: return (try endPosition(directory: directory), Filter())
        case .at(let position): return (position, Filter())
        case .since(let time):
            return (try firstSegment(holding: time, directory: directory), Filter(since: time))
        case .tail(let lines):
            if lines <= 0 { return (try endPosition(directory: directory), Filter()) }
            var scan = TailScan(lines: lines, streams: streams)
            return try scan.run(directory: directory)
        }
    }

    /// The newest segment that begins before `time`: nothing in older ones is newer than that beginning.
    private static func firstSegment(holding time: Timestamp, directory: String) throws(SyscallError) -> LogPosition {
        for number in try LogSegment.list(directory).reversed() {
            do {
                let file = try LogSegment.open(directory, number)
                guard let header = try LogSegment.header(file, at: 0), header.time < time.nanosecondsSince1970 else {
                    continue
                }
                return LogPosition(segment: number, offset: 0)
            } catch let error where error.errno == ENOENT {
                continue
            }
        }
        return .beginning
    }
}

/// Walks a log backwards until it knows where the last lines begin, which for each stream is another place:
/// the streams' records are interleaved, and a line may span many of them.
private struct TailScan {
    let lines: Int
    let streams: LogStreams
    private var counted = 0
    /// Streams of which a counted line's beginning is not found yet.
    private var open: Set<LogStream> = []
    /// Streams that were seen, so whose last byte is known.
    private var seen: Set<LogStream> = []
    private var first: [LogStream: LogCursor.FirstByte] = [:]
    private var payload: [UInt8] = []

    init(lines: Int, streams: LogStreams) {
        self.lines = lines
        self.streams = streams
    }

    private var isDone: Bool { counted >= lines && open.isEmpty }

    mutating func run(directory: String) throws(SyscallError) -> (LogPosition, LogCursor.Filter) {
        let end = try LogCursor.endPosition(directory: directory)
        for number in try LogSegment.list(directory).reversed() where number <= end.segment {
            do {
                let file = try LogSegment.open(directory, number)
                var offset = number == end.segment ? end.offset : try LogSegment.validEnd(file)
                while !isDone, let start = try LogSegment.recordStart(file, endingAt: offset) {
                    try scan(file, LogPosition(segment: number, offset: start))
                    offset = start
                }
            } catch let error where error.errno == ENOENT {
                break  // A rotation deleted it: what is left begins after it.
            }
            if isDone { break }
        }
        // Streams still open begin where the log does; those of which no line counts, after all of it.
        for stream in open { first[stream] = .init(record: .beginning, payload: 0) }
        for stream in LogStream.allCases where first[stream] == nil { first[stream] = .init(record: end, payload: 0) }
        let wanted = first.filter { streams.contains($0.key) }
        return (wanted.values.map(\.record).min() ?? end, LogCursor.Filter(first: first))
    }

    private mutating func scan(_ file: borrowing FileDescriptor, _ record: LogPosition) throws(SyscallError) {
        guard let header = try LogSegment.header(file, at: record.offset), streams.contains(header.stream) else {
            return
        }
        let stream = header.stream
        guard header.length > 0, !(counted >= lines && !open.contains(stream)) else { return }
        if payload.count < header.length { payload = [UInt8](repeating: 0, count: header.length) }
        let outcome: Result<Int, SyscallError> = payload.withUnsafeMutableBytes { buffer in
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<header.length])
            return Result { () throws(SyscallError) in
                try file.read(into: part, at: record.offset + LogRecord.headerSize)
            }
        }
        guard try outcome.get() == header.length else { return }
        // The end of the stream ends its last line, even without a newline.
        if seen.insert(stream).inserted, payload[header.length - 1] != UInt8(ascii: "\n") { count(stream) }
        payload.withUnsafeBufferPointer { buffer in
            var index = header.length - 1
            while index >= 0 {
                if buffer[index] == UInt8(ascii: "\n") {
                    if counted >= lines {
                        begin(stream, .init(record: record, payload: index + 1))
                        return
                    }
                    count(stream)
                }
                index -= 1
            }
        }
        // What comes before does not belong to this line: no need to look for it.
        if counted >= lines, open.contains(stream), header.flags & LogRecord.continuesLine == 0 {
            begin(stream, .init(record: record, payload: 0))
        }
    }

    private mutating func count(_ stream: LogStream) {
        counted += 1
        open.insert(stream)
    }

    private mutating func begin(_ stream: LogStream, _ byte: LogCursor.FirstByte) {
        if open.remove(stream) != nil { first[stream] = byte }
    }
}
