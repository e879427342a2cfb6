/// `GET /info`.
package struct SystemInfo: Codable, Hashable, Sendable {
    package var id: String
    package var containers: Int
    package var containersRunning: Int
    package var containersPaused: Int
    package var containersStopped: Int
    package var images: Int
    package var driver: String
    package var driverStatus: [[String]]
    package var plugins: SystemPlugins
    package var memoryLimit: Bool
    package var swapLimit: Bool
    package var cpuCfsPeriod: Bool
    package var cpuCfsQuota: Bool
    package var cpuShares: Bool
    package var cpuSet: Bool
    package var pidsLimit: Bool
    package var ipv4Forwarding: Bool
    package var debug: Bool
    /// Open descriptors of the daemon.
    package var nfd: Int
    package var oomKillDisable: Bool
    package var goroutines: Int
    /// RFC 3339.
    package var systemTime: String
    package var loggingDriver: String
    package var cgroupDriver: String
    /// `1` or `2`.
    package var cgroupVersion: String
    package var eventsListeners: Int
    package var kernelVersion: String
    package var operatingSystem: String
    package var osVersion: String
    package var osType: String
    /// As `uname -m`.
    package var architecture: String
    package var indexServerAddress: String
    package var registryConfig: RegistryConfig
    package var cpuCount: Int
    /// Bytes.
    package var memoryTotal: Int64
    package var dockerRootDir: String
    package var httpProxy: String
    package var httpsProxy: String
    package var noProxy: String
    /// The host's name.
    package var name: String
    package var labels: [String]
    package var experimentalBuild: Bool
    package var serverVersion: String
    package var runtimes: [String: RuntimeInfo]
    package var defaultRuntime: String
    package var swarm: SwarmInfo
    package var liveRestoreEnabled: Bool
    package var initBinary: String
    package var containerdCommit: CommitInfo
    package var runcCommit: CommitInfo
    package var initCommit: CommitInfo
    /// `name=seccomp,profile=builtin`.
    package var securityOptions: [String]
    package var cdiSpecDirs: [String]?
    package var warnings: [String]?

    package init(
        id: String, containers: Int, containersRunning: Int, containersPaused: Int, containersStopped: Int,
        images: Int, driver: String = "overlay2", driverStatus: [[String]], plugins: SystemPlugins,
        memoryLimit: Bool, swapLimit: Bool, cpuCfsPeriod: Bool, cpuCfsQuota: Bool, cpuShares: Bool, cpuSet: Bool,
        pidsLimit: Bool, ipv4Forwarding: Bool, debug: Bool = false, nfd: Int = 0, oomKillDisable: Bool = false,
        goroutines: Int = 0, systemTime: String, loggingDriver: String, cgroupDriver: String = "cgroupfs",
        cgroupVersion: String, eventsListeners: Int = 0, kernelVersion: String, operatingSystem: String,
        osVersion: String, osType: String = "linux", architecture: String, indexServerAddress: String,
        registryConfig: RegistryConfig, cpuCount: Int, memoryTotal: Int64, dockerRootDir: String,
        httpProxy: String = "", httpsProxy: String = "", noProxy: String = "", name: String, labels: [String],
        experimentalBuild: Bool = false, serverVersion: String, runtimes: [String: RuntimeInfo],
        defaultRuntime: String, swarm: SwarmInfo = SwarmInfo(), liveRestoreEnabled: Bool,
        initBinary: String, containerdCommit: CommitInfo, runcCommit: CommitInfo, initCommit: CommitInfo,
        securityOptions: [String], cdiSpecDirs: [String]? = nil, warnings: [String]? = nil
    ) {
        self.id = id
        self.containers = containers
        self.containersRunning = containersRunning
        self.containersPaused = containersPaused
        self.containersStopped = containersStopped
        self.images = images
        self.driver = driver
        self.driverStatus = driverStatus
        self.plugins = plugins
        self.memoryLimit = memoryLimit
        self.swapLimit = swapLimit
        self.cpuCfsPeriod = cpuCfsPeriod
        self.cpuCfsQuota = cpuCfsQuota
        self.cpuShares = cpuShares
        self.cpuSet = cpuSet
        self.pidsLimit = pidsLimit
        self.ipv4Forwarding = ipv4Forwarding
        self.debug = debug
        self.nfd = nfd
        self.oomKillDisable = oomKillDisable
        self.goroutines = goroutines
        self.systemTime = systemTime
        self.loggingDriver = loggingDriver
        self.cgroupDriver = cgroupDriver
        self.cgroupVersion = cgroupVersion
        self.eventsListeners = eventsListeners
        self.kernelVersion = kernelVersion
        self.operatingSystem = operatingSystem
        self.osVersion = osVersion
        self.osType = osType
        self.architecture = architecture
        self.indexServerAddress = indexServerAddress
        self.registryConfig = registryConfig
        self.cpuCount = cpuCount
        self.memoryTotal = memoryTotal
        self.dockerRootDir = dockerRootDir
        self.httpProxy = httpProxy
        self.httpsProxy = httpsProxy
        self.noProxy = noProxy
        self.name = name
        self.labels = labels
        self.experimentalBuild = experimentalBuild
        self.serverVersion = serverVersion
        self.runtimes = runtimes
        self.defaultRuntime = defaultRuntime
        self.swarm = swarm
        self.liveRestoreEnabled = liveRestoreEnabled
        self.initBinary = initBinary
        self.containerdCommit = containerdCommit
        self.runcCommit = runcCommit
        self.initCommit = initCommit
        self.securityOptions = securityOptions
        self.cdiSpecDirs = cdiSpecDirs
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case containers = "Containers"
        case containersRunning = "ContainersRunning"
        case containersPaused = "ContainersPaused"
        case containersStopped = "ContainersStopped"
        case images = "Images"
        case driver = "Driver"
        case driverStatus = "DriverStatus"
        case plugins = "Plugins"
        case memoryLimit = "MemoryLimit"
        case swapLimit = "SwapLimit"
        case cpuCfsPeriod = "CpuCfsPeriod"
        case cpuCfsQuota = "CpuCfsQuota"
        case cpuShares = "CPUShares"
        case cpuSet = "CPUSet"
        case pidsLimit = "PidsLimit"
        case ipv4Forwarding = "IPv4Forwarding"
        case debug = "Debug"
        case nfd = "NFd"
        case oomKillDisable = "OomKillDisable"
        case goroutines = "NGoroutines"
        case systemTime = "SystemTime"
        case loggingDriver = "LoggingDriver"
        case cgroupDriver = "CgroupDriver"
        case cgroupVersion = "CgroupVersion"
        case eventsListeners = "NEventsListener"
        case kernelVersion = "KernelVersion"
        case operatingSystem = "OperatingSystem"
        case osVersion = "OSVersion"
        case osType = "OSType"
        case architecture = "Architecture"
        case indexServerAddress = "IndexServerAddress"
        case registryConfig = "RegistryConfig"
        case cpuCount = "NCPU"
        case memoryTotal = "MemTotal"
        case dockerRootDir = "DockerRootDir"
        case httpProxy = "HttpProxy"
        case httpsProxy = "HttpsProxy"
        case noProxy = "NoProxy"
        case name = "Name"
        case labels = "Labels"
        case experimentalBuild = "ExperimentalBuild"
        case serverVersion = "ServerVersion"
        case runtimes = "Runtimes"
        case defaultRuntime = "DefaultRuntime"
        case swarm = "Swarm"
        case liveRestoreEnabled = "LiveRestoreEnabled"
        case initBinary = "InitBinary"
        case containerdCommit = "ContainerdCommit"
        case runcCommit = "RuncCommit"
        case initCommit = "InitCommit"
        case securityOptions = "SecurityOptions"
        case cdiSpecDirs = "CDISpecDirs"
        case warnings = "Warnings"
    }
}

