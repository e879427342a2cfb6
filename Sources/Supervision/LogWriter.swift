package import Basics
import Glibc
package import Kernel

/// Writes a container's log; one writer a log.
///
/// Never fails towards the caller: a full disk must neither stop nor block a container. What could not be
/// written is counted, and said in the log as soon as writing works again.
package final class LogWriter {
    private let directory: String
    /// Bytes a segment may have; nil: one segment without end.
    private let maximumSize: Int?
    private let maximumFiles: Int
    private var file: FileDescriptor?
    private var number: UInt32 = 0
    private var size = 0
    private var linesOpen: LogStreams = []
    private var lost = 0
    private var lostReason = ""

    /// Bytes of output that no segment holds, since the last marker.
    package var lostBytes: Int { lost }

    /// Goes on after what is there. `directory` is made with the first bytes, its parent must exist.
    package init(directory: String, maximumSize: Int?, maximumFiles: Int) {
        self.directory = directory
        // Room for one record at least, however small the limit.
        self.maximumSize = maximumSize.map { max($0, LogRecord.overhead + 1) }
        self.maximumFiles = max(1, maximumFiles)
    }

    /// Makes the directory of a log, unless it is there; for a reader that wants to watch it before anything was written.
    /// Not its parent: without that the container is gone.
    package static func makeDirectory(_ directory: String) throws(SyscallError) {
        do { try Sys.mkdir(directory, mode: 0o700) } catch let error where error.errno == EEXIST {}
    }

    /// Logs what was read from one stream. Called with what one `read(2)` gave; longer than 1 MiB is split.
    package func append(_ stream: LogStream, _ bytes: UnsafeRawBufferPointer, time: Timestamp) {
        if lost > 0 { tellLoss(stream, time: time) }
        let piece = min(LogRecord.maximumPayload, (maximumSize ?? .max) - LogRecord.overhead)
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(piece))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece))
            let flags = linesOpen.contains(stream) ? LogRecord.continuesLine : 0
            do throws(SyscallError) {
                try write(
                    .init(stream: stream, flags: flags, length: part.count, time: time.nanosecondsSince1970), part)
            } catch {
                lost += part.count
                lostReason = error.reason
            }
            let open = LogStreams(rawValue: stream.rawValue)
            if part.last == UInt8(ascii: "\n") { linesOpen.remove(open) } else { linesOpen.insert(open) }
        }
    }

    package func append(_ stream: LogStream, _ bytes: [UInt8], time: Timestamp) {
        bytes.withUnsafeBytes { append(stream, $0, time: time) }
    }

    private func tellLoss(_ stream: LogStream, time: Timestamp) {
        let open = linesOpen.contains(stream) ? "\n" : ""
        var text = "\(open)box: \(lost) bytes of output could not be logged: \(lostReason)\n"
        let failure: SyscallError? = text.withUTF8 { utf8 in
            let flags = LogRecord.lossMarker | (open.isEmpty ? 0 : LogRecord.continuesLine)
            do throws(SyscallError) {
                try write(
                    .init(stream: stream, flags: flags, length: utf8.count, time: time.nanosecondsSince1970),
                    UnsafeRawBufferPointer(utf8))
                return nil
            } catch {
                return error
            }
        }
        if let failure {
            lostReason = failure.reason
        } else {
            lost = 0
            linesOpen.remove(LogStreams(rawValue: stream.rawValue))
        }
    }

    private func write(_ header: LogRecord.Header, _ payload: UnsafeRawBufferPointer) throws(SyscallError) {
        if file == nil { try openLast() }
        if let maximumSize, size > 0, size + header.total > maximumSize { try rotate() }
        guard let raw = file?.raw else { throw SyscallError("open", directory, errno: ENOENT) }
        var head: (UInt64, UInt64) = (0, 0)
        var tail = UInt32(header.total).littleEndian
        let outcome: Result<Int, SyscallError> = withUnsafeMutableBytes(of: &head) { head in
            LogRecord.encode(header, into: head)
            let head = UnsafeRawBufferPointer(head)
            return withUnsafeBytes(of: &tail) { tail in
                Result { () throws(SyscallError) in try Sys.write(raw, at: size, head, payload, tail) }
            }
        }
        do throws(SyscallError) {
            let count = try outcome.get()
            // The file system took a part and would refuse the rest: it is full.
            if count < header.total { throw SyscallError("pwritev", directory, errno: ENOSPC) }
            size += count
        } catch {
            // No reader takes a part of a record for one; the next record overwrites it if this fails.
            _ = try? file?.truncate(to: size)
            throw error
        }
    }

    /// Takes up the newest segment after its last whole record, or begins the first.
    private func openLast() throws(SyscallError) {
        guard let last = try LogSegment.list(directory).last else { return try begin(1) }
        let segment = try LogSegment.open(directory, last, O_RDWR)
        let end = try LogSegment.validEnd(segment)
        if end < Int(try segment.status().size) { try segment.truncate(to: end) }
        number = last
        size = end
        file = consume segment
    }

    private func rotate() throws(SyscallError) {
        // The oldest goes first: on a full disk that is what makes room.
        for old in try LogSegment.list(directory).dropLast(maximumFiles - 1) {
            do { try Sys.unlink("\(directory)/\(LogSegment.name(old))") } catch let error where error.errno == ENOENT {}
        }
        try begin(number + 1)
    }

    private func begin(_ next: UInt32) throws(SyscallError) {
        let flags = O_RDWR | O_CREAT | O_TRUNC
        do { file = try LogSegment.open(directory, next, flags) } catch let error where error.errno == ENOENT {
            try Self.makeDirectory(directory)
            file = try LogSegment.open(directory, next, flags)
        }
        number = next
        size = 0
    }
}
