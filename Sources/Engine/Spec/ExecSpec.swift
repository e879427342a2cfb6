package import APIModel
package import OCI

/// A further program in a running container, as the runtime takes it.
package enum ExecSpec {
    /// Whom it runs as, for `UserLookup`: the request's user, else the container's.
    package static func user(_ request: ExecCreateRequest, _ config: ContainerConfig) -> String {
        request.user.isEmpty ? config.user : request.user
    }

    /// - Parameters:
    ///   - config: the container's, merged with its image's.
    ///   - size: rows and columns of the terminal, when known.
    package static func process(
        _ request: ExecCreateRequest, _ config: ContainerConfig, _ host: HostConfig, user: ResolvedUser,
        size: [UInt16]? = nil, facts: HostFacts
    ) throws(SpecError) -> ProcessSpec {
        try check(request)
        var entries = EnvironmentVariables.ofContainer(
            config.env ?? [], hostname: config.hostname, terminal: request.tty || config.tty, home: user.home)
        // The user's own home, unless somebody said otherwise.
        entries = EnvironmentVariables.override(entries, with: request.environment)
        let directory = request.workingDirectory.isEmpty ? config.workingDir : request.workingDirectory
        return try ProcessFactory(host: host, facts: facts).process(
            request.command, environment: EnvironmentVariables.withHome(entries, user.home), directory: directory,
            user: user, terminal: request.tty, privileged: host.privileged || request.privileged,
            size: (size ?? request.consoleSize ?? []).map(Int.init))
    }

    /// Throws for a request that no container could run.
    package static func check(_ request: ExecCreateRequest) throws(SpecError) {
        guard !request.command.isEmpty else { throw .invalid("No exec command specified") }
        for word in request.command where word.utf8.contains(0) {
            throw .invalid("the command has an argument with a zero byte: \(word.quoted)")
        }
        for entry in request.environment
        where entry.isEmpty || entry.utf8.contains(0) || entry.utf8.first == UInt8(ascii: "=") {
            throw .invalid("invalid environment variable: \(entry.quoted)")
        }
        let directory = request.workingDirectory
        guard directory.isEmpty || ContainerPath.clean(directory) != nil else {
            throw .invalid("the working directory \(directory.quoted) is invalid, it needs to be an absolute path")
        }
    }

    /// The request that runs a health check's test; nil for a check that is none.
    package static func healthCheck(_ config: ContainerConfig) -> ExecCreateRequest? {
        guard let test = config.healthcheck?.test, let kind = test.first else { return nil }
        let command: [String]
        switch kind {
        case "CMD": command = Array(test.dropFirst())
        case "CMD-SHELL": command = (config.shell ?? ["/bin/sh", "-c"]) + test.dropFirst()
        default: return nil
        }
        return ExecCreateRequest(attachStdout: true, attachStderr: true, command: command)
    }
}
