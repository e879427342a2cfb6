import Glibc
import Kernel

/// Bytes to boxd's socket and back, for saying what no decent client would.
final class RawHTTP {
    private let connection: FileDescriptor

    init(_ socket: String) throws {
        // Writing to what boxd has closed must not end the tests.
        Signals.ignorePipe()
        connection = try Sys.connectUnix(.stream, socket)
    }

    /// A server on this machine's loopback.
    init(port: UInt16) throws {
        Signals.ignorePipe()
        connection = try Sys.connectLoopback(port: port, timeout: 10)
    }

    func send(_ bytes: some Sequence<UInt8>) throws { try connection.writeAll(bytes) }
    func send(_ text: String) throws { try send(text.utf8) }

    func finishSending() throws { try Sys.shutdownWrite(connection.raw) }

    /// What comes within so many seconds, until the other side closes or `isEnough`.
    func receive(within seconds: Double = 5, until isEnough: (String) -> Bool = { _ in false }) throws -> String {
        try receiveBytes(within: seconds) { isEnough($0.text) }.text
    }

    func receiveBytes(within seconds: Double = 5, until isEnough: ([UInt8]) -> Bool) throws -> [UInt8] {
        var received: [UInt8] = []
        let deadline = Clock.boottime() + Int64(seconds * 1e9)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while Clock.boottime() < deadline {
            var request = pollfd(fd: connection.raw, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&request, 1, 50) == 1 else { continue }
            // A reset is an end as well.
            guard let count = try? connection.read(into: buffer), count > 0 else { break }
            received += buffer[..<count]
            if isEnough(received) { break }
        }
        return received
    }

    func exchange(_ request: String, within seconds: Double = 5) throws -> String {
        // boxd may have answered and closed before it has read everything.
        try? send(request)
        return try receive(within: seconds)
    }
}
