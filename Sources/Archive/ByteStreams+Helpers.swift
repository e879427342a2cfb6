package import Basics

extension ByteSource {
    /// Reads to the end and forgets it. Returns how many bytes there were.
    @discardableResult
    package func readAway() throws -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while true {
            let count = try read(into: buffer)
            if count == 0 { return total }
            total += Int64(count)
        }
    }

    /// Writes everything up to the end to `sink`. Returns how many bytes there were.
    @discardableResult
    package func copy(to sink: any ByteSink) throws -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while true {
            let count = try read(into: buffer)
            if count == 0 { return total }
            try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += Int64(count)
        }
    }

    /// Everything up to the end; refuses more than `limit` bytes. `what` names it in that error.
    package func readAll(limit: Int, of what: String) throws -> [UInt8] {
        var result: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return result }
            if result.count + count > limit {
                throw ArchiveError(.tooLarge, what, "is larger than the \(limit) bytes allowed for it")
            }
            result.append(contentsOf: buffer[..<count])
        }
    }

    /// Fills the buffer unless the end comes first. Returns how many bytes there were.
    package func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            if count == 0 { break }
            done += count
        }
        return done
    }
}

extension ByteSink {
    package func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }
}
