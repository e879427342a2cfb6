package import Basics

// The types of `config.json`, member by member as the encoder would write them with sorted keys: a configuration is
// written at every start, and takes a quarter of the time so.

extension RuntimeSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("annotations", annotations)
            $0.member("domainname", domainname)
            $0.member("hooks", hooks)
            $0.member("hostname", hostname)
            $0.member("linux", linux)
            $0.member("mounts", mounts)
            $0.member("ociVersion", ociVersion)
            $0.member("process", process)
            $0.member("root", root)
        }
    }
}

extension RootSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("path", path)
            $0.member("readonly", readonly)
        }
    }
}

extension MountSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("destination", destination)
            $0.member("gidMappings", gidMappings)
            $0.member("options", options)
            $0.member("source", source)
            $0.member("type", type)
            $0.member("uidMappings", uidMappings)
        }
    }
}

extension IDMapping: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("containerID", containerID)
            $0.member("hostID", hostID)
            $0.member("size", size)
        }
    }
}

extension Hooks: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("createContainer", createContainer)
            $0.member("createRuntime", createRuntime)
            $0.member("poststart", poststart)
            $0.member("poststop", poststop)
            $0.member("prestart", prestart)
            $0.member("startContainer", startContainer)
        }
    }
}

extension Hook: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("args", args)
            $0.member("env", env)
            $0.member("path", path)
            $0.member("timeout", timeout)
        }
    }
}

extension RuntimeState: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("annotations", annotations)
            $0.member("bundle", bundle)
            $0.member("id", id)
            $0.member("ociVersion", ociVersion)
            $0.member("pid", pid)
            $0.member("status", status)
        }
    }
}

extension ProcessSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("apparmorProfile", apparmorProfile)
            $0.member("args", args)
            $0.member("capabilities", capabilities)
            $0.member("commandLine", commandLine)
            $0.member("consoleSize", consoleSize)
            $0.member("cwd", cwd)
            $0.member("env", env)
            $0.member("execCPUAffinity", execCPUAffinity)
            $0.member("ioPriority", ioPriority)
            $0.member("noNewPrivileges", noNewPrivileges)
            $0.member("oomScoreAdj", oomScoreAdj)
            $0.member("rlimits", rlimits)
            $0.member("scheduler", scheduler)
            $0.member("selinuxLabel", selinuxLabel)
            $0.member("terminal", terminal)
            $0.member("user", user)
        }
    }
}

extension ConsoleSize: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("height", height)
            $0.member("width", width)
        }
    }
}

extension UserSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("additionalGids", additionalGids)
            $0.member("gid", gid)
            $0.member("uid", uid)
            $0.member("umask", umask)
            $0.member("username", username)
        }
    }
}

extension CapabilitySets: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("ambient", ambient)
            $0.member("bounding", bounding)
            $0.member("effective", effective)
            $0.member("inheritable", inheritable)
            $0.member("permitted", permitted)
        }
    }
}

extension ResourceLimit: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("hard", hard)
            $0.member("soft", soft)
            $0.member("type", type)
        }
    }
}

extension Scheduler: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("deadline", deadline)
            $0.member("flags", flags)
            $0.member("nice", nice)
            $0.member("period", period)
            $0.member("policy", policy)
            $0.member("priority", priority)
            $0.member("runtime", runtime)
        }
    }
}

extension IOPriority: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("class", `class`)
            $0.member("priority", priority)
        }
    }
}

extension ExecCPUAffinity: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("final", final)
            $0.member("initial", initial)
        }
    }
}

extension LinuxSpec: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("cgroupsPath", cgroupsPath)
            $0.member("devices", devices)
            $0.member("gidMappings", gidMappings)
            $0.member("intelRdt", intelRdt)
            $0.member("maskedPaths", maskedPaths)
            $0.member("memoryPolicy", memoryPolicy)
            $0.member("mountLabel", mountLabel)
            $0.member("namespaces", namespaces)
            $0.member("netDevices", netDevices)
            $0.member("personality", personality)
            $0.member("readonlyPaths", readonlyPaths)
            $0.member("resources", resources)
            $0.member("rootfsPropagation", rootfsPropagation)
            $0.member("seccomp", seccomp)
            $0.member("sysctl", sysctl)
            $0.member("timeOffsets", timeOffsets)
            $0.member("uidMappings", uidMappings)
        }
    }
}

extension LinuxNamespace: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("path", path)
            $0.member("type", type)
        }
    }
}

extension LinuxTimeOffsets: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("boottime", boottime)
            $0.member("monotonic", monotonic)
        }
    }
}

extension LinuxTimeOffset: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("nanosecs", nanosecs)
            $0.member("secs", secs)
        }
    }
}

