package import APIModel
import Basics

/// What a client may ask of a container. Whatever Box would not do as asked is refused here, by name.
package enum Validation {
    /// Checks a request as it came. What its image says is checked by `checkMerged`.
    package static func checkRequest(_ request: ContainerCreateRequest, _ facts: HostFacts) throws(SpecError) {
        let (config, host) = (request.config, request.hostConfig)
        let modes = try NamespaceModes(host)
        try checkUnsupported(config, host)
        _ = try NetworkPlan.wishes(request, modes)
        _ = try NetworkPlan.published(config, host)
        try checkModes(config, host, modes)
        if !config.hostname.isEmpty { try checkHostname(config.hostname, "--hostname") }
        if !config.domainname.isEmpty { try checkHostname(config.domainname, "--domainname") }
        if !config.workingDir.isEmpty, !config.workingDir.hasPrefix("/") {
            throw .invalid(
                "the working directory \(config.workingDir.quoted) is invalid, it needs to be an absolute path")
        }
        try checkRestartPolicy(host.restartPolicy)
        if host.autoRemove, !["", "no"].contains(host.restartPolicy.name) {
            throw .invalid("can't create 'AutoRemove' container with restart policy")
        }
        try checkResources(host.resources, facts)
        guard host.shmSize >= 0 else { throw .invalid("SHM size can not be less than 0") }
        guard (-1000...1000).contains(host.oomScoreAdj) else {
            throw .invalid("Invalid value \(host.oomScoreAdj), range for oom score adj is [-1000, 1000]")
        }
        _ = try CapabilitySet.ofContainer(
            add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged, bounding: facts.bounding)
        _ = try SecurityOptions(host)
        _ = try LogLimits(host.logConfig)
        _ = try ResourceLimits.specification(host.resources.ulimits ?? [])
        try Sysctls.check(host.sysctls ?? [:], modes)
        // Made for its checks alone: of names, addresses and options that go into lines.
        _ = try HostFiles(
            host, hostname: "x", domainname: "", network: modes.network, gateway: .anyV4, hostHosts: "",
            hostResolver: "")
        try checkPaths(host)
        if facts.selinux { try checkLabels(host) }
    }

    /// Writes out what Docker's clients expect to find in `inspect`, where the user said nothing.
    package static func fillDefaults(_ host: inout HostConfig, _ facts: HostFacts) {
        func fill(_ field: WritableKeyPath<HostConfig, String>, _ value: String) {
            if host[keyPath: field].isEmpty { host[keyPath: field] = value }
        }
        if host.networkMode == "default" { host.networkMode = "" }
        fill(\.networkMode, NetworkPlan.defaultNetwork)
        fill(\.ipcMode, "private")
        fill(\.cgroupnsMode, "private")
        fill(\.logConfig.type, "json-file")
        fill(\.restartPolicy.name, "no")
        if (host.runtime ?? "").isEmpty { host.runtime = "box-runtime" }
        if host.shmSize == 0, ["private", "shareable"].contains(host.ipcMode) { host.shmSize = DefaultMounts.shmSize }
        // What was masked when the container was made stays so.
        host.maskedPaths = DefaultMounts.maskedPaths(host, facts)
        host.readonlyPaths = DefaultMounts.readonlyPaths(host)
    }

    /// Checks what the container and its image say together.
    package static func checkMerged(_ config: ContainerConfig) throws(SpecError) {
        for entry in config.env ?? [] {
            guard !entry.utf8.contains(0), !entry.isEmpty, entry.utf8.first != UInt8(ascii: "=") else {
                throw .invalid("invalid environment variable: \(entry.quoted)")
            }
        }
        for word in (config.entrypoint ?? []) + (config.cmd ?? []) where word.utf8.contains(0) {
            throw .invalid("the command has an argument with a zero byte: \(word.quoted)")
        }
        if !config.workingDir.isEmpty, ContainerPath.clean(config.workingDir) == nil {
            throw .invalid(
                "the working directory \(config.workingDir.quoted) is invalid, it needs to be an absolute path")
        }
        if config.user.hasControlCharacters { throw .invalid("invalid user: \(config.user.quoted)") }
        if let timeout = config.stopTimeout, timeout < -1 {
            throw .invalid("--stop-timeout: \(timeout) is no number of seconds, nor -1 for without end")
        }
        for port in (config.exposedPorts ?? [:]).keys.sorted() { _ = try ExposedPort.range(port) }
        if let check = config.healthcheck { try checkHealth(check) }
    }

    private static func checkHealth(_ check: HealthConfig) throws(SpecError) {
        for (name, value) in [
            ("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.startPeriod),
            ("StartInterval", check.startInterval),
        ] {
            if let value, value != 0, value < 1_000_000 {
                throw .invalid("\(name) in Healthcheck cannot be less than 1ms")
            }
        }
        if let retries = check.retries, retries < 0 { throw .invalid("Retries in Healthcheck cannot be negative") }
        guard let test = check.test, let kind = test.first else { return }
        let valid =
            switch kind {
            case "NONE": test.count == 1
            case "CMD": test.count > 1
            case "CMD-SHELL": test.count == 2
            default: false
            }
        guard valid, !test.contains(where: { $0.utf8.contains(0) }) else {
            throw .invalid(
                "Test in Healthcheck must be [\"NONE\"], [\"CMD\", arguments…] or [\"CMD-SHELL\", command], "
                    + "and begins with \(kind.quoted)")
        }
    }

    package static func checkRestartPolicy(_ policy: RestartPolicy) throws(SpecError) {
        guard ["", "no", "always", "on-failure", "unless-stopped"].contains(policy.name) else {
            throw .invalid(
                "invalid restart policy: unknown policy '\(policy.name.quoted.dropFirst().dropLast())'; use one of "
                    + "'no', 'always', 'on-failure', or 'unless-stopped'")
        }
        if policy.maximumRetryCount < 0 {
            throw .invalid("invalid restart policy: maximum retry count cannot be negative")
        }
        if policy.maximumRetryCount > 0, policy.name != "on-failure" {
            throw .invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
        }
    }

    /// As a name in /etc/hosts and a prompt can have it; the kernel takes 64 bytes.
    static func checkHostname(_ name: String, _ flag: String) throws(SpecError) {
        let valid =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || "_.-".utf8.contains($0)
            }
        guard valid, !name.hasPrefix("-"), !name.hasPrefix("."), !name.contains("..") else {
            throw .invalid(
                "invalid hostname format for \(flag): \(name.quoted): letters, digits, '-', '_' and '.' are allowed, "
                    + "64 at most")
        }
    }

    /// Options that say something of a namespace which is another's.
    private static func checkModes(_ config: ContainerConfig, _ host: HostConfig, _ modes: NamespaceModes)
        throws(SpecError)
    {
        if modes.uts == .host, !config.hostname.isEmpty {
            throw .invalid("conflicting options: hostname and the UTS mode")
        }
        if config.networkDisabled == true, !modes.network.isOwn {
            throw .invalid("conflicting options: NetworkDisabled and the network mode")
        }
        // Only a /dev/shm of its own has a size to set.
        if modes.ipc != .private, modes.ipc != .shareable, host.shmSize > 0 {
            throw .invalid("conflicting options: --shm-size and the IPC mode \(host.ipcMode)")
        }
        guard case .container = modes.network else { return }
        let conflicts: [(Bool, String)] = [
            (!config.hostname.isEmpty, "hostname"), (!(host.dns ?? []).isEmpty, "dns"),
            (!(host.extraHosts ?? []).isEmpty, "custom host-to-IP mapping"),
            (!(config.exposedPorts ?? [:]).isEmpty, "port exposing"),
            (host.publishAllPorts || !(host.portBindings ?? [:]).isEmpty, "port publishing"),
            (!(config.macAddress ?? "").isEmpty, "mac-address"),
        ]
        if let conflict = conflicts.first(where: \.0) {
            throw .invalid("conflicting options: \(conflict.1) and the network mode")
        }
    }

    private static func checkPaths(_ host: HostConfig) throws(SpecError) {
        for path in (host.maskedPaths ?? []) + (host.readonlyPaths ?? []) where ContainerPath.clean(path) == nil {
            throw .invalid("MaskedPaths, ReadonlyPaths: \(path.quoted) is not an absolute path")
        }
    }

    private static func checkLabels(_ host: HostConfig) throws(SpecError) {
        for text in host.binds ?? [] {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[2].split(separator: ",").contains(where: { $0 == "z" || $0 == "Z" }) {
                throw .unsupported("--volume \(text.quoted)", "Box does not set SELinux labels, which z and Z ask for")
            }
        }
    }
}
