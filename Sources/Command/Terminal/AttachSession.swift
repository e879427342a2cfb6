import Basics
import Glibc
import HTTP
import Kernel

/// This process's standard streams, connected to a container's (or an exec's) over a hijacked connection, with the
/// signals that meanwhile arrive: one loop over poll(2), no threads.
final class AttachSession {
    struct Options {
        /// The other side has a terminal: one stream, raw mode here, keys that detach.
        var tty: Bool
        var stdin: Bool
        var stdout = true
        var stderr = true
        var detachKeys: DetachKeys
        /// Signals go to the container instead of ending boxctl.
        var forwardsSignals: Bool
    }

    enum Outcome: Equatable {
        /// The other side has closed its output.
        case ended
        case detached
        /// A signal that is not passed on.
        case interrupted(Int32)
    }

    private let connection: RawConnection
    private let options: Options
    private let signals: SignalDescriptor
    private let onSignal: (Int32) -> Void
    private let onResize: (Terminal.Size) -> Void
    private var scanner: DetachScanner
    private var decoder = StreamFrameDecoder()
    /// Typed, and not yet taken by the connection.
    private var pending: ArraySlice<UInt8> = []
    private var stdinOpen: Bool
    private var interrupts = 0

    private static let fatal: [Int32] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
    /// These end boxctl at once while it waits for the daemon.
    private static let atOnce: [Int32] = [SIGHUP, SIGQUIT, SIGTERM]
    private static let forwarded: [Int32] = fatal + [SIGUSR1, SIGUSR2, SIGALRM]

    /// Blocks the signals from here on: an interrupt that comes between now and `run` is not lost. Made before the
    /// container is started.
    init(
        _ connection: RawConnection, _ options: Options, onSignal: @escaping (Int32) -> Void,
        onResize: @escaping (Terminal.Size) -> Void
    ) throws {
        self.connection = connection
        self.options = options
        self.onSignal = onSignal
        self.onResize = onResize
        signals = try SignalDescriptor((options.forwardsSignals ? Self.forwarded : Self.fatal) + [SIGWINCH])
        // A daemon that does not answer must not make this process one that only SIGKILL ends.
        try Signals.unblock(Self.atOnce)
        scanner = DetachScanner(options.tty ? options.detachKeys : try DetachKeys(""))
        stdinOpen = options.stdin
        try connection.descriptor.descriptor.setNonBlocking()
        // Without stdin the other side must not wait for any.
        if !options.stdin { try? Sys.shutdownWrite(connection.descriptor.raw) }
    }

    /// Ends when the other side does, or the user detaches.
    func run() throws -> Outcome {
        try Signals.block(Self.atOnce)
        // What is left to do is to wait for the daemon.
        defer { try? Signals.unblock(Self.forwarded) }
        if options.tty, options.stdin, Terminal.isTerminal(0) {
            let mode = try RawMode(0)
            defer { withExtendedLifetime(mode) {} }
            return try loop()
        }
        return try loop()
    }

    private func loop() throws -> Outcome {
        try show(connection.early)
        let socket = connection.descriptor.raw
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            var entries = [
                Sys.PollEntry(socket, reading: true, writing: !pending.isEmpty),
                Sys.PollEntry(signals.descriptor.raw, reading: true),
                // No more is read than the connection takes.
                Sys.PollEntry(stdinOpen && pending.isEmpty ? 0 : -1, reading: true),
            ]
            _ = try Sys.poll(&entries)
            if entries[1].isReadable, let outcome = takeSignals() { return outcome }
            if entries[0].isReadable, try !receive(buffer) { return .ended }
            if entries[0].isWritable { try sendPending() }
            if entries[2].isReadable, entries[2].fd == 0, try readInput(buffer) { return .detached }
        }
    }

    /// False at the end.
    private func receive(_ buffer: UnsafeMutableRawBufferPointer) throws -> Bool {
        do {
            guard let count = try connection.descriptor.descriptor.read(into: buffer) else { return true }
            if count == 0 { return false }
            try show(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return true
        } catch let error as SyscallError where error.errno == ECONNRESET {
            return false
        }
    }

    private func show(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try show($0) } }

    private func show(_ bytes: UnsafeRawBufferPointer) throws {
        if options.tty {
            if options.stdout { try Output.write(bytes) }
            return
        }
        try decoder.decode(bytes) { kind, data in
            switch kind {
            case .standardInput, .standardOutput: if options.stdout { try Output.write(data) }
            case .standardError: if options.stderr { try Output.write(data, to: 2) }
            case .systemError: throw DaemonError(status: 500, message: String(decoding: data, as: UTF8.self))
            }
        }
    }

    /// True when the user detached.
    private func readInput(_ buffer: UnsafeMutableRawBufferPointer) throws -> Bool {
        let count: Int
        do {
            guard let read = try Sys.read(0, into: buffer) else { return false }
            count = read
        } catch let error where error.errno == EIO {
            // The terminal is gone.
            count = 0
        } catch let error where error.errno == EBADF {
            count = 0
        }
        if count == 0 {
            stdinOpen = false
            pending += scanner.rest()
        } else {
            let (forward, detached) = scanner.scan(buffer[..<count])
            pending += forward
            if detached { return true }
        }
        try sendPending()
        return false
    }

    private func sendPending() throws {
        let socket = connection.descriptor.raw
        while !pending.isEmpty {
            do {
                let sent = try pending.withUnsafeBytes { try Sys.send(socket, $0) }
                guard let sent else { return }
                pending = pending.dropFirst(sent)
            } catch let error as SyscallError where error.errno == EPIPE || error.errno == ECONNRESET {
                // Nobody reads there any more; what it still has to say is worth waiting for.
                pending = []
                stdinOpen = false
                return
            }
        }
        if !stdinOpen { try? Sys.shutdownWrite(socket) }
    }

    private func takeSignals() -> Outcome? {
        while let signal = signals.next() {
            if signal == SIGWINCH {
                if options.tty, let size = try? Terminal.size(0) { onResize(size) }
                continue
            }
            guard options.forwardsSignals else { return .interrupted(signal) }
            // Who asks three times means it, whatever the container makes of it.
            if signal == SIGINT || signal == SIGTERM { interrupts += 1 }
            if interrupts >= 3 { return .interrupted(signal) }
            onSignal(signal)
        }
        return nil
    }
}

/// The names of signals, as `POST /containers/{id}/kill` takes them.
enum SignalName {
    private static let names: [Int32: String] = [
        SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGTERM: "TERM", SIGUSR1: "USR1", SIGUSR2: "USR2",
        SIGALRM: "ALRM",
    ]
    static func of(_ signal: Int32) -> String { names[signal] ?? String(signal) }
}
