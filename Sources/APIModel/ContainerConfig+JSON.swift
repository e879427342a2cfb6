package import Basics

// What makes a container, member by member: what is set, and nothing else, for an absent field means the zero value of
// its type. So it goes to a daemon, and into its database, in a fifth of the bytes.
//
// By hand, and not by `Encodable`: the runtime looks up conformances for each coding key, property wrapper and container
// that it meets for the first time, and a client meets all of them for the first and last time.

extension JSONWriter {
    fileprivate mutating func set(_ name: StaticString, _ text: String) {
        if !text.isEmpty { member(name, text) }
    }
    fileprivate mutating func set(_ name: StaticString, _ flag: Bool) {
        if flag { member(name, flag) }
    }
    fileprivate mutating func set(_ name: StaticString, _ number: some FixedWidthInteger & JSONWritable) {
        if number != 0 { member(name, number) }
    }
    /// False, 0 or empty is not the same as none. Nearly all are none: seen where it is called, that does not need the
    /// type's metadata.
    @inline(__always)
    fileprivate mutating func set(_ name: StaticString, _ value: (some JSONWritable)?) {
        if let value { member(name, value) }
    }
}

// Member by member: the whole values are compared by way of metadata of their property wrappers.
extension LogConfig {
    fileprivate var isSet: Bool { !type.isEmpty || !config.isEmpty }
}
extension RestartPolicy {
    fileprivate var isSet: Bool { !name.isEmpty || maximumRetryCount != 0 }
}

extension EmptyObject: JSONWritable {
    package func write(to json: inout JSONWriter) { json.object { _ in } }
}

extension ContainerConfig {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.set("Hostname", hostname)
        json.set("Domainname", domainname)
        json.set("User", user)
        json.set("AttachStdin", attachStdin)
        json.set("AttachStdout", attachStdout)
        json.set("AttachStderr", attachStderr)
        json.set("ExposedPorts", exposedPorts)
        json.set("Tty", tty)
        json.set("OpenStdin", openStdin)
        json.set("StdinOnce", stdinOnce)
        json.set("Env", env)
        json.set("Cmd", cmd)
        json.set("Healthcheck", healthcheck)
        json.set("ArgsEscaped", argsEscaped)
        json.set("Image", image)
        json.set("Volumes", volumes)
        json.set("WorkingDir", workingDir)
        json.set("Entrypoint", entrypoint)
        json.set("NetworkDisabled", networkDisabled)
        json.set("MacAddress", macAddress)
        json.set("OnBuild", onBuild)
        json.set("Labels", labels)
        json.set("StopSignal", stopSignal)
        json.set("StopTimeout", stopTimeout)
        json.set("Shell", shell)
    }
}

extension ContainerConfig: JSONWritable {
    package func write(to json: inout JSONWriter) { json.object { writeMembers(to: &$0) } }
}

extension HealthConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Test", test)
            $0.set("Interval", interval)
            $0.set("Timeout", timeout)
            $0.set("StartPeriod", startPeriod)
            $0.set("StartInterval", startInterval)
            $0.set("Retries", retries)
        }
    }
}

extension HostConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Binds", binds)
            $0.set("ContainerIDFile", containerIDFile)
            if logConfig.isSet { $0.member("LogConfig", logConfig) }
            $0.set("NetworkMode", networkMode)
            $0.set("PortBindings", portBindings?.mapValues(JSONNullable.init))
            if restartPolicy.isSet { $0.member("RestartPolicy", restartPolicy) }
            $0.set("AutoRemove", autoRemove)
            $0.set("VolumeDriver", volumeDriver)
            $0.set("VolumesFrom", volumesFrom)
            $0.set("ConsoleSize", consoleSize)
            $0.set("Annotations", annotations)
            $0.set("CapAdd", capAdd)
            $0.set("CapDrop", capDrop)
            $0.set("CgroupnsMode", cgroupnsMode)
            $0.set("Dns", dns)
            $0.set("DnsOptions", dnsOptions)
            $0.set("DnsSearch", dnsSearch)
            $0.set("ExtraHosts", extraHosts)
            $0.set("GroupAdd", groupAdd)
            $0.set("IpcMode", ipcMode)
            $0.set("Cgroup", cgroup)
            $0.set("Links", links)
            $0.set("OomScoreAdj", oomScoreAdj)
            $0.set("PidMode", pidMode)
            $0.set("Privileged", privileged)
            $0.set("PublishAllPorts", publishAllPorts)
            $0.set("ReadonlyRootfs", readonlyRootfs)
            $0.set("SecurityOpt", securityOpt)
            $0.set("StorageOpt", storageOpt)
            $0.set("Tmpfs", tmpfs)
            $0.set("UTSMode", utsMode)
            $0.set("UsernsMode", usernsMode)
            $0.set("ShmSize", shmSize)
            $0.set("Sysctls", sysctls)
            $0.set("Runtime", runtime)
            $0.set("Isolation", isolation)
            $0.set("Mounts", mounts)
            $0.set("MaskedPaths", maskedPaths)
            $0.set("ReadonlyPaths", readonlyPaths)
            $0.set("Init", `init`)
            resources.writeMembers(to: &$0)
        }
    }
}

