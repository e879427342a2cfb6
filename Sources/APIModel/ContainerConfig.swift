/// What a container runs, whatever the host: `Config` of the Docker Engine API.
///
/// Docker's clients send every field, empty or null where the user said nothing; so empty means "not set".
package struct ContainerConfig: Codable, Hashable, Sendable {
    @Always package var hostname: String
    @Always package var domainname: String
    /// `user[:group]`, names or numbers.
    @Always package var user: String
    @Always package var attachStdin: Bool
    @Always package var attachStdout: Bool
    @Always package var attachStderr: Bool
    /// `80/tcp`.
    package var exposedPorts: [String: EmptyObject]?
    @Always package var tty: Bool
    @Always package var openStdin: Bool
    /// Close the program's standard input after the first client that was attached to it.
    @Always package var stdinOnce: Bool
    /// `NAME=value`; a name alone removes the variable.
    @Always package var env: [String]?
    @StringOrList package var cmd: [String]?
    package var healthcheck: HealthConfig?
    /// Windows only.
    package var argsEscaped: Bool?
    @Always package var image: String
    /// Paths in the container that get a volume of their own.
    @Always package var volumes: [String: EmptyObject]?
    @Always package var workingDir: String
    /// One empty string: none, not even the image's.
    @StringOrList package var entrypoint: [String]?
    package var networkDisabled: Bool?
    package var macAddress: String?
    @Always package var onBuild: [String]?
    @Always package var labels: [String: String]?
    package var stopSignal: String?
    /// Seconds.
    package var stopTimeout: Int?
    @StringOrList package var shell: [String]?

    package init(
        hostname: String = "", domainname: String = "", user: String = "", attachStdin: Bool = false,
        attachStdout: Bool = false, attachStderr: Bool = false, exposedPorts: [String: EmptyObject]? = nil,
        tty: Bool = false, openStdin: Bool = false, stdinOnce: Bool = false, env: [String]? = nil,
        cmd: [String]? = nil, healthcheck: HealthConfig? = nil, argsEscaped: Bool? = nil, image: String = "",
        volumes: [String: EmptyObject]? = nil, workingDir: String = "", entrypoint: [String]? = nil,
        networkDisabled: Bool? = nil, macAddress: String? = nil, onBuild: [String]? = nil,
        labels: [String: String]? = nil, stopSignal: String? = nil, stopTimeout: Int? = nil, shell: [String]? = nil
    ) {
        self.hostname = hostname
        self.domainname = domainname
        self.user = user
        self.attachStdin = attachStdin
        self.attachStdout = attachStdout
        self.attachStderr = attachStderr
        self.exposedPorts = exposedPorts
        self.tty = tty
        self.openStdin = openStdin
        self.stdinOnce = stdinOnce
        self.env = env
        self.cmd = cmd
        self.healthcheck = healthcheck
        self.argsEscaped = argsEscaped
        self.image = image
        self.volumes = volumes
        self.workingDir = workingDir
        self.entrypoint = entrypoint
        self.networkDisabled = networkDisabled
        self.macAddress = macAddress
        self.onBuild = onBuild
        self.labels = labels
        self.stopSignal = stopSignal
        self.stopTimeout = stopTimeout
        self.shell = shell
    }

    enum CodingKeys: String, CodingKey {
        case hostname = "Hostname"
        case domainname = "Domainname"
        case user = "User"
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case exposedPorts = "ExposedPorts"
        case tty = "Tty"
        case openStdin = "OpenStdin"
        case stdinOnce = "StdinOnce"
        case env = "Env"
        case cmd = "Cmd"
        case healthcheck = "Healthcheck"
        case argsEscaped = "ArgsEscaped"
        case image = "Image"
        case volumes = "Volumes"
        case workingDir = "WorkingDir"
        case entrypoint = "Entrypoint"
        case networkDisabled = "NetworkDisabled"
        case macAddress = "MacAddress"
        case onBuild = "OnBuild"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case stopTimeout = "StopTimeout"
        case shell = "Shell"
    }
}

/// How to see that a container is healthy. Durations are nanoseconds; 0 or absent means inherited.
package struct HealthConfig: Codable, Hashable, Sendable {
    /// `[]` inherits, `["NONE"]` is no check, else `["CMD", …]` or `["CMD-SHELL", line]`.
    package var test: [String]?
    package var interval: Int64?
    package var timeout: Int64?
    package var startPeriod: Int64?
    package var startInterval: Int64?
    package var retries: Int?

    package init(
        test: [String]? = nil, interval: Int64? = nil, timeout: Int64? = nil, startPeriod: Int64? = nil,
        startInterval: Int64? = nil, retries: Int? = nil
    ) {
        self.test = test
        self.interval = interval
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.startInterval = startInterval
        self.retries = retries
    }

    enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }
}
