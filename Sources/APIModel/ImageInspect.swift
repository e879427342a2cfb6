/// `GET /images/{name}/json`.
package struct ImageInspect: Codable, Hashable, Sendable {
    package var id: String
    package var repoTags: [String]
    package var repoDigests: [String]
    package var parent: String
    package var comment: String
    /// RFC 3339.
    package var created: String?
    package var dockerVersion: String
    package var author: String
    package var config: ImageConfig?
    package var architecture: String
    package var variant: String?
    package var os: String
    package var osVersion: String?
    package var size: Int64
    package var graphDriver: DriverData
    package var rootFS: ImageRootFS
    package var metadata: ImageMetadata

    package init(
        id: String, repoTags: [String], repoDigests: [String] = [], parent: String = "", comment: String = "",
        created: String? = nil, dockerVersion: String = "", author: String = "", config: ImageConfig? = nil,
        architecture: String, variant: String? = nil, os: String, osVersion: String? = nil, size: Int64,
        graphDriver: DriverData, rootFS: ImageRootFS, metadata: ImageMetadata = .init(lastTagTime: nil)
    ) {
        self.id = id
        self.repoTags = repoTags
        self.repoDigests = repoDigests
        self.parent = parent
        self.comment = comment
        self.created = created
        self.dockerVersion = dockerVersion
        self.author = author
        self.config = config
        self.architecture = architecture
        self.variant = variant
        self.os = os
        self.osVersion = osVersion
        self.size = size
        self.graphDriver = graphDriver
        self.rootFS = rootFS
        self.metadata = metadata
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repoTags = "RepoTags"
        case repoDigests = "RepoDigests"
        case parent = "Parent"
        case comment = "Comment"
        case created = "Created"
        case dockerVersion = "DockerVersion"
        case author = "Author"
        case config = "Config"
        case architecture = "Architecture"
        case variant = "Variant"
        case os = "Os"
        case osVersion = "OsVersion"
        case size = "Size"
        case graphDriver = "GraphDriver"
        case rootFS = "RootFS"
        case metadata = "Metadata"
    }
}

/// The layers of an image.
package struct ImageRootFS: Codable, Hashable, Sendable {
    package var type: String
    /// DiffIDs, the base first.
    package var layers: [String]?

    package init(type: String = "layers", layers: [String]? = nil) {
        self.type = type
        self.layers = layers
    }

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case layers = "Layers"
    }
}

/// What this host knows of an image, beyond the image.
package struct ImageMetadata: Codable, Hashable, Sendable {
    package var lastTagTime: String?

    package init(lastTagTime: String? = nil) {
        self.lastTagTime = lastTagTime
    }

    private enum CodingKeys: String, CodingKey {
        case lastTagTime = "LastTagTime"
    }
}

/// What an image says of the containers made from it.
package struct ImageConfig: Codable, Hashable, Sendable {
    package var user: String?
    package var exposedPorts: [String: EmptyObject]?
    package var environment: [String]?
    package var command: [String]?
    package var healthcheck: HealthConfig?
    package var argumentsEscaped: Bool?
    package var volumes: [String: EmptyObject]?
    package var workingDirectory: String?
    package var entrypoint: [String]?
    package var onBuild: [String]?
    package var labels: [String: String]?
    package var stopSignal: String?
    package var shell: [String]?

    package init(
        user: String? = nil, exposedPorts: [String: EmptyObject]? = nil, environment: [String]? = nil,
        command: [String]? = nil, healthcheck: HealthConfig? = nil, argumentsEscaped: Bool? = nil,
        volumes: [String: EmptyObject]? = nil, workingDirectory: String? = nil, entrypoint: [String]? = nil,
        onBuild: [String]? = nil, labels: [String: String]? = nil, stopSignal: String? = nil,
        shell: [String]? = nil
    ) {
        self.user = user
        self.exposedPorts = exposedPorts
        self.environment = environment
        self.command = command
        self.healthcheck = healthcheck
        self.argumentsEscaped = argumentsEscaped
        self.volumes = volumes
        self.workingDirectory = workingDirectory
        self.entrypoint = entrypoint
        self.onBuild = onBuild
        self.labels = labels
        self.stopSignal = stopSignal
        self.shell = shell
    }

    private enum CodingKeys: String, CodingKey {
        case user = "User"
        case exposedPorts = "ExposedPorts"
        case environment = "Env"
        case command = "Cmd"
        case healthcheck = "Healthcheck"
        case argumentsEscaped = "ArgsEscaped"
        case volumes = "Volumes"
        case workingDirectory = "WorkingDir"
        case entrypoint = "Entrypoint"
        case onBuild = "OnBuild"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case shell = "Shell"
    }
}
