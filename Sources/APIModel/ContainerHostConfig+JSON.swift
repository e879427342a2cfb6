// `HostConfig` has the fields of `ContainerResources` beside its own, so both are written out here.
extension HostConfig {
    private enum CodingKeys: String, CodingKey {
        case binds = "Binds"
        case containerIDFile = "ContainerIDFile"
        case logConfig = "LogConfig"
        case networkMode = "NetworkMode"
        case portBindings = "PortBindings"
        case restartPolicy = "RestartPolicy"
        case autoRemove = "AutoRemove"
        case volumeDriver = "VolumeDriver"
        case volumesFrom = "VolumesFrom"
        case consoleSize = "ConsoleSize"
        case annotations = "Annotations"
        case capAdd = "CapAdd"
        case capDrop = "CapDrop"
        case cgroupnsMode = "CgroupnsMode"
        case dns = "Dns"
        case dnsOptions = "DnsOptions"
        case dnsSearch = "DnsSearch"
        case extraHosts = "ExtraHosts"
        case groupAdd = "GroupAdd"
        case ipcMode = "IpcMode"
        case cgroup = "Cgroup"
        case links = "Links"
        case oomScoreAdj = "OomScoreAdj"
        case pidMode = "PidMode"
        case privileged = "Privileged"
        case publishAllPorts = "PublishAllPorts"
        case readonlyRootfs = "ReadonlyRootfs"
        case securityOpt = "SecurityOpt"
        case storageOpt = "StorageOpt"
        case tmpfs = "Tmpfs"
        case utsMode = "UTSMode"
        case usernsMode = "UsernsMode"
        case shmSize = "ShmSize"
        case sysctls = "Sysctls"
        case runtime = "Runtime"
        case isolation = "Isolation"
        case mounts = "Mounts"
        case maskedPaths = "MaskedPaths"
        case readonlyPaths = "ReadonlyPaths"
        case `init` = "Init"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable & ZeroValue>(_ key: CodingKeys) throws -> Value {
            try container.decodeIfPresent(Value.self, forKey: key) ?? .zero
        }
        self.init()
        binds = try read(.binds)
        containerIDFile = try read(.containerIDFile)
        logConfig = try container.decodeIfPresent(LogConfig.self, forKey: .logConfig) ?? LogConfig()
        networkMode = try read(.networkMode)
        portBindings = try read(.portBindings)
        restartPolicy = try container.decodeIfPresent(RestartPolicy.self, forKey: .restartPolicy) ?? RestartPolicy()
        autoRemove = try read(.autoRemove)
        volumeDriver = try read(.volumeDriver)
        volumesFrom = try read(.volumesFrom)
        consoleSize = try read(.consoleSize)
        annotations = try read(.annotations)
        capAdd = try container.decode(StringOrList.self, forKey: .capAdd).wrappedValue
        capDrop = try container.decode(StringOrList.self, forKey: .capDrop).wrappedValue
        cgroupnsMode = try read(.cgroupnsMode)
        dns = try read(.dns)
        dnsOptions = try read(.dnsOptions)
        dnsSearch = try read(.dnsSearch)
        extraHosts = try read(.extraHosts)
        groupAdd = try read(.groupAdd)
        ipcMode = try read(.ipcMode)
        cgroup = try read(.cgroup)
        links = try read(.links)
        oomScoreAdj = try read(.oomScoreAdj)
        pidMode = try read(.pidMode)
        privileged = try read(.privileged)
        publishAllPorts = try read(.publishAllPorts)
        readonlyRootfs = try read(.readonlyRootfs)
        securityOpt = try read(.securityOpt)
        storageOpt = try read(.storageOpt)
        tmpfs = try read(.tmpfs)
        utsMode = try read(.utsMode)
        usernsMode = try read(.usernsMode)
        shmSize = try read(.shmSize)
        sysctls = try read(.sysctls)
        runtime = try read(.runtime)
        isolation = try read(.isolation)
        mounts = try read(.mounts)
        maskedPaths = try read(.maskedPaths)
        readonlyPaths = try read(.readonlyPaths)
        `init` = try read(.`init`)
        resources = try ContainerResources(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
        try resources.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(binds, forKey: .binds)
        try container.encode(containerIDFile, forKey: .containerIDFile)
        try container.encode(logConfig, forKey: .logConfig)
        try container.encode(networkMode, forKey: .networkMode)
        try container.encode(portBindings, forKey: .portBindings)
        try container.encode(restartPolicy, forKey: .restartPolicy)
        try container.encode(autoRemove, forKey: .autoRemove)
        try container.encode(volumeDriver, forKey: .volumeDriver)
        try container.encode(volumesFrom, forKey: .volumesFrom)
        try container.encode(consoleSize, forKey: .consoleSize)
        try container.encodeIfPresent(annotations, forKey: .annotations)
        try container.encode(capAdd, forKey: .capAdd)
        try container.encode(capDrop, forKey: .capDrop)
        try container.encode(cgroupnsMode, forKey: .cgroupnsMode)
        try container.encode(dns, forKey: .dns)
        try container.encode(dnsOptions, forKey: .dnsOptions)
        try container.encode(dnsSearch, forKey: .dnsSearch)
        try container.encode(extraHosts, forKey: .extraHosts)
        try container.encode(groupAdd, forKey: .groupAdd)
        try container.encode(ipcMode, forKey: .ipcMode)
        try container.encode(cgroup, forKey: .cgroup)
        try container.encode(links, forKey: .links)
        try container.encode(oomScoreAdj, forKey: .oomScoreAdj)
        try container.encode(pidMode, forKey: .pidMode)
        try container.encode(privileged, forKey: .privileged)
        try container.encode(publishAllPorts, forKey: .publishAllPorts)
        try container.encode(readonlyRootfs, forKey: .readonlyRootfs)
        try container.encode(securityOpt, forKey: .securityOpt)
        try container.encodeIfPresent(storageOpt, forKey: .storageOpt)
        try container.encodeIfPresent(tmpfs, forKey: .tmpfs)
        try container.encode(utsMode, forKey: .utsMode)
        try container.encode(usernsMode, forKey: .usernsMode)
        try container.encode(shmSize, forKey: .shmSize)
        try container.encodeIfPresent(sysctls, forKey: .sysctls)
        try container.encodeIfPresent(runtime, forKey: .runtime)
        try container.encode(isolation, forKey: .isolation)
        try container.encodeIfPresent(mounts, forKey: .mounts)
        try container.encode(maskedPaths, forKey: .maskedPaths)
        try container.encode(readonlyPaths, forKey: .readonlyPaths)
        try container.encodeIfPresent(`init`, forKey: .`init`)
    }
}
