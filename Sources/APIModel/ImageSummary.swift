/// One entry of `GET /images/json`.
package struct ImageSummary: Codable, Hashable, Sendable {
    /// `sha256:...`
    package var id: String
    package var parentId: String
    package var repoTags: [String]
    package var repoDigests: [String]
    /// Seconds since 1970.
    package var created: Int64
    /// Bytes of all layers.
    package var size: Int64
    /// Bytes in layers that other images use too; -1 when not computed.
    package var sharedSize: Int64
    package var labels: [String: String]?
    /// How many use it; -1 when not computed.
    package var containers: Int64

    package init(
        id: String, parentId: String = "", repoTags: [String], repoDigests: [String] = [], created: Int64,
        size: Int64, sharedSize: Int64 = -1, labels: [String: String]? = nil, containers: Int64 = -1
    ) {
        self.id = id
        self.parentId = parentId
        self.repoTags = repoTags
        self.repoDigests = repoDigests
        self.created = created
        self.size = size
        self.sharedSize = sharedSize
        self.labels = labels
        self.containers = containers
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case parentId = "ParentId"
        case repoTags = "RepoTags"
        case repoDigests = "RepoDigests"
        case created = "Created"
        case size = "Size"
        case sharedSize = "SharedSize"
        case labels = "Labels"
        case containers = "Containers"
    }
}

/// One entry of `GET /images/{name}/history`, the newest first.
package struct ImageHistoryItem: Codable, Hashable, Sendable {
    /// Of the image; `<missing>` for a layer that no image here ends with.
    package var id: String
    package var created: Int64
    package var createdBy: String
    package var tags: [String]?
    package var size: Int64
    package var comment: String

    package init(id: String, created: Int64, createdBy: String, tags: [String]? = nil, size: Int64, comment: String) {
        self.id = id
        self.created = created
        self.createdBy = createdBy
        self.tags = tags
        self.size = size
        self.comment = comment
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case createdBy = "CreatedBy"
        case tags = "Tags"
        case size = "Size"
        case comment = "Comment"
    }
}

/// One step of `DELETE /images/{name}`: a name or an image that is gone.
package struct ImageDeleteItem: Codable, Hashable, Sendable {
    package var untagged: String?
    package var deleted: String?

    package init(untagged: String? = nil, deleted: String? = nil) {
        self.untagged = untagged
        self.deleted = deleted
    }

    private enum CodingKeys: String, CodingKey {
        case untagged = "Untagged"
        case deleted = "Deleted"
    }
}

/// `POST /images/prune`.
package struct ImagesPruneResponse: Codable, Hashable, Sendable {
    package var imagesDeleted: [ImageDeleteItem]?
    package var spaceReclaimed: Int64

    package init(imagesDeleted: [ImageDeleteItem]? = nil, spaceReclaimed: Int64) {
        self.imagesDeleted = imagesDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    private enum CodingKeys: String, CodingKey {
        case imagesDeleted = "ImagesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