extension ContainerResources {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.set("CpuShares", cpuShares)
        json.set("Memory", memory)
        json.set("NanoCpus", nanoCpus)
        json.set("CgroupParent", cgroupParent)
        json.set("BlkioWeight", blkioWeight)
        json.set("BlkioWeightDevice", blkioWeightDevice)
        json.set("BlkioDeviceReadBps", blkioDeviceReadBps)
        json.set("BlkioDeviceWriteBps", blkioDeviceWriteBps)
        json.set("BlkioDeviceReadIOps", blkioDeviceReadIOps)
        json.set("BlkioDeviceWriteIOps", blkioDeviceWriteIOps)
        json.set("CpuPeriod", cpuPeriod)
        json.set("CpuQuota", cpuQuota)
        json.set("CpuRealtimePeriod", cpuRealtimePeriod)
        json.set("CpuRealtimeRuntime", cpuRealtimeRuntime)
        json.set("CpusetCpus", cpusetCpus)
        json.set("CpusetMems", cpusetMems)
        json.set("Devices", devices)
        json.set("DeviceCgroupRules", deviceCgroupRules)
        json.set("DeviceRequests", deviceRequests)
        json.set("KernelMemory", kernelMemory)
        json.set("KernelMemoryTCP", kernelMemoryTCP)
        json.set("MemoryReservation", memoryReservation)
        json.set("MemorySwap", memorySwap)
        json.set("MemorySwappiness", memorySwappiness)
        json.set("OomKillDisable", oomKillDisable)
        json.set("PidsLimit", pidsLimit)
        json.set("Ulimits", ulimits)
        json.set("CpuCount", cpuCount)
        json.set("CpuPercent", cpuPercent)
        json.set("IOMaximumIOps", ioMaximumIOps)
        json.set("IOMaximumBandwidth", ioMaximumBandwidth)
    }
}

extension WeightDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Path", path)
            $0.set("Weight", weight)
        }
    }
}

extension ThrottleDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Path", path)
            $0.set("Rate", rate)
        }
    }
}

extension DeviceMapping: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("PathOnHost", pathOnHost)
            $0.set("PathInContainer", pathInContainer)
            $0.set("CgroupPermissions", cgroupPermissions)
        }
    }
}

extension DeviceRequest: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Driver", driver)
            $0.set("Count", count)
            $0.set("DeviceIDs", deviceIDs)
            $0.set("Capabilities", capabilities)
            $0.set("Options", options)
        }
    }
}

extension Ulimit: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Name", name)
            $0.set("Hard", hard)
            $0.set("Soft", soft)
        }
    }
}

extension LogConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Type", type)
            if !config.isEmpty { $0.member("Config", config) }
        }
    }
}

extension RestartPolicy: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Name", name)
            $0.set("MaximumRetryCount", maximumRetryCount)
        }
    }
}

extension PortBinding: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("HostIp", hostIP)
            $0.set("HostPort", hostPort)
        }
    }
}

extension Mount: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Type", type)
            $0.set("Source", source)
            $0.set("Target", target)
            $0.set("ReadOnly", readOnly)
            $0.set("Consistency", consistency)
            $0.set("BindOptions", bindOptions)
            $0.set("VolumeOptions", volumeOptions)
            $0.set("ImageOptions", imageOptions)
            $0.set("TmpfsOptions", tmpfsOptions)
        }
    }
}

extension BindOptions: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Propagation", propagation)
            $0.set("NonRecursive", nonRecursive)
            $0.set("CreateMountpoint", createMountpoint)
            $0.set("ReadOnlyNonRecursive", readOnlyNonRecursive)
            $0.set("ReadOnlyForceRecursive", readOnlyForceRecursive)
        }
    }
}

extension VolumeOptions: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("NoCopy", noCopy)
            $0.set("Labels", labels)
            $0.set("Subpath", subpath)
            $0.set("DriverConfig", driverConfig)
        }
    }
}

extension VolumeDriverConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Name", name)
            $0.set("Options", options)
        }
    }
}

extension ImageOptions: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("Subpath", subpath)
        }
    }
}

extension TmpfsOptions: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.set("SizeBytes", sizeBytes)
            $0.set("Mode", mode)
            $0.set("Options", options)
        }
    }
}

extension NetworkingConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { $0.set("EndpointsConfig", endpointsConfig?.mapValues(JSONNullable.init)) }
    }
}

extension ContainerCreateRequest: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            config.writeMembers(to: &$0)
            $0.member("HostConfig", hostConfig)
            if networkingConfig.endpointsConfig != nil { $0.member("NetworkingConfig", networkingConfig) }
        }
    }
}
