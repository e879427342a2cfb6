package import Basics
import Database
import Kernel
package import OCI

extension ImageStore {
    private static let listFilters: Set<String> = [
        "dangling", "label", "label!", "reference", "before", "since", "until",
    ]

    /// The newest first. Images without a name that others were committed from are left out unless `all`.
    /// With `reference` filters only the names that match are in the result.
    package func list(_ filters: Filters = Filters(), all showAll: Bool = false) throws -> [StoredImage] {
        try filters.check(allowed: Self.listFilters)
        let dangling = try filters.bool("dangling")
        let before = try filters["before"].map { try resolve($0).created }.min()
        let since = try filters["since"].map { try resolve($0).created }.max()
        let until = try filters.until()
        let patterns = filters["reference"]
        let everything = try all()
        let parents = Set(everything.compactMap(\.parent))
        return everything.compactMap { image in
            var image = image
            if !showAll, !image.hasNames, parents.contains(image.id) { return nil }
            if let dangling, dangling == image.hasNames { return nil }
            if let before, image.created >= before { return nil }
            if let since, image.created <= since { return nil }
            if let until, image.created >= until { return nil }
            guard filters.matchesLabels(image.config.config.labels) else { return nil }
            if !patterns.isEmpty {
                image.tags = image.tags.filter { Self.matches($0, patterns) }
                image.digests = image.digests.filter { Self.matches($0, patterns) }
                if !image.hasNames { return nil }
            }
            return image
        }
    }

    private static func matches(_ reference: ImageReference, _ patterns: [String]) -> Bool {
        patterns.contains { pattern in
            [reference.familiar, reference.familiarName, reference.description, reference.name].contains {
                Glob.matches($0, pattern)
            }
        }
    }

    /// Bytes of an image's layers that other images have too.
    package func sharedSizes() throws -> [Digest: Int64] {
        let rows = try database.read { db in
            try db.query(
                """
                SELECT i.image, sum(l.size) FROM image_layers AS i JOIN layers AS l ON l.chain_id = i.chain_id
                WHERE (SELECT count(*) FROM image_layers AS o WHERE o.chain_id = i.chain_id) > 1 GROUP BY i.image
                """
            ) { (id: Digest(hex: $0.text(0)), size: $0.integer(1)) }
        }
        return rows.reduce(into: [:]) { if let id = $1.id { $0[id] = $1.size } }
    }

    /// The steps an image was made in, the newest first.
    package func history(_ text: String) throws -> [ImageStep] {
        let image = try resolve(text)
        var sizes = image.layers.map(\.size)[...]
        var steps = image.config.history.map { entry in
            ImageStep(
                created: entry.created.flatMap { Timestamp($0) }, createdBy: entry.createdBy ?? "",
                comment: entry.comment ?? "",
                size: entry.emptyLayer == true ? 0 : sizes.popFirst() ?? 0)
        }
        // Layers that the history forgot.
        steps += sizes.map { ImageStep(created: nil, createdBy: "", comment: "", size: $0) }
        // Each image that ends at a step gives it its identifier and names.
        var current: StoredImage? = image
        while let ending = current {
            let index = ending.id == image.id ? steps.count - 1 : ending.config.history.count - 1
            if steps.indices.contains(index) {
                steps[index].id = ending.id
                steps[index].tags = ending.tags
            }
            current = try ending.parent.map { try self.image($0) }
        }
        return steps.reversed()
    }
}

/// One step of how an image was made.
package struct ImageStep: Sendable, Equatable {
    /// Of the image that ends here; nil when there is none.
    package var id: Digest?
    package var created: Timestamp?
    package var createdBy: String
    package var comment: String
    package var tags: [ImageReference] = []
    /// Bytes of its layer's files; 0 when it made none.
    package var size: Int64
}

extension Filters {
    /// The filter `until`: a time, or a duration before now.
    func until() throws(StorageError) -> Timestamp? {
        guard let text = values["until"]?.last else { return nil }
        if let ago = GoDuration.parse(text) { return Timestamp(nanosecondsSince1970: Clock.realtime() - ago) }
        if let time = Timestamp(text) { return time }
        throw .invalid("invalid filter 'until=[\(text)]': it must be a time or a duration such as 24h")
    }
}
