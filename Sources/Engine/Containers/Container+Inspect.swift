package import APIModel
import Basics
import Kernel
import Supervision

extension Container {
    /// The answer of `inspect`. Sizes are the caller's to fill in: they take a walk through the files.
    package func inspect() -> ContainerInspect {
        let command = record.command
        return ContainerInspect(
            id: id, created: record.created.description, path: command.first ?? "",
            arguments: Array(command.dropFirst()), state: stateModel, image: record.image.description,
            resolvConfPath: directory + "/resolv.conf", hostnamePath: directory + "/hostname",
            hostsPath: runFiles.directory + "/hosts", logPath: logDirectory, name: "/" + record.name,
            restartCount: state.restartCount, execIDs: execs.isEmpty ? nil : execIDs, hostConfig: record.hostConfig,
            graphDriver: graphDriver, mounts: record.mounts.map { engine.mountPoint($0) }, config: record.config,
            networkSettings: networkSettings)
    }

    private var stateModel: ContainerState {
        ContainerState(
            status: state.status.rawValue, running: state.isUp || state.status == .restarting,
            paused: state.status == .paused, restarting: state.status == .restarting, oomKilled: state.oomKilled,
            dead: state.status == .dead, pid: Int(state.pid), exitCode: Int(state.exitCode), error: state.error,
            startedAt: state.startedAt?.description ?? Timestamp.never,
            finishedAt: state.finishedAt?.description ?? Timestamp.never, health: health.map(healthModel))
    }

    private func healthModel(_ health: HealthRecord) -> HealthState {
        HealthState(
            status: health.status.rawValue, failingStreak: health.failingStreak,
            log: health.log.map {
                HealthProbe(
                    start: $0.start.description, end: $0.end.description, exitCode: Int($0.exitCode), output: $0.output)
            })
    }

    private var graphDriver: DriverData {
        let lowers = (try? engine.lowerDirectories(record)) ?? []
        return DriverData(
            name: "overlay2",
            data: [
                "LowerDir": lowers.joined(separator: ":"), "UpperDir": directory + "/upper",
                "WorkDir": directory + "/work",
            ])
    }

    /// The entry of `ps`.
    package func summary() -> ContainerSummary {
        ContainerSummary(
            id: id, names: ["/" + record.name], image: record.imageName, imageID: record.image.description,
            command: record.command.joined(separator: " "), created: record.created.seconds, ports: portSummaries,
            labels: record.config.labels ?? [:], state: state.status.rawValue, status: statusText,
            hostConfig: HostConfigSummary(networkMode: record.hostConfig.networkMode),
            networkSettings: NetworkSettingsSummary(networks: endpointSettings),
            mounts: record.mounts.map { engine.mountPoint($0) })
    }

    /// Docker's words: `Up 5 minutes (healthy)`, `Exited (0) 3 days ago`.
    private var statusText: String {
        func since(_ time: Timestamp?) -> String {
            let now = Clock.realtime()
            return HumanDuration.format(seconds: max(0, now - (time?.nanosecondsSince1970 ?? now)) / 1_000_000_000)
        }
        switch state.status {
        case .created: return "Created"
        case .removing: return "Removal In Progress"
        case .dead: return "Dead"
        case .restarting: return "Restarting (\(state.exitCode)) \(since(state.finishedAt)) ago"
        case .exited: return "Exited (\(state.exitCode)) \(since(state.finishedAt)) ago"
        case .paused: return "Up \(since(state.startedAt)) (Paused)"
        case .running:
            let up = "Up \(since(state.startedAt))"
            guard let health else { return up }
            return up + (health.status == .starting ? " (health: starting)" : " (\(health.status.rawValue))")
        }
    }
}
