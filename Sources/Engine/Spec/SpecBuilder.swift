package import APIModel
package import OCI

/// All that decides how a container is made.
package struct SpecInput: Sendable {
    /// A mount of the user's, and where on the host its files are. A volume's subpath is resolved already.
    package struct Bound: Sendable {
        package var mount: PlannedMount
        /// A path on the host; not used for a tmpfs.
        package var hostPath: String
        package init(_ mount: PlannedMount, hostPath: String = "") {
            self.mount = mount
            self.hostPath = hostPath
        }
    }
    /// Namespaces to join, as paths such as `/proc/7/ns/net`, for the modes `container:…`.
    package struct Joined: Hashable, Sendable {
        package var pid: String?
        package var ipc: String?
        package var network: String?
        package init(pid: String? = nil, ipc: String? = nil, network: String? = nil) {
            self.pid = pid
            self.ipc = ipc
            self.network = network
        }
    }
    /// Files of the host to bind over those of the image. nil: the image's own stays.
    package struct Files: Hashable, Sendable {
        package var hosts: String?
        package var hostname: String?
        package var resolver: String?
        package init(hosts: String? = nil, hostname: String? = nil, resolver: String? = nil) {
            self.hosts = hosts
            self.hostname = hostname
            self.resolver = resolver
        }
    }

    /// Merged with the image's; its hostname is the one that the container gets.
    package var config: ContainerConfig
    package var hostConfig: HostConfig
    package var rootPath: String
    package var cgroupsPath: String
    package var mounts: [Bound]
    package var user: ResolvedUser
    package var files: Files
    package var joined: Joined
    /// The host's directory that containers with a shared IPC namespace have as /dev/shm.
    package var sharedShm: String?
    package var host: HostFacts

    package init(
        config: ContainerConfig, hostConfig: HostConfig, rootPath: String, cgroupsPath: String, mounts: [Bound] = [],
        user: ResolvedUser, files: Files = Files(), joined: Joined = Joined(), sharedShm: String? = nil,
        host: HostFacts
    ) {
        self.config = config
        self.hostConfig = hostConfig
        self.rootPath = rootPath
        self.cgroupsPath = cgroupsPath
        self.mounts = mounts
        self.user = user
        self.files = files
        self.joined = joined
        self.sharedShm = sharedShm
        self.host = host
    }
}

