/// How a container of an image runs unless told otherwise: the object `config` of an image's configuration.
package struct ExecutionConfig: Sendable, Equatable {
    package var user: String?
    /// `80/tcp`.
    package var exposedPorts: JSONSet
    /// `NAME=value`.
    package var env: [String]
    /// nil when there is none, which is not the same as empty: an empty one replaces that of a parent.
    package var entrypoint: [String]?
    package var cmd: [String]?
    package var volumes: JSONSet
    package var workingDir: String?
    package var labels: [String: String]
    package var stopSignal: String?
    /// Seconds.
    package var stopTimeout: Int?
    package var healthcheck: Healthcheck?
    package var shell: [String]?
    package var onBuild: [String]
    package var argsEscaped: Bool?
    /// Fields that are not among the above.
    package var other: [String: JSONValue]

    package init() {
        exposedPorts = []
        env = []
        volumes = []
        labels = [:]
        onBuild = []
        other = [:]
    }

    /// Sets a variable, in place of one with the same name.
    package mutating func setEnvironment(_ name: String, _ value: String) {
        let entry = "\(name)=\(value)"
        if let index = env.firstIndex(where: { $0 == name || $0.hasPrefix(name + "=") }) {
            env[index] = entry
        } else {
            env.append(entry)
        }
    }
}

/// Docker's health check of an image. Durations are nanoseconds; 0 or absent means the default.
package struct Healthcheck: Sendable, Equatable, Codable {
    /// Empty: inherit; `["NONE"]`: none; `["CMD", arguments…]`; `["CMD-SHELL", command]`.
    package var test: [String]?
    package var interval: Int64?
    package var timeout: Int64?
    package var startPeriod: Int64?
    package var startInterval: Int64?
    package var retries: Int?

    package init(test: [String]? = nil) { self.test = test }

    private enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }
}

/// A set of strings written as Go writes one: `{"80/tcp": {}}`.
package struct JSONSet: Sendable, Equatable, Codable, ExpressibleByArrayLiteral {
    package var values: Set<String>
    package init(_ values: some Sequence<String> = []) { self.values = Set(values) }
    package init(arrayLiteral elements: String...) { values = Set(elements) }

    package var isEmpty: Bool { values.isEmpty }
    package var sorted: [String] { values.sorted() }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        values = Set(container.allKeys.map(\.stringValue))
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: AnyKey.self)
        for value in values { try container.encode([String: String](), forKey: AnyKey(value)) }
    }
}

extension ExecutionConfig: Codable {
    private static let known: Set<String> = [
        "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal",
        "StopTimeout", "Healthcheck", "Shell", "OnBuild", "ArgsEscaped",
    ]

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        user = try container.optional("User")
        exposedPorts = try container.optional("ExposedPorts") ?? []
        env = try container.optional("Env") ?? []
        entrypoint = try container.optional("Entrypoint")
        cmd = try container.optional("Cmd")
        volumes = try container.optional("Volumes") ?? []
        workingDir = try container.optional("WorkingDir")
        labels = try container.optional("Labels") ?? [:]
        stopSignal = try container.optional("StopSignal")
        stopTimeout = try container.optional("StopTimeout")
        healthcheck = try container.optional("Healthcheck")
        shell = try container.optional("Shell")
        onBuild = try container.optional("OnBuild") ?? []
        argsEscaped = try container.optional("ArgsEscaped")
        other = try container.others(than: Self.known)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: AnyKey.self)
        try container.optional("User", user)
        try container.optional("ExposedPorts", exposedPorts.isEmpty ? nil : exposedPorts)
        try container.optional("Env", env.isEmpty ? nil : env)
        try container.optional("Entrypoint", entrypoint)
        try container.optional("Cmd", cmd)
        try container.optional("Volumes", volumes.isEmpty ? nil : volumes)
        try container.optional("WorkingDir", workingDir)
        try container.optional("Labels", labels.isEmpty ? nil : labels)
        try container.optional("StopSignal", stopSignal)
        try container.optional("StopTimeout", stopTimeout)
        try container.optional("Healthcheck", healthcheck)
        try container.optional("Shell", shell)
        try container.optional("OnBuild", onBuild.isEmpty ? nil : onBuild)
        try container.optional("ArgsEscaped", argsEscaped)
        try container.others(other)
    }
}
