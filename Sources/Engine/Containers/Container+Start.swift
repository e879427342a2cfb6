import APIModel
import Basics
import Kernel
import Networking
import Reactor
import Supervision

extension Container {
    /// Starts it. Throws `notModified` when it runs.
    package func start() async throws {
        do {
            try await startInTurn()
        } catch {
            // Outside the gate, which removing goes through as well.
            if !isUpOrComing, (error as? EngineError)?.kind != .conflict { await removeIfAutomatic() }
            throw error
        }
    }

    private func startInTurn() async throws {
        try await gate.run {
            switch state.status {
            case .running: throw EngineError(.notModified, "container \(record.name) is already running")
            case .paused:
                throw EngineError(.conflict, "cannot start a paused container, try unpause instead")
            case .removing, .dead:
                throw EngineError(.conflict, "container is marked for removal and cannot be started")
            case .created, .exited, .restarting: break
            }
            restartTask?.cancel()
            restartTask = nil
            lastDelay = 0
            state.restartCount = 0
            state.stoppedByUser = false
            do {
                try await launch()
            } catch {
                startFailed(error)
                throw error
            }
        }
    }

    /// Makes the bundle, starts the monitor, and returns when the program runs.
    func launch() async throws {
        await lastLink?.hasEnded()
        lastLink = nil
        let launch = try await engine.prepareLaunch(record)
        let (link, process): (MonitorLink, MonitorLink.Introduced)
        defer { engine.refillSpares() }
        do {
            (link, process) = try await MonitorLink.spawn(
                launch.options, launch.kind, network: launch.network?.namespace, engine.spares, engine.loop)
        } catch {
            if launch.network != nil { await engine.releaseNetworks(id) }
            throw error
        }
        network = launch.network.map { Place($0.endpoints, $0.ports) } ?? Place()
        _ = consume launch
        self.link = link
        pidfd = process.pidfd
        state.status = .running
        state.pid = process.pid
        state.exitCode = 0
        state.error = ""
        state.oomKilled = false
        state.startedAt = Timestamp(nanosecondsSince1970: Clock.realtime())
        state.finishedAt = nil
        state.runs += 1
        stopping = false
        isEnding = false
        persist()
        for endpoint in network.endpoints { engine.publish("connect", endpoint) }
        publish("start")
        startHealthChecks()
        wakeOutputListeners()
        // The link's messages are this container's from here on.
        Task { await self.follow(link) }
    }

    /// The start did not succeed: what Docker records then.
    private func startFailed(_ error: any Error) {
        state.error = "\(error)"
        state.exitCode = (error as? LaunchError)?.exitCode ?? 128
        if state.status == .restarting { state.status = .exited }
        state.finishedAt = Timestamp(nanosecondsSince1970: Clock.realtime())
        persist()
        publish("die", ["exitCode": "\(state.exitCode)"])
        endings.runs += 1
        finished()
    }

    /// Takes what the monitor says until the container has ended.
    func follow(_ first: MonitorLink) async {
        var link = first
        while true {
            if let record = await link.exitRecord() { return await ended(record) }
            // A monitor drops who does not keep up. Only one that answers nobody is gone.
            guard let (again, hello) = try? await MonitorLink.connect(runFiles.socket, engine.loop),
                hello.pid == state.pid
            else { break }
            link = again
            self.link = again
        }
        await ended(await endWithoutMonitor())
    }
}

/// The program could not be started, and the exit code Docker has for why.
struct LaunchError: Error, CustomStringConvertible {
    let exitCode: Int32
    let message: String
    var description: String { message }
}