extension LinuxDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("fileMode", fileMode)
            $0.member("gid", gid)
            $0.member("major", major)
            $0.member("minor", minor)
            $0.member("path", path)
            $0.member("type", type)
            $0.member("uid", uid)
        }
    }
}

extension LinuxNetDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("name", name)
        }
    }
}

extension LinuxIntelRdt: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("closID", closID)
            $0.member("enableMonitoring", enableMonitoring)
            $0.member("l3CacheSchema", l3CacheSchema)
            $0.member("memBwSchema", memBwSchema)
            $0.member("schemata", schemata)
        }
    }
}

extension LinuxMemoryPolicy: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("flags", flags)
            $0.member("mode", mode)
            $0.member("nodes", nodes)
        }
    }
}

extension LinuxPersonality: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("domain", domain)
            $0.member("flags", flags)
        }
    }
}

extension LinuxNamespaceType: JSONWritable {
    package func write(to json: inout JSONWriter) { rawValue.write(to: &json) }
}

extension LinuxResources: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("blockIO", blockIO)
            $0.member("cpu", cpu)
            $0.member("devices", devices)
            $0.member("hugepageLimits", hugepageLimits)
            $0.member("memory", memory)
            $0.member("network", network)
            $0.member("pids", pids)
            $0.member("rdma", rdma)
            $0.member("unified", unified)
        }
    }
}

extension LinuxDeviceRule: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("access", access)
            $0.member("allow", allow)
            $0.member("major", major)
            $0.member("minor", minor)
            $0.member("type", type)
        }
    }
}

extension LinuxMemory: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("checkBeforeUpdate", checkBeforeUpdate)
            $0.member("disableOOMKiller", disableOOMKiller)
            $0.member("kernel", kernel)
            $0.member("kernelTCP", kernelTCP)
            $0.member("limit", limit)
            $0.member("reservation", reservation)
            $0.member("swap", swap)
            $0.member("swappiness", swappiness)
            $0.member("useHierarchy", useHierarchy)
        }
    }
}

extension LinuxCPU: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("burst", burst)
            $0.member("cpus", cpus)
            $0.member("idle", idle)
            $0.member("mems", mems)
            $0.member("period", period)
            $0.member("quota", quota)
            $0.member("realtimePeriod", realtimePeriod)
            $0.member("realtimeRuntime", realtimeRuntime)
            $0.member("shares", shares)
        }
    }
}

extension LinuxPids: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("limit", limit)
        }
    }
}

extension LinuxBlockIO: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("leafWeight", leafWeight)
            $0.member("throttleReadBpsDevice", throttleReadBpsDevice)
            $0.member("throttleReadIOPSDevice", throttleReadIOPSDevice)
            $0.member("throttleWriteBpsDevice", throttleWriteBpsDevice)
            $0.member("throttleWriteIOPSDevice", throttleWriteIOPSDevice)
            $0.member("weight", weight)
            $0.member("weightDevice", weightDevice)
        }
    }
}

extension LinuxWeightDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("leafWeight", leafWeight)
            $0.member("major", major)
            $0.member("minor", minor)
            $0.member("weight", weight)
        }
    }
}

extension LinuxThrottleDevice: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("major", major)
            $0.member("minor", minor)
            $0.member("rate", rate)
        }
    }
}

extension LinuxHugepageLimit: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("limit", limit)
            $0.member("pageSize", pageSize)
        }
    }
}

extension LinuxNetworkResources: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("classID", classID)
            $0.member("priorities", priorities)
        }
    }
}

extension LinuxInterfacePriority: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("name", name)
            $0.member("priority", priority)
        }
    }
}

extension LinuxRdma: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("hcaHandles", hcaHandles)
            $0.member("hcaObjects", hcaObjects)
        }
    }
}

extension LinuxSeccomp: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("architectures", architectures)
            $0.member("defaultAction", defaultAction)
            $0.member("defaultErrnoRet", defaultErrnoRet)
            $0.member("flags", flags)
            $0.member("listenerMetadata", listenerMetadata)
            $0.member("listenerPath", listenerPath)
            $0.member("syscalls", syscalls)
        }
    }
}

extension SeccompSyscalls: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("action", action)
            $0.member("args", args)
            $0.member("errnoRet", errnoRet)
            $0.member("names", names)
        }
    }
}

extension SeccompArgument: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("index", index)
            $0.member("op", op)
            $0.member("value", value)
            $0.member("valueTwo", valueTwo)
        }
    }
}

extension SeccompAction: JSONWritable {
    package func write(to json: inout JSONWriter) { rawValue.write(to: &json) }
}

extension SeccompOperator: JSONWritable {
    package func write(to json: inout JSONWriter) { rawValue.write(to: &json) }
}
