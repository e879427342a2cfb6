package import APIModel
package import OCI

/// An image's configuration and a container's own made one, by Docker's rules.
package enum ConfigMerge {
    /// What the container says wins. Throws `no command specified` when neither says what to run.
    package static func merge(_ container: ContainerConfig, over image: ExecutionConfig) throws(SpecError)
        -> ContainerConfig
    {
        var config = container
        if config.user.isEmpty { config.user = image.user ?? "" }
        if config.workingDir.isEmpty { config.workingDir = rooted(image.workingDir ?? "") }
        if config.stopSignal == nil || config.stopSignal == "" { config.stopSignal = image.stopSignal }
        if config.stopTimeout == nil { config.stopTimeout = image.stopTimeout }
        if config.shell == nil { config.shell = image.shell }
        config.env = environment(config.env ?? [], over: image.env)
        config.labels = image.labels.merging(config.labels ?? [:]) { $1 }
        config.exposedPorts = union(config.exposedPorts, image.exposedPorts)
        config.volumes = union(config.volumes, image.volumes)
        config.healthcheck = healthcheck(config.healthcheck, over: image.healthcheck)
        try mergeCommand(&config, image)
        return config
    }

    /// A container's entrypoint also does away with the image's command, which was meant for the image's own.
    private static func mergeCommand(_ config: inout ContainerConfig, _ image: ExecutionConfig) throws(SpecError) {
        if (config.entrypoint ?? []).isEmpty {
            if (config.cmd ?? []).isEmpty { config.cmd = image.cmd }
            if config.entrypoint == nil { config.entrypoint = image.entrypoint }
        }
        // How Docker writes `--entrypoint ""`: none.
        if config.entrypoint == [""] { config.entrypoint = nil }
        if (config.entrypoint ?? []).isEmpty, (config.cmd ?? []).isEmpty { throw .invalid("no command specified") }
    }

    /// The container's variables, then those of the image that it does not name. A name without a value keeps
    /// the image's variable of that name out, as it removes it from the program's environment.
    static func environment(_ own: [String], over image: [String]) -> [String] {
        let names = Set(own.map(EnvironmentVariables.name))
        return own + image.filter { !names.contains(EnvironmentVariables.name($0)) }
    }

    static func healthcheck(_ own: HealthConfig?, over image: Healthcheck?) -> HealthConfig? {
        guard let image else { return own }
        var merged = own ?? HealthConfig()
        if (merged.test ?? []).isEmpty { merged.test = image.test }
        // Numbers say nothing about a check that is switched off.
        if merged.test?.first == "NONE" { return merged }
        func inherit<Value: Equatable & ZeroValue>(_ own: Value?, _ image: Value?) -> Value? {
            own == nil || own == Value.zero ? image : own
        }
        merged.interval = inherit(merged.interval, image.interval)
        merged.timeout = inherit(merged.timeout, image.timeout)
        merged.startPeriod = inherit(merged.startPeriod, image.startPeriod)
        merged.startInterval = inherit(merged.startInterval, image.startInterval)
        merged.retries = inherit(merged.retries, image.retries)
        return merged
    }

    private static func union(_ own: [String: EmptyObject]?, _ image: JSONSet) -> [String: EmptyObject]? {
        guard own != nil || !image.isEmpty else { return nil }
        return image.values.reduce(into: own ?? [:]) { $0[$1] = EmptyObject() }
    }

    /// Builders may leave an image's working directory relative; it is meant from the root.
    private static func rooted(_ path: String) -> String { path.isEmpty || path.hasPrefix("/") ? path : "/" + path }
}
