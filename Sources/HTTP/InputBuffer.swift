/// Bytes that have arrived and are not used yet.
package struct InputBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0

    package init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    package var count: Int { bytes.count - start }
    package var isEmpty: Bool { start == bytes.count }

    /// Counted from the first unused byte.
    subscript(index: Int) -> UInt8 { bytes[start + index] }

    package mutating func append(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
        } else {
            // What is used up goes before the rest grows.
            bytes.removeFirst(start)
            bytes += more
        }
        start = 0
    }

    mutating func removeFirst(_ count: Int) {
        start += count
        // An idle connection keeps no memory.
        if start == bytes.count {
            bytes = []
            start = 0
        }
    }

    package mutating func take(max: Int) -> [UInt8] {
        let count = min(max, count)
        let taken = count == bytes.count ? bytes : Array(bytes[start..<start + count])
        removeFirst(count)
        return taken
    }

    package mutating func takeAll() -> [UInt8] { take(max: count) }

    /// Moves as much as fits.
    mutating func take(into buffer: UnsafeMutableRawBufferPointer, max: Int) -> Int {
        let count = min(max, buffer.count, count)
        buffer.copyBytes(from: bytes[start..<start + count])
        removeFirst(count)
        return count
    }
}
