import Kernel
import Reactor
import Storage
import Basics
package import Supervision

/// A container's output from some place on, and, when following, everything to come until the container has
/// ended for good. For one task at a time.
///
/// Reads the log that the monitor writes: nothing is kept for a reader who is slow, nothing is lost to it, and
/// no container waits for it. The log of a container that is removed is there until its last reader has gone.
package final class OutputFollower {
    private let container: Container
    private let cursor: LogCursor
    private let wakeups: AsyncStream<Void>?
    private var iterator: AsyncStream<Void>.AsyncIterator?
    private let watching: Task<Void, Never>?
    /// The log's directory, which may be moved away by the container's removal.
    private let directory: SharedDescriptor?
    /// The container's endings that had happened when this began.
    private let endings: Container.Endings
    private let untilNextEnd: Bool

    /// - Parameter untilNextEnd: also wait for a container that does not run yet, as attaching comes before starting;
    ///   and only to the end of its next run, also when another one follows it.
    init(_ container: Container, from start: LogCursor.Start, streams: LogStreams, follow: Bool, untilNextEnd: Bool)
        async throws
    {
        self.container = container
        self.untilNextEnd = untilNextEnd
        await container.beginReading()
        let follow = follow ? await container.isUpOrComing || untilNextEnd : false
        do {
            if follow {
                // Subscribed before the first look, so that nothing falls in between.
                let (stream, endings, wake) = await container.listenForOutput()
                self.endings = endings
                try LogWriter.makeDirectory(container.logDirectory)
                let changes = try container.engine.loop.changes(in: container.logDirectory)
                watching = Task { for await _ in changes { wake.yield() } }
                wakeups = stream
                iterator = stream.makeAsyncIterator()
            } else {
                endings = Container.Endings()
                watching = nil
                wakeups = nil
            }
            directory = try? SharedDescriptor(Sys.open(container.logDirectory, Sys.openDirectory))
            let path = directory.map { "/proc/self/fd/\($0.raw)" } ?? container.logDirectory
            cursor = try LogCursor(directory: path, from: start, streams: streams)
        } catch {
            await container.endReading()
            throw error
        }
    }

    deinit {
        watching?.cancel()
        Task { [container] in await container.endReading() }
    }

    /// The next piece; nil at the end. Throws `CancellationError`.
    package func next() async throws -> LogChunk? {
        while true {
            if let chunk = try cursor.next() { return chunk }
            guard iterator != nil else { return nil }
            let now = await container.endings
            if untilNextEnd ? now.runs > endings.runs : now.final > endings.final {
                // All of it was in the log before the end was known.
                return try cursor.next()
            }
            _ = await iterator?.next(isolation: #isolation)
            try Task.checkCancellation()
        }
    }
}

extension Container {
    fileprivate func beginReading() { readers += 1 }

    fileprivate func endReading() {
        readers -= 1
        guard readers == 0 else { return }
        for place in remains { engine.root.discard(setAside: place) }
        remains = []
    }

    /// Frees what was set aside of it, as soon as nobody reads its log any more.
    func discard(_ place: String) {
        if readers > 0 { remains.append(place) } else { engine.root.discard(setAside: place) }
    }

    var isUpOrComing: Bool { state.isUp || state.status == .restarting }

    /// Wakes the reader whenever the container starts or ends for good; with how often it has ended so far, and
    /// what else may wake it.
    func listenForOutput() -> (stream: AsyncStream<Void>, endings: Endings, wake: AsyncStream<Void>.Continuation) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextListener += 1
        let number = nextListener
        outputListeners[number] = continuation
        continuation.onTermination = { _ in Task { await self.removeListener(number) } }
        return (stream, endings, continuation)
    }

    private func removeListener(_ number: Int) { outputListeners[number] = nil }

    func wakeOutputListeners() {
        for listener in outputListeners.values { listener.yield() }
    }

    /// What `logs` shows.
    package func logs(from start: LogCursor.Start, streams: LogStreams, follow: Bool) async throws
        -> sending OutputFollower
    {
        try await OutputFollower(self, from: start, streams: streams, follow: follow, untilNextEnd: false)
    }
}
