package import Basics
import Database
package import OCI

/// One step of a removal: a name that is gone, an image or layer that is gone.
package enum ImageRemoval: Sendable, Equatable {
    case untagged(ImageReference)
    case deleted(Digest)
}

extension ImageStore {
    /// Removes a name, and with its last name the image, as `docker rmi` does. `uses`: all containers.
    ///
    /// - A name: it goes. If it was the last one, the image goes too, unless `force` took the name of an image in use.
    /// - An identifier: all names and the image go, if the names are of one repository or with `force`.
    /// - Parents that only served the removed image go too, unless `noPrune`.
    @discardableResult
    package func remove(_ text: String, force: Bool = false, noPrune: Bool = false, uses: [ImageUse]) throws
        -> [ImageRemoval]
    {
        let id = try id(of: text)
        var steps = try database.transaction(durably: true) { db in
            var removal = Removal(db: db, uses: uses)
            try removal.remove(text, id, force: force, prune: !noPrune)
            return removal.steps
        }
        for case .deleted(let image) in steps { forgetConfig(image) }
        steps += sweepCounting().layers.map { .deleted($0) }
        return steps
    }

    /// Removes images without a name that no container uses; with `danglingOnly` false all that none uses.
    /// `filters`: `dangling`, `until`, `label`, `label!`. Returns bytes freed, of unpacked layers and of blobs.
    package func prune(danglingOnly: Bool = true, _ filters: Filters = Filters(), uses: [ImageUse]) throws
        -> (removed: [ImageRemoval], reclaimed: Int64)
    {
        try filters.check(allowed: ["dangling", "until", "label", "label!"])
        let danglingOnly = try filters.bool("dangling") ?? danglingOnly
        let until = try filters.until()
        let used = Set(uses.map(\.image))
        var steps: [ImageRemoval] = []
        // Children before parents: a parent of a removed image may be free then.
        for image in try all() where !used.contains(image.id) {
            if danglingOnly && image.hasNames { continue }
            if let until, image.created >= until { continue }
            guard filters.matchesLabels(image.config.config.labels) else { continue }
            do {
                steps += try database.transaction(durably: true) { db in
                    var removal = Removal(db: db, uses: uses)
                    guard try danglingOnly == false || removal.names(image.id).isEmpty else { return [] }
                    if try removal.conflict(image.id, force: true) != nil { return [] }
                    try removal.delete(image.id)
                    return removal.steps
                }
            } catch let error as StorageError {
                log.warn("image \(image.id.short) is not pruned: \(error)")
            }
        }
        for case .deleted(let image) in steps { forgetConfig(image) }
        let swept = sweepCounting()
        return (steps + swept.layers.map { .deleted($0) }, swept.bytes)
    }
}

/// The rules of `docker rmi`, inside one transaction.
private struct Removal {
    let db: Connection
    let uses: [ImageUse]
    var steps: [ImageRemoval] = []

    init(db: Connection, uses: [ImageUse]) {
        self.db = db
        self.uses = uses
    }

    mutating func remove(_ text: String, _ id: Digest, force: Bool, prune: Bool) throws {
        let names = try names(id)
        if !ImageStore.means(text, id) {
            let name = try ImageReference(text).withDefaultTag
            if !force, Self.isSingle(names), let use = uses.first(where: { $0.image == id }) {
                throw StorageError.conflict(
                    "conflict: unable to remove repository reference \"\(text)\" (must force) - container "
                        + "\(use.container.prefix(12)) is using its referenced image \(id.short)")
            }
            try untag(name)
            // A digest alone does not keep a repository's image.
            if name.digest == nil, !names.contains(where: { $0.name == name.name && $0.digest == nil && $0 != name }) {
                for other in names where other.name == name.name && other.digest != nil { try untag(other) }
            }
            guard try self.names(id).isEmpty else { return }
            // With `force`, an image in use just loses its name.
            if try conflict(id, force: force) == nil { try deleteWithParents(id, prune: prune) }
            return
        }
        // A single repository's names go with the image without being asked twice.
        if let conflict = try conflict(id, force: force) ?? (force || Self.isSingle(names) ? nil : Self.manyNames) {
            throw StorageError.conflict(
                "conflict: unable to delete \(id.short) (\(conflict.isHard ? "cannot" : "must") be forced) - \(conflict.reason)"
            )
        }
        for name in names { try untag(name) }
        try deleteWithParents(id, prune: prune)
    }

    struct Conflict {
        let isHard: Bool
        let reason: String
    }
    private static let manyNames = Conflict(isHard: false, reason: "image is referenced in multiple repositories")

    /// Why the image cannot go; `force` overrules all but the hard reasons.
    func conflict(_ id: Digest, force: Bool) throws -> Conflict? {
        if try db.first("SELECT 1 FROM images WHERE parent = ?", [.text(id.hex)], { _ in true }) != nil {
            return Conflict(isHard: true, reason: "image has dependent child images")
        }
        if let use = uses.first(where: { $0.image == id && $0.isRunning }) {
            return Conflict(
                isHard: true, reason: "image is being used by running container \(use.container.prefix(12))")
        }
        if !force, let use = uses.first(where: { $0.image == id }) {
            return Conflict(
                isHard: false, reason: "image is being used by stopped container \(use.container.prefix(12))")
        }
        return nil
    }

    func names(_ id: Digest) throws -> [ImageReference] {
        try db.query("SELECT name FROM image_names WHERE image = ? ORDER BY name", [.text(id.hex)]) {
            try? ImageReference($0.text(0))
        }
        .compactMap { $0 }
    }

    /// At most one tag, or all names in one repository with at most one tag.
    private static func isSingle(_ names: [ImageReference]) -> Bool {
        names.count { $0.digest == nil } <= 1 && Set(names.map(\.name)).count <= 1
    }

    private mutating func untag(_ name: ImageReference) throws {
        var key = name
        if key.digest != nil { key.tag = nil }
        if try db.run("DELETE FROM image_names WHERE name = ?", [.text(key.description)]) > 0 {
            steps.append(.untagged(key))
        }
    }

    mutating func delete(_ id: Digest) throws {
        for name in try names(id) { try untag(name) }
        try db.run("DELETE FROM image_names WHERE image = ?", [.text(id.hex)])
        try db.run("DELETE FROM images WHERE id = ?", [.text(id.hex)])
        steps.append(.deleted(id))
    }

    /// And the parents that have no name, no use and no other child.
    private mutating func deleteWithParents(_ id: Digest, prune: Bool) throws {
        var current: Digest? = id
        while let image = current {
            let parent =
                try db.first(
                    "SELECT parent FROM images WHERE id = ? AND parent IN (SELECT id FROM images)", [.text(image.hex)]
                ) { Digest(hex: $0.text(0)) } ?? nil
            try delete(image)
            guard prune, let parent, try names(parent).isEmpty, try conflict(parent, force: false) == nil else {
                return
            }
            current = parent
        }
    }
}
