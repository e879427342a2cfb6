import APIModel
import Basics
import Kernel
import Reactor
package import Supervision

/// A client at a container's streams.
package final class Attachment: Sendable {
    private let container: Container
    let input: InputWriter?

    init(_ container: Container, input: InputWriter?) {
        self.container = container
        self.input = input
    }

    /// Writes to the program's standard input, or its terminal. Waits while the container has not started, and
    /// while the program does not read. False when nothing can be written any more.
    package func write(_ bytes: [UInt8]) async throws -> Bool {
        guard let input else { return true }
        return try await input.write(bytes)
    }

    /// The client will write no more.
    package func endInput() async { await input?.end() }

    /// The client leaves by its detach keys.
    package func detached() async { await container.publish("detach") }
}

/// The way to a container's standard input.
actor InputWriter {
    private let container: Container
    private var socket: AsyncSocket?
    private let endings: Int

    init(_ container: Container, endings: Int) {
        self.container = container
        self.endings = endings
    }

    func write(_ bytes: [UInt8]) async throws -> Bool {
        if socket == nil { socket = try await container.openInput(unlessEndedAfter: endings) }
        guard let socket else { return false }
        do {
            try await socket.write(bytes)
            return true
        } catch let error as SyscallError where error.isBrokenPipe {
            return false
        }
    }

    /// Closes the input itself when it was to serve one client only.
    func end() async {
        socket = nil
        await container.closeInputIfOnce(unlessEndedAfter: endings)
    }
}

extension Container {
    /// Attaches to what the container's program reads. The output is followed with `followOutput`.
    package func attach(stdin: Bool) -> Attachment {
        publish("attach")
        let wanted = stdin && record.config.openStdin
        return Attachment(self, input: wanted ? InputWriter(self, endings: endings.runs) : nil)
    }

    /// The output for an attached client: from now on, or, with `logs`, all there is first.
    package func followOutput(streams: LogStreams, logs: Bool, stream: Bool) async throws -> sending OutputFollower {
        let start: LogCursor.Start = logs ? .beginning : .end
        return try await OutputFollower(self, from: start, streams: streams, follow: stream, untilNextEnd: true)
    }

    /// The write end of the program's standard input, or the terminal, once the container runs.
    func openInput(unlessEndedAfter endings: Int) async throws -> AsyncSocket? {
        guard let link = await running(unlessEndedAfter: endings) else { return nil }
        guard let descriptor = try await link.attachInput() else { return nil }
        return AsyncSocket(descriptor, loop: engine.loop)
    }

    func closeInputIfOnce(unlessEndedAfter endings: Int) async {
        guard record.config.openStdin, record.config.stdinOnce, !record.config.tty else { return }
        guard let link = await running(unlessEndedAfter: endings) else { return }
        do { try await link.closeInput() } catch { logger.warn("cannot close the standard input: \(error)") }
    }

    /// Waits until the container runs; nil when it has ended, or failed to start.
    private func running(unlessEndedAfter endings: Int) async -> MonitorLink? {
        if let link { return link }
        let (stream, _, _) = listenForOutput()
        for await _ in stream {
            if let link { return link }
            if self.endings.runs > endings { return nil }
        }
        return nil
    }

    /// Tells the terminal its size.
    package func resize(rows: UInt16, columns: UInt16) async throws {
        guard let link else { throw EngineError.notRunning(record.id) }
        guard record.config.tty else { return }
        try await link.resize(rows: rows, columns: columns)
    }
}
