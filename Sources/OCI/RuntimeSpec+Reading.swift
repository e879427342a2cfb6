// The types of `config.json`, read member by member: see `JSONReadable`.

extension RuntimeSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            ociVersion: try json.required("ociVersion"), process: try json.optional("process"),
            root: try json.optional("root"), hostname: try json.optional("hostname"),
            domainname: try json.optional("domainname"), mounts: try json.optional("mounts"),
            hooks: try json.optional("hooks"), annotations: try json.optional("annotations"),
            linux: try json.optional("linux"))
    }
}

extension RootSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            path: try json.required("path"), readonly: try json.optional("readonly"))
    }
}

extension MountSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            destination: try json.required("destination"), type: try json.optional("type"),
            source: try json.optional("source"), options: try json.optional("options"),
            uidMappings: try json.optional("uidMappings"), gidMappings: try json.optional("gidMappings"))
    }
}

extension IDMapping: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            containerID: try json.required("containerID"), hostID: try json.required("hostID"),
            size: try json.required("size"))
    }
}

extension Hooks: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            prestart: try json.optional("prestart"), createRuntime: try json.optional("createRuntime"),
            createContainer: try json.optional("createContainer"),
            startContainer: try json.optional("startContainer"), poststart: try json.optional("poststart"),
            poststop: try json.optional("poststop"))
    }
}

extension Hook: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            path: try json.required("path"), args: try json.optional("args"), env: try json.optional("env"),
            timeout: try json.optional("timeout"))
    }
}

extension ProcessSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            terminal: try json.optional("terminal"), consoleSize: try json.optional("consoleSize"),
            user: try json.optional("user"), args: try json.optional("args"),
            commandLine: try json.optional("commandLine"), env: try json.optional("env"),
            cwd: try json.required("cwd"), capabilities: try json.optional("capabilities"),
            rlimits: try json.optional("rlimits"), noNewPrivileges: try json.optional("noNewPrivileges"),
            oomScoreAdj: try json.optional("oomScoreAdj"), apparmorProfile: try json.optional("apparmorProfile"),
            selinuxLabel: try json.optional("selinuxLabel"), scheduler: try json.optional("scheduler"),
            ioPriority: try json.optional("ioPriority"), execCPUAffinity: try json.optional("execCPUAffinity"))
    }
}

extension ConsoleSize: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            height: try json.required("height"), width: try json.required("width"))
    }
}

extension UserSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            uid: try json.optional("uid"), gid: try json.optional("gid"), umask: try json.optional("umask"),
            additionalGids: try json.optional("additionalGids"), username: try json.optional("username"))
    }
}

extension CapabilitySets: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            bounding: try json.optional("bounding"), effective: try json.optional("effective"),
            inheritable: try json.optional("inheritable"), permitted: try json.optional("permitted"),
            ambient: try json.optional("ambient"))
    }
}

extension ResourceLimit: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            type: try json.required("type"), hard: try json.required("hard"), soft: try json.required("soft"))
    }
}

extension Scheduler: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            policy: try json.required("policy"), nice: try json.optional("nice"),
            priority: try json.optional("priority"), flags: try json.optional("flags"),
            runtime: try json.optional("runtime"), deadline: try json.optional("deadline"),
            period: try json.optional("period"))
    }
}

extension IOPriority: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            class: try json.required("class"), priority: try json.optional("priority"))
    }
}

extension ExecCPUAffinity: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            initial: try json.optional("initial"), final: try json.optional("final"))
    }
}

extension LinuxSpec: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            namespaces: try json.optional("namespaces"), uidMappings: try json.optional("uidMappings"),
            gidMappings: try json.optional("gidMappings"), timeOffsets: try json.optional("timeOffsets"),
            devices: try json.optional("devices"), netDevices: try json.optional("netDevices"),
            cgroupsPath: try json.optional("cgroupsPath"), resources: try json.optional("resources"),
            sysctl: try json.optional("sysctl"), seccomp: try json.optional("seccomp"),
            rootfsPropagation: try json.optional("rootfsPropagation"), maskedPaths: try json.optional("maskedPaths"),
            readonlyPaths: try json.optional("readonlyPaths"), mountLabel: try json.optional("mountLabel"),
            intelRdt: try json.optional("intelRdt"), memoryPolicy: try json.optional("memoryPolicy"),
            personality: try json.optional("personality"))
    }
}

extension LinuxNamespaceType: JSONReadable {}

extension LinuxNamespace: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            type: try json.required("type"), path: try json.optional("path"))
    }
}

extension LinuxTimeOffsets: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            boottime: try json.optional("boottime"), monotonic: try json.optional("monotonic"))
    }
}

extension LinuxTimeOffset: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            secs: try json.optional("secs"), nanosecs: try json.optional("nanosecs"))
    }
}

