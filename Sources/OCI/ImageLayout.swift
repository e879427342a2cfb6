/// `oci-layout` and `manifest.json`: what an archive of images says about itself.
package struct ImageLayout: Sendable, Codable {
    package var imageLayoutVersion: String
    package init() { imageLayoutVersion = "1.0.0" }

    package static let fileName = "oci-layout"
    package static let indexName = "index.json"
}

/// One image of `manifest.json`, the table of contents of an archive that `docker save` makes.
package struct DockerArchiveEntry: Sendable, Equatable, Codable {
    /// The path of the config in the archive.
    package var config: String
    package var repoTags: [String]?
    /// Paths of layers in the archive, the lowest first.
    package var layers: [String]

    package static let fileName = "manifest.json"

    package init(config: String, repoTags: [String]?, layers: [String]) {
        self.config = config
        self.repoTags = repoTags
        self.layers = layers
    }

    private enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        config = try container.decode(String.self, forKey: .config)
        repoTags = try container.decodeIfPresent([String].self, forKey: .repoTags)
        // Null for an image without layers.
        layers = try container.decodeIfPresent([String].self, forKey: .layers) ?? []
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(config, forKey: .config)
        // Null, not absent, as Docker writes it.
        try container.encode(repoTags, forKey: .repoTags)
        try container.encode(layers, forKey: .layers)
    }
}
