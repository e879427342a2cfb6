package import APIModel
import Basics
import Kernel

/// Makes the body of `POST /containers/create` out of the options of `run` or `create`.
package struct CreateRequestBuilder {
    private let arguments: ParsedArguments
    private let environment: ProcessEnvironment
    private var config = ContainerConfig()
    private var host = HostConfig()
    private var networking = NetworkingConfig()

    /// - Parameter detached: `run -d`, which attaches to nothing.
    package static func build(_ arguments: ParsedArguments, environment: ProcessEnvironment, detached: Bool)
        throws(CommandError) -> ContainerCreateRequest
    {
        var builder = CreateRequestBuilder(arguments: arguments, environment: environment)
        try builder.process(detached: detached)
        try builder.files()
        try builder.isolation()
        try builder.network()
        try builder.life()
        try builder.health()
        builder.host.resources = try builder.resources()
        return ContainerCreateRequest(
            config: builder.config, hostConfig: builder.host, networkingConfig: builder.networking)
    }

    private init(arguments: ParsedArguments, environment: ProcessEnvironment) {
        self.arguments = arguments
        self.environment = environment
    }

    /// nil instead of empty: what is not set is not sent.
    private func listed(_ name: String) -> [String]? { arguments.isSet(name) ? arguments.list(name) : nil }

    private mutating func process(detached: Bool) throws(CommandError) {
        config.image = arguments.operands[0]
        if arguments.operands.count > 1 { config.cmd = Array(arguments.operands.dropFirst()) }
        if let entrypoint = arguments.optionalText("entrypoint") { config.entrypoint = [entrypoint] }
        config.hostname = arguments.text("hostname")
        config.domainname = arguments.text("domainname")
        config.user = arguments.text("user")
        config.workingDir = arguments.text("workdir")
        if !config.workingDir.isEmpty, !config.workingDir.hasPrefix("/") {
            throw arguments.invalid(config.workingDir, "workdir", "it must be an absolute path")
        }
        config.tty = arguments.bool("tty")
        config.openStdin = arguments.bool("interactive")
        try streams(detached: detached)
        let variables = try KeyValueFile.environment(
            files: arguments.list("env-file"), options: arguments.list("env"), environment: environment)
        if !variables.isEmpty { config.env = variables }
        let labels = try KeyValueFile.labels(files: arguments.list("label-file"), options: arguments.list("label"))
        if !labels.isEmpty { config.labels = labels }
        host.groupAdd = listed("group-add")
        if arguments.isSet("annotation") {
            host.annotations = try KeyValueFile.map(arguments.list("annotation"), flag: "annotation")
        }
        if arguments.isSet("init") { host.`init` = arguments.bool("init") }
    }

    private mutating func streams(detached: Bool) throws(CommandError) {
        let attach = arguments.list("attach").map { $0.lowercased() }
        if let unknown = attach.first(where: { !["stdin", "stdout", "stderr"].contains($0) }) {
            throw arguments.invalid(unknown, "attach", "valid streams are STDIN, STDOUT and STDERR")
        }
        if detached {
            if !attach.isEmpty { throw .usage("conflicting options: cannot specify both --attach and --detach") }
            return
        }
        config.attachStdin = attach.isEmpty ? config.openStdin : attach.contains("stdin")
        config.attachStdout = attach.isEmpty || attach.contains("stdout")
        config.attachStderr = attach.isEmpty || attach.contains("stderr")
        config.stdinOnce = config.openStdin && config.attachStdin
    }

    private mutating func files() throws(CommandError) {
        let directory = environment.directory
        var binds: [String] = []
        for text in arguments.list("volume") {
            switch try VolumeFlag(text, directory: { () throws(CommandError) -> String in directory }) {
            case .anonymous(let target):
                config.volumes = (config.volumes ?? [:]).merging([target: EmptyObject()]) { $1 }
            case .bind(let bind): binds.append(bind)
            }
        }
        if !binds.isEmpty { host.binds = binds }
        var mounts: [Mount] = []
        for text in arguments.list("mount") {
            mounts.append(try MountFlag.parse(text, directory: { () throws(CommandError) -> String in directory }))
        }
        if !mounts.isEmpty { host.mounts = mounts }
        for text in arguments.list("tmpfs") {
            let target = String(text.prefix { $0 != ":" })
            guard target.hasPrefix("/") else { throw arguments.invalid(text, "tmpfs", "it must be an absolute path") }
            host.tmpfs = (host.tmpfs ?? [:]).merging([target: String(text.dropFirst(target.count + 1))]) { $1 }
        }
        host.volumesFrom = listed("volumes-from")
        host.volumeDriver = arguments.text("volume-driver")
        host.readonlyRootfs = arguments.bool("read-only")
        host.shmSize = try arguments.bytes("shm-size") ?? 0
        if arguments.isSet("storage-opt") {
            host.storageOpt = try KeyValueFile.map(arguments.list("storage-opt"), flag: "storage-opt")
        }
    }

    private mutating func isolation() throws(CommandError) {
        host.capAdd = listed("cap-add")
        host.capDrop = listed("cap-drop")
        host.privileged = arguments.bool("privileged")
        host.pidMode = try mode("pid", allowing: ["host"], container: true)
        host.ipcMode = try mode("ipc", allowing: ["none", "private", "shareable", "host"], container: true)
        host.utsMode = try mode("uts", allowing: ["host"], container: false)
        host.usernsMode = try mode("userns", allowing: ["host"], container: false)
        host.cgroupnsMode = try mode("cgroupns", allowing: ["host", "private"], container: false)
        host.runtime = arguments.optionalText("runtime")
        if arguments.isSet("sysctl") { host.sysctls = try KeyValueFile.map(arguments.list("sysctl"), flag: "sysctl") }
        try securityOptions()
    }

    private func mode(_ name: String, allowing modes: [String], container: Bool) throws(CommandError) -> String {
        let text = arguments.text(name)
        if text.isEmpty || modes.contains(text) { return text }
        if container, text.hasPrefix("container:"), text.utf8.count > 10 { return text }
        let choices = modes + (container ? ["container:NAME"] : [])
        throw arguments.invalid(text, name, "it must be \(choices.joined(separator: " or "))")
    }

    private mutating func securityOptions() throws(CommandError) {
        guard arguments.isSet("security-opt") else { return }
        var options: [String] = []
        for text in arguments.list("security-opt") {
            if text == "systempaths=unconfined" {
                host.maskedPaths = []
                host.readonlyPaths = []
                continue
            }
            let key = String(text.prefix { $0 != "=" && $0 != ":" })
            let value = String(text.dropFirst(key.count + 1))
            guard key == "no-new-privileges" || !value.isEmpty else {
                throw arguments.invalid(text, "security-opt", "it must be NAME=value")
            }
            // The daemon may see other files than this process: the profile goes along, as Docker sends it.
            if key == "seccomp", value != "unconfined", value != "builtin" {
                options.append("seccomp=" + (try Self.seccompProfile(value)))
            } else {
                options.append(value.isEmpty ? key : "\(key)=\(value)")
            }
        }
        if !options.isEmpty { host.securityOpt = options }
    }

    private static func seccompProfile(_ path: String) throws(CommandError) -> String {
        let bytes: [UInt8]
        do { bytes = try Sys.readFile(path, limit: 4 << 20) } catch {
            throw CommandError("opening seccomp profile (\(path)) failed: \(error.reason)", status: 125)
        }
        do { return try JSONValue(parsing: bytes).compact } catch {
            throw CommandError("seccomp profile (\(path)): \(error)", status: 125)
        }
    }

    private mutating func network() throws(CommandError) {
        let networks = try NetworkFlag.endpoints(arguments)
        host.networkMode = networks.mode
        if !networks.endpoints.isEmpty { networking.endpointsConfig = networks.endpoints }
        var entries: [String] = []
        for text in arguments.list("add-host") { entries.append(try HostEntryFlag.parse(text)) }
        if !entries.isEmpty { host.extraHosts = entries }
        host.dns = listed("dns")
        for server in host.dns ?? [] where IPAddress(server) == nil {
            throw arguments.invalid(server, "dns", "it is no IP address")
        }
        host.dnsOptions = listed("dns-option")
        host.dnsSearch = listed("dns-search")
        try ports()
    }

    private mutating func ports() throws(CommandError) {
        var exposed: [String: EmptyObject] = [:]
        var bindings: [String: [PortBinding]?] = [:]
        for text in arguments.list("expose") {
            for port in try PortFlag.expose(text) { exposed[port] = EmptyObject() }
        }
        for text in arguments.list("publish") {
            for (port, binding) in try PortFlag.publish(text) {
                exposed[port] = EmptyObject()
                bindings[port] = ((bindings[port] ?? nil) ?? []) + [binding]
            }
        }
        if !exposed.isEmpty { config.exposedPorts = exposed }
        if !bindings.isEmpty { host.portBindings = bindings }
        host.publishAllPorts = arguments.bool("publish-all")
    }

    private mutating func life() throws(CommandError) {
        host.autoRemove = arguments.bool("rm")
        host.restartPolicy = try RestartFlag.parse(arguments.optionalText("restart") ?? "no")
        if host.autoRemove, host.restartPolicy.name != "no" {
            throw .usage("conflicting options: cannot specify both --restart and --rm")
        }
        config.stopSignal = arguments.optionalText("stop-signal")
        config.stopTimeout = try arguments.integer("stop-timeout").flatMap { Int(exactly: $0) }
        host.logConfig = LogConfig(
            type: arguments.text("log-driver"), config: try KeyValueFile.map(arguments.list("log-opt"), flag: "log-opt")
        )
        host.containerIDFile = arguments.text("cidfile")
        switch arguments.optionalText("pull") ?? "missing" {
        case "missing", "never": break
        case "always": throw .usage("--pull always is not supported yet: load the image with 'boxctl load'")
        case let other: throw arguments.invalid(other, "pull", "it must be missing or never")
        }
    }

    private mutating func health() throws(CommandError) {
        let names = ["cmd", "interval", "timeout", "retries", "start-period", "start-interval"].map { "health-" + $0 }
        let isSet = names.contains { arguments.isSet($0) }
        if arguments.bool("no-healthcheck") {
            if isSet { throw .usage("--no-healthcheck conflicts with --health-* options") }
            config.healthcheck = HealthConfig(test: ["NONE"])
            return
        }
        guard isSet else { return }
        var check = HealthConfig()
        if let command = arguments.optionalText("health-cmd"), !command.isEmpty { check.test = ["CMD-SHELL", command] }
        check.interval = try healthTime("health-interval")
        check.timeout = try healthTime("health-timeout")
        check.startPeriod = try healthTime("health-start-period")
        check.startInterval = try healthTime("health-start-interval")
        if let retries = try arguments.integer("health-retries") {
            guard (0...Int64(Int32.max)).contains(retries) else { throw .usage("--health-retries cannot be negative") }
            check.retries = Int(retries)
        }
        config.healthcheck = check
    }

    private func healthTime(_ name: String) throws(CommandError) -> Int64? {
        let time = try arguments.duration(name)
        if let time, time < 0 { throw .usage("--\(name) cannot be negative") }
        return time
    }

    private mutating func resources() throws(CommandError) -> ContainerResources {
        var resources = try ResourceFlags.resources(arguments)
        if let swappiness = try arguments.integer("memory-swappiness"), swappiness != -1 {
            guard (0...100).contains(swappiness) else {
                throw arguments.invalid("\(swappiness)", "memory-swappiness", "it is between 0 and 100")
            }
            resources.memorySwappiness = swappiness
        }
        if arguments.isSet("oom-kill-disable") { resources.oomKillDisable = arguments.bool("oom-kill-disable") }
        host.oomScoreAdj = try arguments.integer("oom-score-adj").map { Int($0) } ?? 0
        if !(-1000...1000).contains(host.oomScoreAdj) {
            throw arguments.invalid("\(host.oomScoreAdj)", "oom-score-adj", "it is between -1000 and 1000")
        }
        resources.cgroupParent = arguments.text("cgroup-parent")
        resources.deviceCgroupRules = listed("device-cgroup-rule")
        var devices: [DeviceMapping] = []
        for text in arguments.list("device") { devices.append(try DeviceFlag.parse(text)) }
        if !devices.isEmpty { resources.devices = devices }
        var ulimits: [Ulimit] = []
        for text in arguments.list("ulimit") {
            let ulimit = try UlimitFlag.parse(text)
            ulimits.removeAll { $0.name == ulimit.name }
            ulimits.append(ulimit)
        }
        if !ulimits.isEmpty { resources.ulimits = ulimits }
        return resources
    }
}