/// Drivers by what they are for.
package struct SystemPlugins: Codable, Hashable, Sendable {
    package var volume: [String]
    package var network: [String]
    package var authorization: [String]?
    package var log: [String]

    package init(volume: [String], network: [String], authorization: [String]? = nil, log: [String]) {
        self.volume = volume
        self.network = network
        self.authorization = authorization
        self.log = log
    }

    private enum CodingKeys: String, CodingKey {
        case volume = "Volume"
        case network = "Network"
        case authorization = "Authorization"
        case log = "Log"
    }
}

/// How registries are reached.
package struct RegistryConfig: Codable, Hashable, Sendable {
    package var insecureRegistryCIDRs: [String]
    package var indexConfigs: [String: IndexInfo]
    package var mirrors: [String]

    package init(
        insecureRegistryCIDRs: [String] = [], indexConfigs: [String: IndexInfo] = [:], mirrors: [String] = []
    ) {
        self.insecureRegistryCIDRs = insecureRegistryCIDRs
        self.indexConfigs = indexConfigs
        self.mirrors = mirrors
    }

    private enum CodingKeys: String, CodingKey {
        case insecureRegistryCIDRs = "InsecureRegistryCIDRs"
        case indexConfigs = "IndexConfigs"
        case mirrors = "Mirrors"
    }
}

/// One registry.
package struct IndexInfo: Codable, Hashable, Sendable {
    package var name: String
    package var mirrors: [String]
    package var secure: Bool
    package var official: Bool

    package init(name: String, mirrors: [String], secure: Bool, official: Bool) {
        self.name = name
        self.mirrors = mirrors
        self.secure = secure
        self.official = official
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case mirrors = "Mirrors"
        case secure = "Secure"
        case official = "Official"
    }
}

/// A runtime that containers can be run by.
package struct RuntimeInfo: Codable, Hashable, Sendable {
    package var path: String
    package var arguments: [String]?

    package init(path: String, arguments: [String]? = nil) {
        self.path = path
        self.arguments = arguments
    }

    private enum CodingKeys: String, CodingKey {
        case path
        case arguments = "runtimeArgs"
    }
}

/// The version of a part, as a commit or a number.
package struct CommitInfo: Codable, Hashable, Sendable {
    package var id: String

    package init(id: String) {
        self.id = id
    }

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
    }
}

/// Clustering, which is always off.
package struct SwarmInfo: Codable, Hashable, Sendable {
    package var nodeID: String
    package var nodeAddress: String
    package var localNodeState: String
    package var controlAvailable: Bool
    package var error: String

    package init(
        nodeID: String = "", nodeAddress: String = "", localNodeState: String = "inactive",
        controlAvailable: Bool = false, error: String = ""
    ) {
        self.nodeID = nodeID
        self.nodeAddress = nodeAddress
        self.localNodeState = localNodeState
        self.controlAvailable = controlAvailable
        self.error = error
    }

    private enum CodingKeys: String, CodingKey {
        case nodeID = "NodeID"
        case nodeAddress = "NodeAddr"
        case localNodeState = "LocalNodeState"
        case controlAvailable = "ControlAvailable"
        case error = "Error"
    }
}
