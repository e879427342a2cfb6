import APIModel
package import Basics
import Kernel
import Reactor

/// What the health checks of a container have found, `State.Health` of `inspect`.
package struct HealthRecord: Sendable {
    package struct Probe: Sendable {
        package let start: Timestamp
        package let end: Timestamp
        /// 0 healthy, 1 unhealthy, -1 timed out.
        package let exitCode: Int32
        /// At most 4,096 bytes.
        package let output: String
    }
    package enum Status: String, Sendable { case starting, healthy, unhealthy }

    package internal(set) var status = Status.starting
    package internal(set) var failingStreak = 0
    /// The last five.
    package internal(set) var log: [Probe] = []

    /// Takes a probe into account. True when the status changed.
    mutating func add(_ probe: Probe, retries: Int, inStartPeriod: Bool) -> Bool {
        log.append(probe)
        if log.count > 5 { log.removeFirst() }
        let before = status
        if probe.exitCode == 0 {
            failingStreak = 0
            status = .healthy
        } else if !(inStartPeriod && status == .starting) {
            failingStreak += 1
            if failingStreak >= retries { status = .unhealthy }
        }
        return status != before
    }
}

/// A health check with its defaults filled in. Durations in nanoseconds.
struct HealthPlan: Sendable {
    let request: ExecCreateRequest
    let interval: Int64
    let timeout: Int64
    let startPeriod: Int64
    let startInterval: Int64
    let retries: Int

    /// nil when there is nothing to check.
    init?(_ container: ContainerConfig) {
        guard let config = container.healthcheck, let request = ExecSpec.healthCheck(container) else { return nil }
        self.request = request
        func given(_ value: Int64?, _ standard: Int64) -> Int64 { value.flatMap { $0 > 0 ? $0 : nil } ?? standard }
        interval = given(config.interval, 30_000_000_000)
        timeout = given(config.timeout, 30_000_000_000)
        startPeriod = given(config.startPeriod, 0)
        startInterval = given(config.startInterval, 5_000_000_000)
        retries = config.retries.flatMap { $0 > 0 ? $0 : nil } ?? 3
    }
}

extension Container {
    func startHealthChecks() {
        stopHealthChecks()
        guard let plan = HealthPlan(record.config) else { return }
        health = HealthRecord()
        let run = state.runs
        healthTask = Task { await self.checkHealth(plan, run: run) }
    }

    func stopHealthChecks() {
        healthTask?.cancel()
        healthTask = nil
    }

    private func checkHealth(_ plan: HealthPlan, run: Int) async {
        let began = Clock.boottime()
        do {
            while true {
                let starting = health?.status == .starting && Clock.boottime() - began < plan.startPeriod
                try await engine.loop.sleep(
                    nanoseconds: starting ? min(plan.startInterval, plan.interval) : plan.interval)
                guard state.runs == run, state.isUp else { return }
                // A frozen container answers nothing, and that says nothing of its health.
                if state.status == .paused { continue }
                let pausesBefore = pauses
                let probe = await probe(plan)
                guard state.runs == run, state.isUp, !Task.isCancelled else { return }
                if pauses != pausesBefore { continue }
                let early = Clock.boottime() - began < plan.startPeriod
                if health?.add(probe, retries: plan.retries, inStartPeriod: early) == true, let status = health?.status
                {
                    publish("health_status: \(status.rawValue)")
                }
            }
        } catch {
            // Cancelled: the container has ended.
        }
    }

    private func probe(_ plan: HealthPlan) async -> HealthRecord.Probe {
        let start = Timestamp(nanosecondsSince1970: Clock.realtime())
        var code: Int32 = -1
        var output = ""
        do {
            (code, output) = try await runProbe(plan)
        } catch {
            output = "\(error)"
        }
        return HealthRecord.Probe(
            start: start, end: Timestamp(nanosecondsSince1970: Clock.realtime()), exitCode: code, output: output)
    }

    private func runProbe(_ plan: HealthPlan) async throws -> (Int32, String) {
        let session = ExecSession(container: self, request: plan.request)
        publish("exec_create: \(plan.request.command.joined(separator: " "))", ["execID": session.id])
        let streams = try await session.start(detach: false, consoleSize: nil)
        let output = ExecOutput(streams)
        let code = try await engine.loop.withTimeout(nanoseconds: plan.timeout) { try await session.exit() }
        if code == nil { await session.kill() }
        let text = await output.text(engine.loop, graceNanoseconds: 1_000_000_000)
        guard let code else {
            return (-1, "Health check exceeded timeout (\(GoDuration.format(plan.timeout)))")
        }
        // Docker's rule: whatever is not 0 is unhealthy.
        return (code == 0 ? 0 : 1, text)
    }
}
