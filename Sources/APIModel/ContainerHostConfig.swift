/// How a container runs on this host: `HostConfig` of the Docker Engine API. Empty means "not set".
package struct HostConfig: Codable, Hashable, Sendable {
    /// `source:destination[:options]`.
    package var binds: [String]?
    package var containerIDFile: String
    package var logConfig: LogConfig
    package var networkMode: String
    /// By `port/protocol`.
    package var portBindings: [String: [PortBinding]?]?
    package var restartPolicy: RestartPolicy
    package var autoRemove: Bool
    package var volumeDriver: String
    /// `container[:ro|rw]`.
    package var volumesFrom: [String]?
    /// Height, then width.
    package var consoleSize: [Int]?
    package var annotations: [String: String]?
    package var capAdd: [String]?
    package var capDrop: [String]?
    package var cgroupnsMode: String
    package var dns: [String]?
    package var dnsOptions: [String]?
    package var dnsSearch: [String]?
    /// `name:address`.
    package var extraHosts: [String]?
    package var groupAdd: [String]?
    package var ipcMode: String
    package var cgroup: String
    package var links: [String]?
    package var oomScoreAdj: Int
    package var pidMode: String
    package var privileged: Bool
    package var publishAllPorts: Bool
    package var readonlyRootfs: Bool
    package var securityOpt: [String]?
    package var storageOpt: [String: String]?
    /// Options by path.
    package var tmpfs: [String: String]?
    package var utsMode: String
    package var usernsMode: String
    /// Bytes.
    package var shmSize: Int64
    package var sysctls: [String: String]?
    package var runtime: String?
    /// Windows only.
    package var isolation: String
    package var mounts: [Mount]?
    /// nil: the default ones. Empty: none.
    package var maskedPaths: [String]?
    /// nil: the default ones. Empty: none.
    package var readonlyPaths: [String]?
    /// Put a small init before the program, to reap.
    package var `init`: Bool?
    /// Its fields are inline in the JSON.
    package var resources: ContainerResources

    package init(
        binds: [String]? = nil, containerIDFile: String = "", logConfig: LogConfig = LogConfig(),
        networkMode: String = "", portBindings: [String: [PortBinding]?]? = nil,
        restartPolicy: RestartPolicy = RestartPolicy(), autoRemove: Bool = false, volumeDriver: String = "",
        volumesFrom: [String]? = nil, consoleSize: [Int]? = nil, annotations: [String: String]? = nil,
        capAdd: [String]? = nil, capDrop: [String]? = nil, cgroupnsMode: String = "", dns: [String]? = nil,
        dnsOptions: [String]? = nil, dnsSearch: [String]? = nil, extraHosts: [String]? = nil,
        groupAdd: [String]? = nil, ipcMode: String = "", cgroup: String = "", links: [String]? = nil,
        oomScoreAdj: Int = 0, pidMode: String = "", privileged: Bool = false, publishAllPorts: Bool = false,
        readonlyRootfs: Bool = false, securityOpt: [String]? = nil, storageOpt: [String: String]? = nil,
        tmpfs: [String: String]? = nil, utsMode: String = "", usernsMode: String = "", shmSize: Int64 = 0,
        sysctls: [String: String]? = nil, runtime: String? = nil, isolation: String = "", mounts: [Mount]? = nil,
        maskedPaths: [String]? = nil, readonlyPaths: [String]? = nil, `init`: Bool? = nil,
        resources: ContainerResources = ContainerResources()
    ) {
        self.binds = binds
        self.containerIDFile = containerIDFile
        self.logConfig = logConfig
        self.networkMode = networkMode
        self.portBindings = portBindings
        self.restartPolicy = restartPolicy
        self.autoRemove = autoRemove
        self.volumeDriver = volumeDriver
        self.volumesFrom = volumesFrom
        self.consoleSize = consoleSize
        self.annotations = annotations
        self.capAdd = capAdd
        self.capDrop = capDrop
        self.cgroupnsMode = cgroupnsMode
        self.dns = dns
        self.dnsOptions = dnsOptions
        self.dnsSearch = dnsSearch
        self.extraHosts = extraHosts
        self.groupAdd = groupAdd
        self.ipcMode = ipcMode
        self.cgroup = cgroup
        self.links = links
        self.oomScoreAdj = oomScoreAdj
        self.pidMode = pidMode
        self.privileged = privileged
        self.publishAllPorts = publishAllPorts
        self.readonlyRootfs = readonlyRootfs
        self.securityOpt = securityOpt
        self.storageOpt = storageOpt
        self.tmpfs = tmpfs
        self.utsMode = utsMode
        self.usernsMode = usernsMode
        self.shmSize = shmSize
        self.sysctls = sysctls
        self.runtime = runtime
        self.isolation = isolation
        self.mounts = mounts
        self.maskedPaths = maskedPaths
        self.readonlyPaths = readonlyPaths
        self.`init` = `init`
        self.resources = resources
    }
}
