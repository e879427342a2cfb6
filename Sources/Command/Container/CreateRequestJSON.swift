import APIModel

extension ContainerCreateRequest {
    /// The body of `POST /containers/create`: what is set, and nothing else, for an absent field means its zero value.
    ///
    /// By hand, and not by `Encodable`: the runtime looks up conformances for each coding key, property wrapper and
    /// container that it meets for the first time, and this program meets all of them for the first and last time. That
    /// took longer than everything else that `run` does before its first request.
    var body: JSONValue {
        get throws {
            var object = JSONObject()
            try config.write(to: &object)
            var host = JSONObject()
            try hostConfig.write(to: &host)
            object.set("HostConfig", .object(host))
            if let endpoints = networkingConfig.endpointsConfig {
                object.set(
                    "NetworkingConfig",
                    .object(
                        JSONObject([
                            .init("EndpointsConfig", try JSONValue(encoding: endpoints))
                        ])))
            }
            return .object(object)
        }
    }
}

extension ContainerConfig {
    fileprivate func write(to object: inout JSONObject) throws {
        object.set("Hostname", hostname)
        object.set("Domainname", domainname)
        object.set("User", user)
        object.set("AttachStdin", attachStdin)
        object.set("AttachStdout", attachStdout)
        object.set("AttachStderr", attachStderr)
        object.set("ExposedPorts", exposedPorts)
        object.set("Tty", tty)
        object.set("OpenStdin", openStdin)
        object.set("StdinOnce", stdinOnce)
        object.set("Env", env)
        object.set("Cmd", cmd)
        if let healthcheck { object.set("Healthcheck", try JSONValue(encoding: healthcheck)) }
        object.set("ArgsEscaped", argsEscaped)
        object.set("Image", image)
        object.set("Volumes", volumes)
        object.set("WorkingDir", workingDir)
        object.set("Entrypoint", entrypoint)
        object.set("NetworkDisabled", networkDisabled)
        object.set("MacAddress", macAddress ?? "")
        object.set("OnBuild", onBuild)
        object.set("Labels", labels)
        object.set("StopSignal", stopSignal ?? "")
        object.set("StopTimeout", stopTimeout.map { Int64($0) })
        object.set("Shell", shell)
    }
}

extension HostConfig {
    fileprivate func write(to object: inout JSONObject) throws {
        try resources.write(to: &object)
        object.set("Binds", binds)
        object.set("ContainerIDFile", containerIDFile)
        if logConfig != LogConfig() { object.set("LogConfig", try JSONValue(encoding: logConfig)) }
        object.set("NetworkMode", networkMode)
        if let portBindings { object.set("PortBindings", Self.json(portBindings)) }
        if restartPolicy != RestartPolicy(name: "no") {
            object.set("RestartPolicy", try JSONValue(encoding: restartPolicy))
        }
        object.set("AutoRemove", autoRemove)
        object.set("VolumeDriver", volumeDriver)
        object.set("VolumesFrom", volumesFrom)
        object.set("ConsoleSize", consoleSize?.map { JSONValue.integer(Int64($0)) })
        object.set("Annotations", annotations)
        object.set("CapAdd", capAdd)
        object.set("CapDrop", capDrop)
        object.set("CgroupnsMode", cgroupnsMode)
        object.set("Dns", dns)
        object.set("DnsOptions", dnsOptions)
        object.set("DnsSearch", dnsSearch)
        object.set("ExtraHosts", extraHosts)
        object.set("GroupAdd", groupAdd)
        object.set("IpcMode", ipcMode)
        object.set("Cgroup", cgroup)
        object.set("Links", links)
        object.set("OomScoreAdj", Int64(oomScoreAdj))
        object.set("PidMode", pidMode)
        object.set("Privileged", privileged)
        object.set("PublishAllPorts", publishAllPorts)
        object.set("ReadonlyRootfs", readonlyRootfs)
        object.set("SecurityOpt", securityOpt)
        object.set("StorageOpt", storageOpt)
        object.set("Tmpfs", tmpfs)
        object.set("UTSMode", utsMode)
        object.set("UsernsMode", usernsMode)
        object.set("ShmSize", shmSize)
        object.set("Sysctls", sysctls)
        object.set("Runtime", runtime ?? "")
        object.set("Isolation", isolation)
        if let mounts { object.set("Mounts", try JSONValue(encoding: mounts)) }
        object.set("MaskedPaths", maskedPaths)
        object.set("ReadonlyPaths", readonlyPaths)
        object.set("Init", `init`)
    }

    private static func json(_ bindings: [String: [PortBinding]?]) -> JSONValue {
        .object(
            JSONObject(
                bindings.sorted { $0.key < $1.key }.map { port, places in
                    .init(
                        port,
                        .array(
                            (places ?? []).map { place in
                                .object(
                                    JSONObject([
                                        .init("HostIp", .string(place.hostIP)),
                                        .init("HostPort", .string(place.hostPort)),
                                    ]))
                            }))
                }))
    }
}

extension ContainerResources {
    fileprivate func write(to object: inout JSONObject) throws {
        // Most containers have none of them.
        if self == ContainerResources() { return }
        for member in try JSONValue(encoding: self).members { object.members.append(member) }
    }
}

extension JSONObject {
    /// Sets a new member, unless it has the zero value of its type.
    fileprivate mutating func set(_ key: String, _ text: String) {
        if !text.isEmpty { set(key, .string(text)) }
    }
    fileprivate mutating func set(_ key: String, _ flag: Bool) {
        if flag { set(key, .bool(true)) }
    }
    fileprivate mutating func set(_ key: String, _ number: Int64) {
        if number != 0 { set(key, .integer(number)) }
    }

    /// An optional one that is false, 0 or empty is not the same as none.
    fileprivate mutating func set(_ key: String, _ flag: Bool?) {
        if let flag { set(key, .bool(flag)) }
    }
    fileprivate mutating func set(_ key: String, _ number: Int64?) {
        if let number { set(key, .integer(number)) }
    }
    fileprivate mutating func set(_ key: String, _ list: [String]?) { set(key, list?.map { JSONValue.string($0) }) }
    fileprivate mutating func set(_ key: String, _ list: [JSONValue]?) {
        if let list { set(key, .array(list)) }
    }
    fileprivate mutating func set(_ key: String, _ values: [String: String]?) {
        guard let values else { return }
        set(key, .object(JSONObject(values.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })))
    }
    fileprivate mutating func set(_ key: String, _ names: [String: EmptyObject]?) {
        guard let names else { return }
        set(key, .object(JSONObject(names.keys.sorted().map { .init($0, .object(JSONObject())) })))
    }
    fileprivate mutating func set(_ key: String, _ value: JSONValue) { members.append(Member(key, value)) }
}
