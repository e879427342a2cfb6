import APIModel
import OCI

/// What is the same for a container's own program and those that `exec` adds.
struct ProcessFactory {
    let host: HostConfig
    let facts: HostFacts

    func process(
        _ arguments: [String], environment: [String], directory: String, user: ResolvedUser, terminal: Bool,
        privileged: Bool, size: [Int]
    ) throws(SpecError) -> ProcessSpec {
        ProcessSpec(
            terminal: terminal, consoleSize: terminal ? consoleSize(size) : nil,
            user: UserSpec(uid: user.uid, gid: user.gid, additionalGids: user.additionalGids), args: arguments,
            env: environment, cwd: directory.isEmpty ? "/" : ContainerPath.clean(directory) ?? directory,
            capabilities: try capabilities(user, privileged: privileged),
            rlimits: try ResourceLimits.ofContainer(host.resources.ulimits ?? [], facts),
            noNewPrivileges: try SecurityOptions(host).noNewPrivileges, oomScoreAdj: host.oomScoreAdj)
    }

    /// What a program of an ordinary user could use is none: else the kernel would let it start files, with
    /// privileges of root, that its user may not.
    private func capabilities(_ user: ResolvedUser, privileged: Bool) throws(SpecError) -> CapabilitySets {
        let names = try CapabilitySet.ofContainer(
            add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: privileged, bounding: facts.bounding
        ).names
        let usable = user.uid == 0 ? names : []
        return CapabilitySets(bounding: names, effective: usable, inheritable: [], permitted: usable, ambient: [])
    }

    private func consoleSize(_ size: [Int]) -> ConsoleSize? {
        guard size.count == 2, size[0] > 0, size[1] > 0 else { return nil }
        return ConsoleSize(height: UInt(size[0]), width: UInt(size[1]))
    }
}
