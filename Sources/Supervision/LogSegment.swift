import Glibc
import Kernel

/// A place in a container's log. Segment 0 is before all segments.
package struct LogPosition: Sendable, Hashable, Comparable {
    package var segment: UInt32
    package var offset: Int
    package init(segment: UInt32, offset: Int) {
        self.segment = segment
        self.offset = offset
    }
    package static let beginning = LogPosition(segment: 0, offset: 0)
    package static func < (a: LogPosition, b: LogPosition) -> Bool {
        a.segment == b.segment ? a.offset < b.offset : a.segment < b.segment
    }
}

/// The files of a log: names of eight decimal digits, counting up.
enum LogSegment {
    static func name(_ number: UInt32) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    }

    static func number(_ name: String) -> UInt32? {
        guard name.utf8.count >= 8, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt32(name)
    }

    /// The segments there are, oldest first; none when the directory is missing.
    static func list(_ directory: String) throws(SyscallError) -> [UInt32] {
        do {
            return try Sys.list(at: Sys.currentDirectory, directory).compactMap { number($0.name) }.sorted()
        } catch let error where error.errno == ENOENT {
            return []
        }
    }

    static func open(_ directory: String, _ number: UInt32, _ flags: Int32 = O_RDONLY) throws(SyscallError)
        -> FileDescriptor
    {
        try Sys.open("\(directory)/\(name(number))", flags | O_NOFOLLOW, mode: 0o600)
    }

    /// The header of the record at `offset`, if a whole record is there in a file of `size` bytes.
    static func wholeRecord(_ file: borrowing FileDescriptor, at offset: Int, size: Int) throws(SyscallError)
        -> LogRecord.Header?
    {
        guard offset >= 0, offset + LogRecord.overhead <= size, let header = try header(file, at: offset),
            offset + header.total <= size,
            try trailer(file, endingAt: offset + header.total) == header.total
        else { return nil }
        return header
    }

    static func header(_ file: borrowing FileDescriptor, at offset: Int) throws(SyscallError) -> LogRecord.Header? {
        try withBytes(file, LogRecord.headerSize, at: offset) { LogRecord.header($0) } ?? nil
    }

    static func trailer(_ file: borrowing FileDescriptor, endingAt end: Int) throws(SyscallError) -> Int? {
        try withBytes(file, LogRecord.trailerSize, at: end - LogRecord.trailerSize) { LogRecord.trailer($0, at: 0) }
    }

    private static func withBytes<Value>(
        _ file: borrowing FileDescriptor, _ count: Int, at offset: Int, _ body: (UnsafeRawBufferPointer) -> Value
    ) throws(SyscallError) -> Value? {
        var words: (UInt64, UInt64) = (0, 0)
        let outcome: Result<Value?, SyscallError> = withUnsafeMutableBytes(of: &words) { raw in
            let buffer = UnsafeMutableRawBufferPointer(rebasing: raw[..<count])
            return Result { () throws(SyscallError) in
                try file.read(into: buffer, at: offset) == count ? body(UnsafeRawBufferPointer(buffer)) : nil
            }
        }
        return try outcome.get()
    }

    /// The start of the record that ends at `end`; nil when none does.
    static func recordStart(_ file: borrowing FileDescriptor, endingAt end: Int) throws(SyscallError) -> Int? {
        guard end >= LogRecord.overhead, let total = try trailer(file, endingAt: end), total >= LogRecord.overhead,
            total <= end, let header = try header(file, at: end - total), header.total == total
        else { return nil }
        return end - total
    }

    /// Where the last whole record ends: the file's size, unless its writer is at work or died while writing.
    static func validEnd(_ file: borrowing FileDescriptor) throws(SyscallError) -> Int {
        let size = Int(try file.status().size)
        // Payload may look like a record's end by chance or by malice: that it also lies on the chain of
        // records is not checked here, and a forged end only hides what follows from readers of that log.
        if size == 0 { return 0 }
        if try recordStart(file, endingAt: size) != nil { return size }
        var offset = 0
        while let header = try wholeRecord(file, at: offset, size: size) { offset += header.total }
        return offset
    }
}