/// A container's `config.json`, from what was validated, planned and looked up. It has no seccomp filter: that is
/// compiled apart, as `SecurityOptions` says. `--init` is the runtime's too.
package enum SpecBuilder {
    package static func build(_ input: SpecInput) throws -> RuntimeSpec {
        let (config, host) = (input.config, input.hostConfig)
        let modes = try NamespaceModes(host)
        let (devices, deviceRules) = try DeviceSpec.specification(host, input.host.devices)
        var resources = try ResourcesSpec.limits(host.resources, input.host.devices)
        resources.devices = deviceRules
        return RuntimeSpec(
            ociVersion: RuntimeSpecVersion.current, process: try process(input),
            root: RootSpec(path: input.rootPath, readonly: host.readonlyRootfs),
            // In a UTS namespace that is not its own, a container must not rename the host.
            hostname: modes.uts == .private ? config.hostname : nil,
            domainname: modes.uts == .private && !config.domainname.isEmpty ? config.domainname : nil,
            mounts: try mounts(input, modes), annotations: host.annotations,
            linux: LinuxSpec(
                namespaces: try namespaces(modes, input.joined), devices: devices, cgroupsPath: input.cgroupsPath,
                resources: resources, sysctl: Sysctls.ofContainer(host.sysctls ?? [:], modes),
                rootfsPropagation: propagation(input.mounts),
                maskedPaths: DefaultMounts.maskedPaths(host, input.host),
                readonlyPaths: DefaultMounts.readonlyPaths(host)))
    }

    /// The hostname of a container that was given none: its own short id, or the host's where it shares that name.
    package static func hostname(_ config: ContainerConfig, _ modes: NamespaceModes, shortID: String, _ host: HostFacts)
        -> String
    {
        if !config.hostname.isEmpty { return config.hostname }
        return modes.uts == .host || modes.network == .host ? host.hostname : shortID
    }

    private static func process(_ input: SpecInput) throws -> ProcessSpec {
        let (config, host) = (input.config, input.hostConfig)
        let arguments = (config.entrypoint ?? []) + (config.cmd ?? [])
        let environment = EnvironmentVariables.ofContainer(
            config.env ?? [], hostname: config.hostname, terminal: config.tty, home: input.user.home)
        return try ProcessFactory(host: host, facts: input.host).process(
            arguments, environment: environment, directory: config.workingDir, user: input.user, terminal: config.tty,
            privileged: host.privileged, size: host.consoleSize ?? [])
    }

    private static func namespaces(_ modes: NamespaceModes, _ joined: SpecInput.Joined) throws(SpecError)
        -> [LinuxNamespace]
    {
        func path(_ path: String?, of mode: String) throws(SpecError) -> String {
            guard let path else {
                throw .invalid("the container whose \(mode) namespace is to be joined is not running")
            }
            return path
        }
        var namespaces = [LinuxNamespace(type: .mount), LinuxNamespace(type: .cgroup)]
        if modes.uts == .private { namespaces.append(LinuxNamespace(type: .uts)) }
        switch modes.pid {
        case .private: namespaces.append(LinuxNamespace(type: .pid))
        case .container: namespaces.append(LinuxNamespace(type: .pid, path: try path(joined.pid, of: "pid")))
        case .host: break
        }
        switch modes.ipc {
        case .private, .shareable, .none: namespaces.append(LinuxNamespace(type: .ipc))
        case .container: namespaces.append(LinuxNamespace(type: .ipc, path: try path(joined.ipc, of: "ipc")))
        case .host: break
        }
        switch modes.network {
        case .none, .network: namespaces.append(LinuxNamespace(type: .network))
        case .container:
            namespaces.append(LinuxNamespace(type: .network, path: try path(joined.network, of: "network")))
        case .host: break
        }
        return namespaces
    }

    /// The file systems that every container has, then the container's files and the user's mounts, parents first.
    /// A mount of the user's takes the place of one of ours.
    private static func mounts(_ input: SpecInput, _ modes: NamespaceModes) throws(SpecError) -> [MountSpec] {
        let taken = Set(input.mounts.map(\.mount.destination))
        var own = input.mounts.map { specification($0) }
        func add(_ source: String?, _ destination: String, _ options: [String]) {
            guard let source, !taken.contains(destination) else { return }
            own.append(MountSpec(destination: destination, type: "bind", source: source, options: options))
        }
        // Writable even over a read-only root, as Docker's: programs like to edit them.
        add(input.files.resolver, "/etc/resolv.conf", ["bind", "rprivate"])
        add(input.files.hostname, "/etc/hostname", ["bind", "rprivate"])
        add(input.files.hosts, "/etc/hosts", ["bind", "rprivate"])
        own.sort {
            (ContainerPath.depth($0.destination), $0.destination) < (
                ContainerPath.depth($1.destination), $1.destination
            )
        }
        // Under a /dev of the user's, ours would be in their way.
        let hidden = taken.contains("/dev") ? "/dev/" : "//"
        return try DefaultMounts.mounts(input.hostConfig, modes, sharedShm: input.sharedShm)
            .filter { !taken.contains($0.destination) && !$0.destination.hasPrefix(hidden) } + own
    }

    private static func specification(_ bound: SpecInput.Bound) -> MountSpec {
        let mount = bound.mount
        if mount.kind == .tmpfs {
            return MountSpec(destination: mount.destination, type: "tmpfs", source: "tmpfs", options: mount.options)
        }
        // A volume has no mounts below it, and none of the container's is to reach others.
        let recursive = mount.kind == .bind && !mount.nonRecursive
        var options = [recursive ? "rbind" : "bind", mount.propagation.isEmpty ? "rprivate" : mount.propagation]
        if mount.readOnly {
            options.append("ro")
            if recursive, !mount.readOnlyTopOnly { options.append("rro") }
        }
        return MountSpec(destination: mount.destination, type: "bind", source: bound.hostPath, options: options)
    }

    /// A mount that shares, or receives, needs a root that does so too.
    private static func propagation(_ mounts: [SpecInput.Bound]) -> String? {
        let kinds = Set(mounts.map { $0.mount.propagation })
        if kinds.contains("shared") || kinds.contains("rshared") { return "shared" }
        return kinds.contains("slave") || kinds.contains("rslave") ? "slave" : nil
    }
}
