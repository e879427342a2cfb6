import Glibc
import Kernel
import OCI
import Seccomp

/// The way of a container's first process from the fork to its program.
enum ContainerInit {
    static func run(_ request: LaunchRequest, _ channel: LaunchChannel, _ ahead: MadeAhead? = nil) -> Never {
        do {
            try start(request, channel, ahead)
        } catch {
            try? channel.send(.failed(error))
            _exit(error.exitCode)
        }
    }

    /// What a process has of a container that it does not know yet.
    struct MadeAhead {
        let namespaces: Namespaces.Kinds
        let mounts: PreparedMounts

        /// The network namespace that was made for it can be left for one that is given, or has a path; but there is no
        /// way back to the launcher's.
        func fits(_ plan: NamespacePlan) -> Bool {
            plan.areNew(namespaces.subtracting(.network))
                && (plan.isPrivate(.network) || !namespaces.contains(.network))
        }

        /// What the process needs no other one of.
        func entered(_ request: LaunchRequest) -> Namespaces.Kinds {
            request.networkNamespace == nil ? namespaces : namespaces.subtracting(.network)
        }
    }

    private static func start(_ request: LaunchRequest, _ channel: LaunchChannel, _ ahead: MadeAhead?)
        throws(RuntimeError) -> Never
    {
        let spec = if let known = request.spec { known } else { try ContainerConfig.read(bundle: request.bundle) }
        let namespaces = try NamespacePlan(spec.linux?.namespaces)
        if let ahead, !ahead.fits(namespaces) {
            try channel.send(.unfit)
            _exit(0)
        }
        try ContainerConfig.check(spec, request, namespaces)
        guard let process = spec.process else {
            throw RuntimeError(.config, "config.json has no process; there is nothing to start")
        }
        // All that can be wrong with the configuration alone is found before anything is made.
        let program = try Program(process)
        let filter = try SeccompSource.filter(request.seccompProgram, spec.linux?.seccomp)
        let proc = try HostProc()
        let attributes = try ProcessAttributes(process, proc)
        let cgroup = try ContainerCgroup.path(spec.linux?.cgroupsPath, id: request.id)
        // Told before it is made, so that the launcher removes it whatever happens from here on.
        try channel.send(.cgroup(cgroup))
        if request.cgroup == cgroup { try channel.waitForProceed() } else { try ContainerCgroup.create(cgroup) }
        // Before the cgroup namespace: its root is where its maker is at that moment.
        try ContainerCgroup.enter(cgroup, DeviceNodes.allowing(spec.linux?.devices, in: spec.linux?.resources))
        try namespaces.enter(network: request.networkNamespace, except: ahead?.entered(request) ?? [])
        try namespaces.setClocks(spec.linux?.timeOffsets, proc)
        let terminal = try ContainerRoot.make(request, spec, process, namespaces, proc, channel, ahead?.mounts)
        try ProcessAttributes.setPersonality(spec.linux?.personality)
        let credentials = try Credentials(process, filter: filter)
        for warning in credentials.capabilities.warnings { try channel.send(.warning(warning)) }
        let ready = ProgramStart(
            process: process, program: program, credentials: credentials, attributes: attributes, terminal: terminal,
            stdio: request.stdio, preservedDescriptors: request.preservedDescriptors)
        _ = consume proc
        let gate = ProgramStart.Gate(
            hold: { (channel: LaunchChannel) throws(RuntimeError) in
                if request.holdBeforeExec { try hold(channel, request.startListener) }
                try HookRunner.run(
                    spec.hooks?.startContainer, "startContainer", ContainerConfig.state(request, spec, "created"))
            },
            dieWithParent: request.dieWithParent, keepInit: request.initProcess)
        try ready.run(channel, gate)
    }

    /// Waits for the word to start: from the launcher, or from whoever connects to the listener.
    private static func hold(_ channel: LaunchChannel, _ listener: Int32?) throws(RuntimeError) {
        try channel.send(.held)
        if let listener {
            let connection = try attempt(.handshake, "waiting to be started") {
                () throws(SyscallError) -> FileDescriptor in
                while true {
                    _ = try Sys.poll(listener, for: .reading)
                    if let connection = try Sys.accept(from: listener) {
                        try connection.setNonBlocking(false)
                        return connection
                    }
                }
            }
            channel.exchange(connection)
        }
        try channel.waitForProceed()
    }
}

/// Compiled filters come with the request; else the configuration has the profile.
enum SeccompSource {
    static func filter(_ compiled: [UInt8]?, _ profile: LinuxSeccomp?) throws(RuntimeError) -> SeccompProgram? {
        if let compiled {
            guard !compiled.isEmpty, compiled.count % 8 == 0, compiled.count / 8 <= 4096 else {
                throw RuntimeError(
                    .seccomp, "the compiled seccomp filter has \(compiled.count) bytes, which no filter has")
            }
            return SeccompProgram(instructions: compiled)
        }
        guard let profile else { return nil }
        return try compile(profile)
    }

    static func compile(_ profile: LinuxSeccomp) throws(RuntimeError) -> SeccompProgram {
        do {
            return SeccompProgram(
                instructions: try SeccompCompiler.compile(profile), flags: try SeccompCompiler.flags(of: profile))
        } catch {
            throw RuntimeError(.seccomp, "linux.seccomp: \(error)")
        }
    }
}