extension LinuxDevice: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            type: try json.required("type"), path: try json.required("path"), major: try json.optional("major"),
            minor: try json.optional("minor"), fileMode: try json.optional("fileMode"), uid: try json.optional("uid"),
            gid: try json.optional("gid"))
    }
}

extension LinuxNetDevice: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            name: try json.optional("name"))
    }
}

extension LinuxIntelRdt: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            closID: try json.optional("closID"), schemata: try json.optional("schemata"),
            l3CacheSchema: try json.optional("l3CacheSchema"), memBwSchema: try json.optional("memBwSchema"),
            enableMonitoring: try json.optional("enableMonitoring"))
    }
}

extension LinuxMemoryPolicy: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            mode: try json.optional("mode"), nodes: try json.optional("nodes"), flags: try json.optional("flags"))
    }
}

extension LinuxPersonality: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            domain: try json.optional("domain"), flags: try json.optional("flags"))
    }
}

extension LinuxResources: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            devices: try json.optional("devices"), memory: try json.optional("memory"), cpu: try json.optional("cpu"),
            pids: try json.optional("pids"), blockIO: try json.optional("blockIO"),
            hugepageLimits: try json.optional("hugepageLimits"), network: try json.optional("network"),
            rdma: try json.optional("rdma"), unified: try json.optional("unified"))
    }
}

extension LinuxDeviceRule: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            allow: try json.required("allow"), type: try json.optional("type"), major: try json.optional("major"),
            minor: try json.optional("minor"), access: try json.optional("access"))
    }
}

extension LinuxMemory: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            limit: try json.optional("limit"), reservation: try json.optional("reservation"),
            swap: try json.optional("swap"), kernel: try json.optional("kernel"),
            kernelTCP: try json.optional("kernelTCP"), swappiness: try json.optional("swappiness"),
            disableOOMKiller: try json.optional("disableOOMKiller"), useHierarchy: try json.optional("useHierarchy"),
            checkBeforeUpdate: try json.optional("checkBeforeUpdate"))
    }
}

extension LinuxCPU: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            shares: try json.optional("shares"), quota: try json.optional("quota"), burst: try json.optional("burst"),
            period: try json.optional("period"), realtimeRuntime: try json.optional("realtimeRuntime"),
            realtimePeriod: try json.optional("realtimePeriod"), cpus: try json.optional("cpus"),
            mems: try json.optional("mems"), idle: try json.optional("idle"))
    }
}

extension LinuxPids: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            limit: try json.optional("limit"))
    }
}

extension LinuxBlockIO: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            weight: try json.optional("weight"), leafWeight: try json.optional("leafWeight"),
            weightDevice: try json.optional("weightDevice"),
            throttleReadBpsDevice: try json.optional("throttleReadBpsDevice"),
            throttleWriteBpsDevice: try json.optional("throttleWriteBpsDevice"),
            throttleReadIOPSDevice: try json.optional("throttleReadIOPSDevice"),
            throttleWriteIOPSDevice: try json.optional("throttleWriteIOPSDevice"))
    }
}

extension LinuxWeightDevice: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            major: try json.required("major"), minor: try json.required("minor"), weight: try json.optional("weight"),
            leafWeight: try json.optional("leafWeight"))
    }
}

extension LinuxThrottleDevice: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            major: try json.required("major"), minor: try json.required("minor"), rate: try json.optional("rate"))
    }
}

extension LinuxHugepageLimit: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            pageSize: try json.required("pageSize"), limit: try json.required("limit"))
    }
}

extension LinuxNetworkResources: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            classID: try json.optional("classID"), priorities: try json.optional("priorities"))
    }
}

extension LinuxInterfacePriority: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            name: try json.required("name"), priority: try json.optional("priority"))
    }
}

extension LinuxRdma: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            hcaHandles: try json.optional("hcaHandles"), hcaObjects: try json.optional("hcaObjects"))
    }
}

extension LinuxSeccomp: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            defaultAction: try json.required("defaultAction"), defaultErrnoRet: try json.optional("defaultErrnoRet"),
            architectures: try json.optional("architectures"), flags: try json.optional("flags"),
            listenerPath: try json.optional("listenerPath"), listenerMetadata: try json.optional("listenerMetadata"),
            syscalls: try json.optional("syscalls"))
    }
}

extension SeccompSyscalls: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            names: try json.required("names"), action: try json.required("action"),
            errnoRet: try json.optional("errnoRet"), args: try json.optional("args"))
    }
}

extension SeccompArgument: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            index: try json.required("index"), value: try json.required("value"),
            valueTwo: try json.optional("valueTwo"), op: try json.required("op"))
    }
}

extension SeccompAction: JSONReadable {}

extension SeccompOperator: JSONReadable {}
