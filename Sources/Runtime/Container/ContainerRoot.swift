import Glibc
import Kernel
import OCI

/// Everything of a container's file system, from the overlay to the change of the root; in its own namespaces.
enum ContainerRoot {
    /// Returns the container's side of its terminal, if it has one.
    static func make(
        _ request: LaunchRequest, _ spec: RuntimeSpec, _ process: ProcessSpec, _ namespaces: NamespacePlan,
        _ proc: borrowing HostProc, _ channel: LaunchChannel, _ prepared: PreparedMounts?
    ) throws(RuntimeError) -> SharedDescriptor? {
        let linux = spec.linux
        let configured = spec.root?.path ?? ""
        let path = configured.hasPrefix("/") ? configured : "\(request.bundle)/\(configured)"
        let propagation = try RootFilesystem.Propagation(linux?.rootfsPropagation)
        try RootFilesystem.isolate(propagation, rootPath: path)
        let overlay = request.awaitsOverlay ? try channel.waitForOverlay() : nil
        let mounts = ContainerMounts(
            root: try RootFilesystem.mount(path: path, overlay: request.overlay, made: overlay), bundle: request.bundle,
            hasCgroupNamespace: namespaces.isPrivate(.cgroup), devices: linux?.devices, prepared: prepared)
        if request.handsOverMounts, request.overlay != nil {
            if hasForeignFiles(request, spec) {
                try channel.send(.mounts, descriptor: mounts.root.raw)
            } else {
                let namespace = try proc.mountNamespace()
                try channel.send(.mounts, descriptor: namespace.raw)
            }
        }
        // Modes of mount points and devices are meant as they are written.
        Sys.setFileCreationMask(0)
        for mount in spec.mounts ?? [] { try mounts.make(mount) }
        let root = mounts.takeRoot()
        if !isBound("/dev", spec) {
            try DeviceNodes.make(linux?.devices, hasDefaults: prepared?.hasDevices ?? false, in: root)
        }
        var terminal: SharedDescriptor?
        if request.stdio == .terminal {
            let peer = try ContainerTerminal.open(in: root, process, channel)
            try ContainerTerminal.bindConsole(peer, in: root)
            terminal = SharedDescriptor(peer)
        }
        try WorkingDirectory.make(process.cwd, in: root)
        // Before /proc/sys becomes read-only; and through the host's /proc, not through what was just mounted.
        try KernelParameters.apply(linux?.sysctl, namespaces, proc)
        try setNames(spec)
        try runCreationHooks(request, spec, channel)
        // After the hooks: they may still mount and write.
        try HiddenPaths.makeReadOnly(linux?.readonlyPaths, in: root)
        try HiddenPaths.mask(linux?.maskedPaths, with: prepared?.emptyDirectory, in: root)
        if spec.root?.readonly ?? false { try RootFilesystem.makeReadOnly(root) }
        try RootFilesystem.pivot(to: root, propagation)
        return terminal
    }

    /// Whether it has files that are not of its own bundle. Who gave it those, a disk or a volume, may want to unmount
    /// them as soon as it has ended.
    private static func hasForeignFiles(_ request: LaunchRequest, _ spec: RuntimeSpec) -> Bool {
        (spec.mounts ?? []).contains { mount in
            mount.isBind && !(mount.source ?? "").hasPrefix(request.bundle + "/")
        }
    }

    /// A bound `/dev` is somebody else's, and has its devices.
    private static func isBound(_ destination: String, _ spec: RuntimeSpec) -> Bool {
        (spec.mounts ?? []).contains { $0.destination == destination && $0.isBind }
    }

    private static func setNames(_ spec: RuntimeSpec) throws(RuntimeError) {
        try attempt(.namespaces, "setting the host name") { () throws(SyscallError) in
            if let name = spec.hostname, !name.isEmpty { try Processes.setHostname(name) }
            if let name = spec.domainname, !name.isEmpty { try Processes.setDomainname(name) }
        }
    }

    /// The environment is made, and the root is not changed yet: prestart and createRuntime outside, by the launcher,
    /// and then createContainer here.
    private static func runCreationHooks(
        _ request: LaunchRequest, _ spec: RuntimeSpec, _ channel: LaunchChannel
    ) throws(RuntimeError) {
        guard let hooks = spec.hooks else { return }
        if !(hooks.prestart ?? []).isEmpty || !(hooks.createRuntime ?? []).isEmpty {
            try channel.send(.hooks)
            try channel.waitForProceed()
        }
        try HookRunner.run(hooks.createContainer, "createContainer", ContainerConfig.state(request, spec, "creating"))
    }
}
