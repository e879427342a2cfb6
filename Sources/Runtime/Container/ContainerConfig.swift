import Glibc
import Kernel
package import OCI

/// `config.json`: reading it, and refusing by name what is not supported.
package enum ContainerConfig {
    /// Generous: a configuration has some 10 KB.
    private static let maximumLength = 16 << 20

    package static func read(bundle: String) throws(RuntimeError) -> RuntimeSpec {
        let path = "\(bundle)/config.json"
        let bytes = try attempt(.config, "reading the configuration") { () throws(SyscallError) in
            try Sys.readFile(path, limit: maximumLength)
        }
        let spec: RuntimeSpec = try decode(bytes, path)
        guard spec.ociVersion.hasPrefix("1.") else {
            throw RuntimeError(.config, "\(path): ociVersion is «\(spec.ociVersion)»; this runtime reads version 1")
        }
        return spec
    }

    /// `name`: of the document, for the error.
    package static func decode<Value: JSONReadable>(_ bytes: [UInt8], _ name: String) throws(RuntimeError) -> Value {
        do { return try Value.read(bytes) } catch { throw RuntimeError(.config, "\(name): \(error)") }
    }

    /// What the request and the configuration must agree on, and what is not supported.
    static func check(_ spec: RuntimeSpec, _ request: LaunchRequest, _ namespaces: NamespacePlan) throws(RuntimeError) {
        guard namespaces.pid == request.pidNamespace else {
            throw RuntimeError(
                .request, "the pid namespace in config.json is not the one that the container was launched with")
        }
        func refuse(_ present: Bool, _ name: String) throws(RuntimeError) {
            if present { throw RuntimeError(.config, "\(name) is not supported") }
        }
        let linux = spec.linux
        try refuse(namespaces.isPrivate(.user), "linux.namespaces: a user namespace")
        try refuse(!(linux?.uidMappings ?? []).isEmpty || !(linux?.gidMappings ?? []).isEmpty, "linux.uidMappings")
        try refuse(!(linux?.netDevices ?? [:]).isEmpty, "linux.netDevices")
        try refuse(linux?.intelRdt != nil, "linux.intelRdt")
        try refuse(linux?.memoryPolicy != nil, "linux.memoryPolicy")
        try refuse(!(linux?.mountLabel ?? "").isEmpty, "linux.mountLabel")
        try refuse(linux?.seccomp?.listenerPath != nil, "linux.seccomp.listenerPath")
        try refuse(spec.process?.execCPUAffinity != nil, "process.execCPUAffinity of a container's first process")
        if request.runtimeHooks == nil, let hooks = spec.hooks {
            let outside =
                (hooks.prestart ?? []) + (hooks.createRuntime ?? []) + (hooks.poststart ?? []) + (hooks.poststop ?? [])
            guard outside.isEmpty else {
                throw RuntimeError(
                    .config,
                    "hooks.prestart, createRuntime, poststart and poststop run outside of the container, and "
                        + "nobody does that for a container that a monitor starts; use box-runtime create")
            }
        }
        for (name, value, kind) in [
            ("hostname", spec.hostname, LinuxNamespaceType.uts), ("domainname", spec.domainname, .uts),
        ] where value?.isEmpty == false && !namespaces.isPrivate(kind) {
            throw RuntimeError(.config, "\(name) is set, and the container shares the host's UTS namespace")
        }
        guard let root = spec.root, !root.path.isEmpty else {
            throw RuntimeError(.config, "root.path is missing")
        }
        guard (spec.process?.terminal ?? false) == (request.stdio == .terminal) else {
            throw RuntimeError(
                .request,
                "process.terminal is \(spec.process?.terminal ?? false), and the container was launched with "
                    + (request.stdio == .terminal ? "a terminal" : "plain streams"))
        }
    }

    static func state(_ request: LaunchRequest, _ spec: RuntimeSpec, _ status: String) -> RuntimeState {
        RuntimeState(
            ociVersion: RuntimeSpecVersion.current, id: request.id, status: status, pid: getpid(),
            bundle: request.bundle, annotations: spec.annotations)
    }
}
