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
            let result = try await engine.loop.withTimeout(nanoseconds: order.hook.timeout.nanoseconds) {
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
        let output = ExecOutput(streams)
        let code = try await engine.loop.withTimeout(nanoseconds: timeout.nanoseconds) { try await session.exit() }
        if code == nil { await session.kill() }
        let text = await output.text(engine.loop, graceNanoseconds: 200_000_000)
        return (code.map { Int($0) } ?? HookRun.timedOut, text)
    }
}

extension HookRun {
    static let timedOut = -1
}
