/// `GET /version`.
package struct SystemVersion: Codable, Hashable, Sendable {
    package var platform: PlatformName
    package var components: [ComponentVersion]
    package var version: String
    package var apiVersion: String
    package var minAPIVersion: String
    package var gitCommit: String
    package var goVersion: String
    package var os: String
    package var arch: String
    package var kernelVersion: String
    package var experimental: Bool?
    package var buildTime: String

    package init(
        platform: PlatformName, components: [ComponentVersion], version: String, apiVersion: String,
        minAPIVersion: String, gitCommit: String, goVersion: String = "", os: String, arch: String,
        kernelVersion: String, experimental: Bool? = nil, buildTime: String
    ) {
        self.platform = platform
        self.components = components
        self.version = version
        self.apiVersion = apiVersion
        self.minAPIVersion = minAPIVersion
        self.gitCommit = gitCommit
        self.goVersion = goVersion
        self.os = os
        self.arch = arch
        self.kernelVersion = kernelVersion
        self.experimental = experimental
        self.buildTime = buildTime
    }

    private enum CodingKeys: String, CodingKey {
        case platform = "Platform"
        case components = "Components"
        case version = "Version"
        case apiVersion = "ApiVersion"
        case minAPIVersion = "MinAPIVersion"
        case gitCommit = "GitCommit"
        case goVersion = "GoVersion"
        case os = "Os"
        case arch = "Arch"
        case kernelVersion = "KernelVersion"
        case experimental = "Experimental"
        case buildTime = "BuildTime"
    }
}

/// The product that answers.
package struct PlatformName: Codable, Hashable, Sendable {
    package var name: String

    package init(name: String) {
        self.name = name
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
    }
}

/// One part of the product.
package struct ComponentVersion: Codable, Hashable, Sendable {
    package var name: String
    package var version: String
    package var details: [String: String]?

    package init(name: String, version: String, details: [String: String]? = nil) {
        self.name = name
        self.version = version
        self.details = details
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case version = "Version"
        case details = "Details"
    }
}
