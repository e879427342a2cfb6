import APIModel
import Basics
import Engine
import HTTP
import HTTPServer
import Kernel
import Reactor
import Supervision

extension API {
    func addContainerStreams(to router: inout Router) {
        let engine = engine
        router.add(.post, "/containers/{id}/attach") { request, response in
            let container = try engine.container(request.capture("id"))
            let wish = try AttachWish(request, tty: await container.record.config.tty)
            try await Self.attach(to: container, wish, request, response)
        }
        router.add(.get, "/containers/{id}/logs") { request, response in
            let container = try engine.container(request.capture("id"))
            try await Self.logs(of: container, try LogWish(request), request, response)
        }
        router.add(.get, "/containers/{id}/stats") { request, response in
            try await Self.statistics(of: try engine.container(request.capture("id")), engine, request, response)
        }
    }

    // MARK: Attach

    private struct AttachWish: Sendable {
        let streams: LogStreams
        let stdin: Bool
        let logs: Bool
        let stream: Bool
        let tty: Bool
        let detachKeys: DetachKeys

        init(_ request: HTTPRequest, tty: Bool) throws {
            streams = request.outputStreams
            stream = request.flag("stream")
            stdin = request.flag("stdin") && stream
            logs = request.flag("logs")
            self.tty = tty
            detachKeys = try DetachKeys(request.query["detachKeys"])
        }
    }

    private static func attach(
        to container: Container, _ wish: AttachWish, _ request: HTTPRequest, _ response: ResponseWriter
    ) async throws {
        _ = try await request.body.bytes(limit: 4096)
        let attachment = await container.attach(stdin: wish.stdin)
        // Before the answer: the client may start the container as soon as it has that.
        let follower = SharedFollower(
            try await container.followOutput(streams: wish.streams, logs: wish.logs, stream: wish.stream))
        let raw = try await response.hijack(type: StreamOutput.type(framed: !wish.tty, request.version))
        let output = StreamOutput(framed: !wish.tty) { try await raw.write($0) }
        let input: @Sendable () async throws -> HijackedStreams.AfterInput = {
            var keys = wish.detachKeys
            while true {
                let bytes = try await raw.read()
                if bytes.isEmpty { break }
                let (forward, detached) = wish.tty ? keys.feed(bytes) : (bytes, false)
                if !forward.isEmpty, try await !attachment.write(forward) { return .goOn }
                if detached {
                    await attachment.detached()
                    return .detach
                }
            }
            await attachment.endInput()
            return .goOn
        }
        try await HijackedStreams.run(
            raw,
            output: {
                while let chunk = try await follower.next() {
                    try await output.write(StreamKind(chunk.stream), chunk.bytes)
                }
            },
            input: wish.stdin ? input : nil)
    }

    // MARK: Logs

    private struct LogWish: Sendable {
        let streams: LogStreams
        let follow: Bool
        let timestamps: Bool
        let since: Timestamp?
        let until: Timestamp?
        let start: LogCursor.Start

        init(_ request: HTTPRequest) throws {
            streams = request.outputStreams
            if streams.isEmpty { throw RequestError("Bad parameters: you must choose at least one stream") }
            if request.flag("details") {
                throw EngineError(.unsupported, "details: extra attributes of logs are not supported")
            }
            follow = request.flag("follow")
            timestamps = request.flag("timestamps")
            let now = Clock.realtime()
            since = try request.moment("since", now: now)
            until = try request.moment("until", now: now)
            // As docker does, a tail that is no number is all.
            if let text = request.query["tail"], let lines = Int(text), lines >= 0 {
                start = .tail(lines: lines)
            } else if let since {
                start = .since(since)
            } else {
                start = .beginning
            }
        }
    }

    private static func logs(
        of container: Container, _ wish: LogWish, _ request: HTTPRequest, _ response: ResponseWriter
    ) async throws {
        let tty = await container.record.config.tty
        let follower = SharedFollower(
            try await container.logs(from: wish.start, streams: wish.streams, follow: wish.follow))
        try await response.start(type: StreamOutput.type(framed: !tty, request.version))
        let output = StreamOutput(framed: !tty) { try await response.write($0) }
        try await request.whileConnected {
            var lines = LogLineAssembler(timestamps: wish.timestamps, until: wish.until)
            while !lines.isDone, let chunk = try await follower.next() {
                if let since = wish.since, chunk.time < since { continue }
                if let piece = lines.add(chunk) { try await output.write(StreamKind(piece.stream), piece.bytes) }
            }
            for piece in lines.finish() { try await output.write(StreamKind(piece.stream), piece.bytes) }
        }
    }

    // MARK: Statistics

    private static func statistics(
        of container: Container, _ engine: Engine, _ request: HTTPRequest, _ response: ResponseWriter
    ) async throws {
        let second: Int64 = 1_000_000_000
        if !request.flag("stream", default: true) {
            var reading = try await container.statistics(after: nil)
            if !request.flag("one-shot") {
                let first = reading
                try await request.whileConnected { try await engine.loop.sleep(nanoseconds: second) }
                reading = try await container.statistics(after: first)
            }
            return try await response.respond(json: reading)
        }
        let first = try await container.statistics(after: nil)
        try await response.start(type: "application/json")
        try await request.whileConnected {
            var last = first
            while true {
                try await response.write(line: last)
                try await engine.loop.sleep(nanoseconds: second)
                // It goes on over the container's restarts, and ends with its removal.
                guard (try? engine.container(container.id)) != nil else { return }
                last = try await container.statistics(after: last)
            }
        }
    }
}

/// A follower that is made in one task and read in another.
private actor SharedFollower {
    private let follower: OutputFollower
    init(_ follower: sending OutputFollower) { self.follower = follower }
    func next() async throws -> LogChunk? { try await follower.next() }
}

extension HTTPRequest {
    fileprivate var outputStreams: LogStreams {
        var streams: LogStreams = []
        if flag("stdout") { streams.insert(.stdout) }
        if flag("stderr") { streams.insert(.stderr) }
        return streams
    }
}

extension StreamKind {
    init(_ stream: LogStream) { self = stream == .stdout ? .standardOutput : .standardError }
}
