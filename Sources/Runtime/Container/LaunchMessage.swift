import Glibc
import Kernel
import Supervision

/// What the new process and its launcher say to each other, a packet each:
///
///     new process                         launcher
///     cgroup        ------------------->  (knows what to undo)
///                   <-------------------  proceed, when it has made that itself
///                   <-------------------  overlay + fd, when it makes that, too
///     mounts + fd   ------------------->  (only when asked for)
///     warning*      ------------------->
///     terminal + fd ------------------->
///     hooks         ------------------->  runs prestart and createRuntime hooks
///                   <-------------------  proceed
///     held          ------------------->  (only when held)
///                   <-------------------  proceed, from whoever starts it
///     executing     ------------------->
///     end of the connection (execve closed it): the program runs
///     failed        ------------------->  instead of any of the above
///     unfit         ------------------->  by a prepared process, before all else: it ends, and nothing has begun
enum LaunchMessage: Equatable {
    case cgroup(String)
    case warning(String)
    /// Carries the master of the terminal.
    case terminal
    case hooks
    case held
    case executing
    case failed(RuntimeError)
    case proceed
    case unfit
    /// Carries what keeps file systems mounted, see `LaunchRequest.handsOverMounts`.
    case mounts
    /// The launcher's: carries the overlay, mounted nowhere yet; nothing where the kernel does not make it so.
    case overlay
}

extension LaunchMessage {
    /// Enough for any error; a longer text is cut.
    static let maximumLength = 32 * 1024

    var bytes: [UInt8] {
        switch self {
        case .cgroup(let path): [1] + path.utf8
        case .warning(let text): [2] + text.utf8.prefix(Self.maximumLength - 1)
        case .terminal: [3]
        case .hooks: [4]
        case .held: [5]
        case .executing: [6]
        case .failed(let error):
            [
                7, error.stage.rawValue, UInt8(truncatingIfNeeded: error.exitCode),
                UInt8(truncatingIfNeeded: error.errno),
            ]
                + error.message.utf8.prefix(Self.maximumLength - 4)
        case .proceed: [8]
        case .unfit: [9]
        case .mounts: [10]
        case .overlay: [11]
        }
    }

    init?(_ bytes: some Collection<UInt8>) {
        let text = { (skip: Int) in String(decoding: bytes.dropFirst(skip), as: UTF8.self) }
        switch bytes.first {
        case 1: self = .cgroup(text(1))
        case 2: self = .warning(text(1))
        case 3: self = .terminal
        case 4: self = .hooks
        case 5: self = .held
        case 6: self = .executing
        case 7:
            let head = Array(bytes.prefix(4))
            guard head.count == 4, let stage = RuntimeError.Stage(rawValue: head[1]) else { return nil }
            self = .failed(RuntimeError(stage, text(4), errno: Int32(head[3]), exitCode: Int32(head[2])))
        case 8: self = .proceed
        case 9: self = .unfit
        case 10: self = .mounts
        case 11: self = .overlay
        default: return nil
        }
    }
}

/// One end of the conversation. Closed on exec.
final class LaunchChannel {
    private var socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) { self.socket = socket }

    /// Goes on with somebody else.
    func exchange(_ socket: consuming FileDescriptor) { self.socket = socket }

    /// For whoever shall go on with the conversation later.
    func duplicateSocket() throws(RuntimeError) -> FileDescriptor {
        do { return try socket.duplicate() } catch { throw RuntimeError(.handshake, "keeping the connection", error) }
    }

    func send(_ message: LaunchMessage, descriptor: Int32? = nil) throws(RuntimeError) {
        _ = try attempt(.handshake, "telling the launcher") { () throws(SyscallError) in
            try Sys.send(socket.raw, message.bytes, descriptors: descriptor.map { [$0] } ?? [])
        }
    }

    typealias Received = (message: LaunchMessage, descriptor: Int32?)

    /// nil at the end of the connection. A descriptor that came is the caller's.
    func receive() throws(RuntimeError) -> Received? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: LaunchMessage.maximumLength, alignment: 8)
        defer { buffer.deallocate() }
        let received = try attempt(.handshake, "waiting for the new process") { () throws(SyscallError) in
            do throws(SyscallError) { return try Sys.receive(socket.raw, into: buffer) } catch
                where error.errno == ECONNRESET
            {
                // The other side ended with words of ours unread. That is said once, and before its own last words.
                return try Sys.receive(socket.raw, into: buffer)
            }
        }
        guard let received, received.count > 0 else { return nil }
        guard let message = LaunchMessage(buffer[..<received.count]) else {
            throw RuntimeError(.handshake, "a message of an unknown kind came from the new process")
        }
        return (message, received.descriptors.first)
    }

    // MARK: A process that was forked before its container was known

    /// False when it is gone.
    func hand(_ order: [UInt8], network: Int32?) throws(SyscallError) -> Bool {
        // It has no use for the standard error of its monitor, and gets its own.
        try SpareMonitor.send(order, to: socket.raw, standardError: 2, network: network)
    }

    /// Waits for the bell, or for the other side's end.
    func wait(for bell: Int32) {
        var entries = [Sys.PollEntry(bell, reading: true), Sys.PollEntry(socket.raw)]
        // What fails here is waited for by who reads.
        _ = try? Sys.poll(&entries)
    }

    /// nil at the end of the connection.
    func receiveOrder() throws(SyscallError) -> SpareMonitor.Received? { try SpareMonitor.receiveOrder(socket.raw) }

    /// Waits for the word to go on.
    func waitForProceed() throws(RuntimeError) { _ = try wait(for: .proceed) }

    /// Waits for what the launcher makes meanwhile; nil: it has to be made here.
    func waitForOverlay() throws(RuntimeError) -> FileDescriptor? {
        try wait(for: .overlay).map { FileDescriptor(owning: $0) }
    }

    /// Returns the descriptor that came along.
    private func wait(for message: LaunchMessage) throws(RuntimeError) -> Int32? {
        guard let received = try receive() else {
            throw RuntimeError(.handshake, "the launcher ended before the container was started")
        }
        guard received.message == message else {
            throw RuntimeError(.handshake, "the launcher said \(received.message) where \(message) was due")
        }
        return received.descriptor
    }

    /// False when the other side is gone.
    var isConnected: Bool { !Sys.isHungUp(socket.raw) }
}
