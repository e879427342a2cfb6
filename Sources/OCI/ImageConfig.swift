package import Basics

/// The configuration of an image (image-spec `config.md`), with Docker's extensions.
///
/// null is taken as absent; fields not known here are kept and written again.
package struct ImageConfig: Sendable, Equatable {
    package var created: String?
    package var author: String?
    package var architecture: String
    package var os: String
    package var variant: String?
    package var osVersion: String?
    package var config: ExecutionConfig
    /// Digests of the uncompressed layers, the lowest first.
    package var diffIDs: [Digest]
    package var history: [ImageHistory]
    /// Fields that are not among the above.
    package var other: [String: JSONValue]

    package init(platform: Platform = .host, config: ExecutionConfig = ExecutionConfig(), diffIDs: [Digest] = []) {
        architecture = platform.architecture
        os = platform.os
        variant = platform.variant
        self.config = config
        self.diffIDs = diffIDs
        history = []
        other = [:]
    }

    package var platform: Platform { Platform(architecture: architecture, os: os, variant: variant) }
}

/// One step of how an image was made.
package struct ImageHistory: Sendable, Equatable, Codable {
    package var created: String?
    package var createdBy: String?
    package var author: String?
    package var comment: String?
    package var emptyLayer: Bool?

    package init(
        created: String? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
        emptyLayer: Bool? = nil
    ) {
        self.created = created
        self.createdBy = createdBy
        self.author = author
        self.comment = comment
        self.emptyLayer = emptyLayer
    }

    private enum CodingKeys: String, CodingKey {
        case created, author, comment
        case createdBy = "created_by"
        case emptyLayer = "empty_layer"
    }
}

extension ImageConfig: Codable {
    private struct RootFS: Codable {
        var type: String
        // Spelled so in the specification.
        var diff_ids: [Digest]?
    }
    private static let known: Set<String> = [
        "created", "author", "architecture", "os", "variant", "os.version", "config", "rootfs", "history",
    ]

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        created = try container.optional("created")
        author = try container.optional("author")
        architecture = try container.optional("architecture") ?? ""
        os = try container.optional("os") ?? ""
        variant = try container.optional("variant")
        osVersion = try container.optional("os.version")
        config = try container.optional("config") ?? ExecutionConfig()
        let rootFS = try container.decode(RootFS.self, forKey: AnyKey("rootfs"))
        guard rootFS.type == "layers" else {
            throw DecodingError.dataCorruptedError(
                forKey: AnyKey("rootfs"), in: container,
                debugDescription: "type \"\(rootFS.type.prefix(60))\" is not \"layers\"")
        }
        diffIDs = rootFS.diff_ids ?? []
        history = try container.optional("history") ?? []
        other = try container.others(than: Self.known)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: AnyKey.self)
        try container.optional("created", created)
        try container.optional("author", author)
        try container.optional("architecture", architecture)
        try container.optional("os", os)
        try container.optional("variant", variant)
        try container.optional("os.version", osVersion)
        try container.optional("config", config)
        try container.optional("rootfs", RootFS(type: "layers", diff_ids: diffIDs))
        if !history.isEmpty { try container.optional("history", history) }
        try container.others(other)
    }
}
