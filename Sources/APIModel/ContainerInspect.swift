/// `GET /containers/{id}/json`.
package struct ContainerInspect: Codable, Hashable, Sendable {
    package var id: String
    /// RFC 3339.
    package var created: String
    package var path: String
    package var arguments: [String]
    package var state: ContainerState
    /// The image's id.
    package var image: String
    package var resolvConfPath: String
    package var hostnamePath: String
    package var hostsPath: String
    package var logPath: String
    /// With a leading slash.
    package var name: String
    package var restartCount: Int
    package var driver: String
    package var platform: String
    package var mountLabel: String
    package var processLabel: String
    package var appArmorProfile: String
    package var execIDs: [String]?
    package var hostConfig: HostConfig
    package var graphDriver: DriverData
    package var sizeRw: Int64?
    package var sizeRootFs: Int64?
    package var mounts: [MountPoint]
    package var config: ContainerConfig
    package var networkSettings: NetworkSettings

    package init(
        id: String, created: String, path: String, arguments: [String], state: ContainerState, image: String,
        resolvConfPath: String = "", hostnamePath: String = "", hostsPath: String = "", logPath: String = "",
        name: String, restartCount: Int = 0, driver: String = "overlay2", platform: String = "linux",
        mountLabel: String = "", processLabel: String = "", appArmorProfile: String = "", execIDs: [String]? = nil,
        hostConfig: HostConfig, graphDriver: DriverData, sizeRw: Int64? = nil, sizeRootFs: Int64? = nil,
        mounts: [MountPoint], config: ContainerConfig, networkSettings: NetworkSettings
    ) {
        self.id = id
        self.created = created
        self.path = path
        self.arguments = arguments
        self.state = state
        self.image = image
        self.resolvConfPath = resolvConfPath
        self.hostnamePath = hostnamePath
        self.hostsPath = hostsPath
        self.logPath = logPath
        self.name = name
        self.restartCount = restartCount
        self.driver = driver
        self.platform = platform
        self.mountLabel = mountLabel
        self.processLabel = processLabel
        self.appArmorProfile = appArmorProfile
        self.execIDs = execIDs
        self.hostConfig = hostConfig
        self.graphDriver = graphDriver
        self.sizeRw = sizeRw
        self.sizeRootFs = sizeRootFs
        self.mounts = mounts
        self.config = config
        self.networkSettings = networkSettings
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case path = "Path"
        case arguments = "Args"
        case state = "State"
        case image = "Image"
        case resolvConfPath = "ResolvConfPath"
        case hostnamePath = "HostnamePath"
        case hostsPath = "HostsPath"
        case logPath = "LogPath"
        case name = "Name"
        case restartCount = "RestartCount"
        case driver = "Driver"
        case platform = "Platform"
        case mountLabel = "MountLabel"
        case processLabel = "ProcessLabel"
        case appArmorProfile = "AppArmorProfile"
        case execIDs = "ExecIDs"
        case hostConfig = "HostConfig"
        case graphDriver = "GraphDriver"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case mounts = "Mounts"
        case config = "Config"
        case networkSettings = "NetworkSettings"
    }
}

/// How a container is doing.
package struct ContainerState: Codable, Hashable, Sendable {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    package var status: String
    /// True also while paused.
    package var running: Bool
    package var paused: Bool
    package var restarting: Bool
    package var oomKilled: Bool
    package var dead: Bool
    /// 0 when it does not run.
    package var pid: Int
    package var exitCode: Int
    /// Why the last start failed.
    package var error: String
    /// RFC 3339; `0001-01-01T00:00:00Z` for never.
    package var startedAt: String
    package var finishedAt: String
    package var health: HealthState?

    package init(
        status: String, running: Bool, paused: Bool = false, restarting: Bool = false, oomKilled: Bool = false,
        dead: Bool = false, pid: Int, exitCode: Int, error: String = "", startedAt: String, finishedAt: String,
        health: HealthState? = nil
    ) {
        self.status = status
        self.running = running
        self.paused = paused
        self.restarting = restarting
        self.oomKilled = oomKilled
        self.dead = dead
        self.pid = pid
        self.exitCode = exitCode
        self.error = error
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.health = health
    }

    private enum CodingKeys: String, CodingKey {
        case status = "Status"
        case running = "Running"
        case paused = "Paused"
        case restarting = "Restarting"
        case oomKilled = "OOMKilled"
        case dead = "Dead"
        case pid = "Pid"
        case exitCode = "ExitCode"
        case error = "Error"
        case startedAt = "StartedAt"
        case finishedAt = "FinishedAt"
        case health = "Health"
    }
}

/// What the health checks of a container found.
package struct HealthState: Codable, Hashable, Sendable {
    /// `starting`, `healthy` or `unhealthy`; `none` without a check.
    package var status: String
    package var failingStreak: Int
    /// The last five, oldest first.
    package var log: [HealthProbe]

    package init(status: String, failingStreak: Int, log: [HealthProbe]) {
        self.status = status
        self.failingStreak = failingStreak
        self.log = log
    }

    private enum CodingKeys: String, CodingKey {
        case status = "Status"
        case failingStreak = "FailingStreak"
        case log = "Log"
    }
}

/// One run of a health check.
package struct HealthProbe: Codable, Hashable, Sendable {
    package var start: String
    package var end: String
    package var exitCode: Int
    package var output: String

    package init(start: String, end: String, exitCode: Int, output: String) {
        self.start = start
        self.end = end
        self.exitCode = exitCode
        self.output = output
    }

    private enum CodingKeys: String, CodingKey {
        case start = "Start"
        case end = "End"
        case exitCode = "ExitCode"
        case output = "Output"
    }
}

/// Where a storage driver keeps something.
package struct DriverData: Codable, Hashable, Sendable {
    package var name: String
    package var data: [String: String]?

    package init(name: String, data: [String: String]? = nil) {
        self.name = name
        self.data = data
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case data = "Data"
    }
}
