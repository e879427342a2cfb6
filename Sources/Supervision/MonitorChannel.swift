import Glibc
package import Kernel

/// One end of a connection between a monitor and a client of it: messages as packets, with descriptors.
///
/// Blocks or not as its descriptor does. One thread at a time may send, and one receive.
package struct MonitorChannel: ~Copyable, Sendable {
    package let socket: FileDescriptor

    /// No packet is longer.
    package static let maximumPacket = 96 << 10
    private static let maximumProcess = 16 << 20

    /// What came in one packet. Descriptors not taken are closed with the array.
    package struct Received<Message: Sendable>: Sendable {
        package let message: Message
        package let descriptors: [SharedDescriptor]
    }

    package enum Input<Message: Sendable>: Sendable {
        case message(Received<Message>)
        /// Nothing is there now; only of a non-blocking descriptor.
        case none
        /// The other side closed.
        case end
    }

    package init(_ socket: consuming FileDescriptor) { self.socket = socket }

    /// To the monitor of a container, at its run directory's `monitor.sock`.
    package static func connect(_ path: String, nonBlocking: Bool = false) throws(SyscallError) -> MonitorChannel {
        MonitorChannel(try Sys.connectUnix(.packet, path, nonBlocking: nonBlocking))
    }

    /// False when the other side's queue is full; only of a non-blocking descriptor.
    package func send(_ message: MonitorMessage, descriptors: [Int32] = []) throws(SyscallError) -> Bool {
        try Sys.send(socket.raw, message.encoded, descriptors: descriptors) != nil
    }

    /// False when the monitor's queue is full; only of a non-blocking descriptor.
    package func send(_ request: MonitorRequest, descriptors: [Int32] = []) throws(SyscallError) -> Bool {
        guard case .exec(_, let exec) = request, exec.process.count > MonitorRequest.longestInline else {
            return try Sys.send(socket.raw, request.encoded(inline: true), descriptors: descriptors) != nil
        }
        let file = try Sys.memoryFile("process")
        try file.writeAll(exec.process)
        return try Sys.send(socket.raw, request.encoded(inline: false), descriptors: descriptors + [file.raw]) != nil
    }

    /// For clients. Throws `SyscallError` (`ECONNRESET` when the monitor was killed) or `MonitorProtocolError`.
    package func receiveMessage() throws -> Input<MonitorMessage> {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.maximumPacket, alignment: 16)
        defer { space.deallocate() }
        guard let (count, descriptors) = try receive(space) else { return .none }
        if count == 0 { return .end }
        return .message(
            Received(message: try MonitorMessage(decoding: [UInt8](space[..<count])[...]), descriptors: descriptors))
    }

    /// For the monitor; `space` must hold `maximumPacket` bytes. Checks that an exec has the descriptors it needs.
    package func receiveRequest(using space: UnsafeMutableRawBufferPointer) throws -> Input<MonitorRequest> {
        guard let received = try receive(space) else { return .none }
        var descriptors = received.descriptors
        if received.count == 0 { return .end }
        let message = try MonitorRequest(decoding: [UInt8](space[..<received.count])[...]) {
            () throws(MonitorProtocolError) in
            guard let file = descriptors.popLast() else {
                throw .descriptors(expected: "one for the process", found: 0)
            }
            do throws(SyscallError) {
                try file.descriptor.seek(to: 0)
                return try file.descriptor.readAll(limit: Self.maximumProcess)
            } catch {
                throw .malformed
            }
        }
        let expected = if case .exec(_, let exec) = message, !exec.terminal { 3 } else { 0 }
        guard descriptors.count == expected else {
            throw MonitorProtocolError.descriptors(expected: "\(expected)", found: descriptors.count)
        }
        return .message(Received(message: message, descriptors: descriptors))
    }

    /// nil when nothing is there; 0 bytes at the end.
    private func receive(_ space: UnsafeMutableRawBufferPointer) throws -> (
        count: Int, descriptors: [SharedDescriptor]
    )? {
        guard let (count, raw) = try Sys.receive(socket.raw, into: space) else { return nil }
        let descriptors = raw.map { SharedDescriptor(FileDescriptor(owning: $0)) }
        return (count, descriptors)
    }
}
