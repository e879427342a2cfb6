/// Bytes that come one buffer at a time, blocking: a file, a pipe, a request's body, an inflating stream.
/// Used by one thread at a time.
package protocol ByteSource: AnyObject {
    /// Fills at most `buffer.count` bytes; returns how many, 0 only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// Where bytes go, blocking. Used by one thread at a time.
package protocol ByteSink: AnyObject {
    /// Takes all of it, or throws.
    func write(_ buffer: UnsafeRawBufferPointer) throws
}
