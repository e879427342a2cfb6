import Basics
package import Kernel

/// A non-blocking socket, pipe end or terminal for async code. Reading and writing at the same time is fine; two
/// readers or two writers are not.
package final class AsyncSocket: Sendable {
    package let shared: SharedDescriptor
    package let loop: EventLoop
    package var raw: Int32 { shared.raw }

    /// The descriptor must be non-blocking.
    package init(_ shared: SharedDescriptor, loop: EventLoop) {
        self.shared = shared
        self.loop = loop
    }

    /// Makes the descriptor non-blocking, for everybody who shares its open file description.
    package convenience init(_ descriptor: consuming FileDescriptor, loop: EventLoop) throws(SyscallError) {
        try descriptor.setNonBlocking()
        self.init(SharedDescriptor(descriptor), loop: loop)
    }

    /// Some bytes; none at the end. Throws `TimedOut` when nothing came for `timeout` nanoseconds.
    package func read(max: Int = 65536, timeout: Int64? = nil) async throws -> [UInt8] {
        while true {
            if let bytes = try readNow(max: max) { return bytes }
            // No buffer is held while waiting: there may be thousands of idle connections.
            try await loop.wait(raw, .readable, timeout: timeout)
        }
    }

    /// What is there; none at the end; nil when there is nothing yet.
    package func readNow(max: Int) throws(SyscallError) -> [UInt8]? {
        var outcome: Result<Int?, SyscallError> = .success(nil)
        let bytes = [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
            outcome = Result { () throws(SyscallError) in try Sys.read(raw, into: UnsafeMutableRawBufferPointer(buffer))
            }
            if case .success(let read?) = outcome { count = read }
        }
        return try outcome.get() == nil ? nil : bytes
    }

    /// Writes everything. Throws `TimedOut` when the other end took nothing for `timeout` nanoseconds.
    package func write(_ bytes: [UInt8], timeout: Int64? = nil) async throws {
        var done = 0
        while done < bytes.count {
            if let count = try writeNow(bytes, from: done) {
                done += count
            } else {
                try await loop.wait(raw, .writable, timeout: timeout)
            }
        }
    }

    /// How many bytes were taken; nil when none can be now.
    package func writeNow(_ bytes: [UInt8], from start: Int = 0) throws(SyscallError) -> Int? {
        let outcome: Result<Int?, SyscallError> = bytes.withUnsafeBytes { buffer in
            let rest = UnsafeRawBufferPointer(rebasing: buffer[start...])
            return Result { () throws(SyscallError) in try Sys.write(raw, rest) }
        }
        return try outcome.get()
    }

    /// The next message of a packet socket, at most `max` bytes of it, with the descriptors that came along; no
    /// bytes at the end.
    package func receive(max: Int = 65536) async throws -> (bytes: [UInt8], descriptors: [SharedDescriptor]) {
        while true {
            var outcome: Result<(count: Int, descriptors: [Int32])?, SyscallError> = .success(nil)
            let bytes = [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
                outcome = Result { () throws(SyscallError) in
                    try Sys.receive(raw, into: UnsafeMutableRawBufferPointer(buffer))
                }
                if case .success(let received?) = outcome { count = received.count }
            }
            if let received = try outcome.get() {
                return (bytes, received.descriptors.map { SharedDescriptor(FileDescriptor(owning: $0)) })
            }
            try await loop.wait(raw, .readable)
        }
    }

    /// Sends one message of a packet socket, with descriptors (borrowed).
    package func send(_ bytes: [UInt8], descriptors: [Int32] = []) async throws {
        while try Sys.send(raw, bytes, descriptors: descriptors) == nil {
            try await loop.wait(raw, .writable)
        }
    }

    /// Says that no more will be written; what the other end writes can still be read.
    package func shutdownWrite() throws(SyscallError) { try Sys.shutdownWrite(raw) }

    /// Waits until the other end is closed altogether. Reads nothing.
    package func closed() async throws { try await loop.wait(raw, .closed) }
}
