import APIModel
import Basics
import Deployment
import Engine
import Reactor

extension EngineInstances {
    /// Once for each key, whatever happens to the daemon: what has begun is found again, or taken for done.
    package func run(_ order: HookOrder) async throws {
        let known = try await engine.pool.run { [journal] in try journal.hook(order.key) }
        if let known, known.exitCode != nil { return try Self.check(known, order) }
        if order.isInside {
            // Whether it came to its end nobody knows; it has had its chance.
            if known != nil { return }
            try await begin(order)
            let result = try await execute(
                order.hook.run, in: order.order.instance, timeout: order.hook.timeout)
            return try await finish(order, result.code, result.output)
        }
        if known == nil { try await begin(order) }
        try await runAlone(order)
    }

    private func begin(_ order: HookOrder) async throws {
        try await engine.pool.run { [journal] in
            try journal.save(HookRun(), key: order.key, service: order.order.service)
        }
    }

    private func finish(_ order: HookOrder, _ code: Int, _ output: String) async throws {
        let tail = output.split(separator: "\n").suffix(5).joined(separator: " | ")
        let run = HookRun(exitCode: code, detail: String(tail.suffix(1000)))
        try await engine.pool.run { [journal] in
            try journal.save(run, key: order.key, service: order.order.service)
        }
        try Self.check(run, order)
    }

    private static func check(_ run: HookRun, _ order: HookOrder) throws {
        guard let code = run.exitCode, code != 0 else { return }
        let command = order.hook.run.joined(separator: " ")
        let how = code == HookRun.timedOut ? "took longer than \(order.hook.timeout)" : "exited with \(code)"
        throw Failure("'\(command)' \(how)" + (run.detail.isEmpty ? "" : ": \(run.detail)"))
    }

    /// In a container of its own, made as the revision's instances are.
    private func runAlone(_ order: HookOrder) async throws {
        let name = "\(order.key)-hook"
        let container: Container
        if let known = self.container(name) {
            container = known
        } else {
            var request = Self.request(order.order)
            request.config.labels?[Label.instance] = nil
            request.config.labels?[Label.hook] = order.key
            // Not the image's, which expects a server's arguments.
            request.config.entrypoint = [""]
            request.config.cmd = order.hook.run
            let made = try await engine.create(name: name, request)
            container = try engine.container(made.id)
        }
        var code = HookRun.timedOut
        do {
            if await container.state.runs == 0 { try await container.start() }
            let result = try await engine.loop.limited(order.hook.timeout) {
                try await container.wait(for: .notRunning)
            }
            if let result {
                code = Int(result.exitCode)
            } else {
                try await container.kill("SIGKILL")
            }
        } catch is CancellationError {
            // Nobody wants the answer any more.
            try? await engine.remove(container, force: true, volumes: true)
            throw CancellationError()
        } catch {
            try? await engine.remove(container, force: true, volumes: true)
            return try await finish(order, 126, "\(error)")
        }
        let output = (try? await log(of: name, lines: 20)) ?? []
        do { try await finish(order, code, output.joined(separator: "\n")) } catch {
            try? await engine.remove(container, force: true, volumes: true)
            throw error
        }
        try await engine.remove(container, force: true, volumes: true)
    }

    /// The exit code and the beginning of the output; the code of a time-out when it took too long.
    func execute(_ command: [String], in instance: String, timeout: Span) async throws -> (code: Int, output: String) {
        let request = ExecCreateRequest(attachStdout: true, attachStderr: true, command: command)
        let session = try await engine.createExec(in: instance, request)
        let streams = try await session.start(detach: false, consoleSize: nil)
        let output = Task { await Self.head(of: streams.output) }
        let errors = Task { await Self.head(of: streams.errors) }
        let code = try await engine.loop.limited(timeout) { try await session.exit() }
        if code == nil { await session.kill() }
        // A child that outlives it may hold its output open: what there is after a moment is all.
        let grace = Task { [engine] in
            try await engine.loop.sleep(nanoseconds: 200_000_000)
            output.cancel()
            errors.cancel()
        }
        let text = String(decoding: await output.value + errors.value, as: UTF8.self)
        grace.cancel()
        return (code.map { Int($0) } ?? HookRun.timedOut, text)
    }

    private static func head(of stream: AsyncSocket?) async -> [UInt8] {
        var head: [UInt8] = []
        guard let stream else { return head }
        while let bytes = try? await stream.read(), !bytes.isEmpty {
            head += bytes.prefix(max(0, 4096 - head.count))
        }
        return head
    }
}

extension HookRun {
    static let timedOut = -1
}

extension EventLoop {
    /// nil when it takes longer.
    func limited<Value: Sendable>(
        _ limit: Span, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask { [self] in
                try await sleep(nanoseconds: limit.nanoseconds)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
