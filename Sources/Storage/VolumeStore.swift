package import Basics
package import Database
import Glibc
import Kernel
import OCI

/// A named directory that outlives the containers that mount it.
package struct StoredVolume: Sendable, Equatable {
    package let name: String
    /// Where its files are on the host.
    package let path: String
    /// Made without a name, for one container.
    package let isAnonymous: Bool
    package let labels: [String: String]
    package let options: [String: String]
    package let created: Timestamp
}

/// The volumes of the driver `local`: a row and `volumes/<name>/data` each.
///
/// A directory without a row is taken for a volume whose row was lost and is adopted at start, because its bytes
/// may be all that is left; so the row goes first when a volume is removed, and comes last when it is made.
package final class VolumeStore: Sendable {
    private let root: DataRoot
    private let database: Database

    /// Docker's label on volumes without a name.
    package static let anonymousLabel = "com.docker.volume.anonymous"

    package init(root: DataRoot, database: Database) throws {
        self.root = root
        self.database = database
        try adoptDirectories()
    }

    /// Makes a volume, or returns the one that has the name. Without a name: an anonymous one.
    @discardableResult
    package func create(
        name: String? = nil, driver: String = "local", options: [String: String] = [:], labels: [String: String] = [:]
    ) throws -> (volume: StoredVolume, isNew: Bool) {
        let name = name.flatMap { $0.isEmpty ? nil : $0 }
        let anonymous = name == nil || labels[Self.anonymousLabel] != nil
        let chosen = name ?? Identifier().hex
        try Self.checkName(chosen)
        guard driver.isEmpty || driver == "local" else {
            throw StorageError.notFound(
                "create \(chosen): error looking up volume plugin \(driver): plugin \"\(driver)\" not found")
        }
        try Self.checkOptions(options, volume: chosen)
        if let existing = try find(chosen) { return (existing, false) }
        var labels = labels
        if anonymous { labels[Self.anonymousLabel] = "" }
        let volume = StoredVolume(
            name: chosen, path: dataPath(chosen), isAnonymous: anonymous, labels: labels, options: options,
            created: Timestamp(nanosecondsSince1970: Clock.realtime()))
        let temporary = root.temporaryPath()
        try Sys.makeDirectories(temporary + "/data", mode: 0o755)
        do {
            try Sys.chmod(temporary, mode: 0o700)
            // Whatever the umask took away: a container's users must be able to enter.
            try Sys.chmod(temporary + "/data", mode: 0o755)
            try Sys.rename(temporary, directory(chosen), noReplace: true)
        } catch {
            try? root.discard(temporary)
            // Somebody made it at the same time, or is just removing it.
            if error.errno == EEXIST {
                if let existing = try find(chosen) { return (existing, false) }
                throw StorageError.conflict(
                    "create \(chosen): a volume of this name is being made or removed: try again")
            }
            throw error
        }
        do {
            try insert(volume, durably: !anonymous)
        } catch {
            try? root.discard(directory(chosen))
            throw error
        }
        return (volume, true)
    }

    package func get(_ name: String) throws -> StoredVolume {
        guard let volume = try find(name) else { throw StorageError.notFound("get \(name): no such volume") }
        return volume
    }

    /// By name. `inUse`: the names that containers mount, for the filter `dangling`.
    package func list(_ filters: Filters = Filters(), inUse: Set<String> = []) throws -> [StoredVolume] {
        try filters.check(allowed: ["dangling", "driver", "label", "label!", "name"])
        let dangling = try filters.bool("dangling")
        return try all().filter { volume in
            if let dangling, dangling == inUse.contains(volume.name) { return false }
            if !filters["driver"].isEmpty, !filters["driver"].contains("local") { return false }
            let names = filters["name"]
            if !names.isEmpty, !names.contains(where: { volume.name.contains($0) }) { return false }
            return filters.matchesLabels(volume.labels)
        }
    }

    /// `usedBy`: identifiers of the containers that mount it; it is removed only when there are none.
    /// `force`: content when there is no such volume.
    package func remove(_ name: String, usedBy: [String], force: Bool = false) throws {
        guard try find(name) != nil else {
            if force { return }
            throw StorageError.notFound("get \(name): no such volume")
        }
        guard usedBy.isEmpty else {
            throw StorageError.conflict("remove \(name): volume is in use - [\(usedBy.joined(separator: ", "))]")
        }
        try delete(name)
    }

    /// Removes what no container mounts: anonymous volumes, with `all` named ones too. Returns names and bytes.
    package func prune(all everything: Bool = false, _ filters: Filters = Filters(), inUse: Set<String>) throws
        -> (removed: [String], reclaimed: Int64)
    {
        try filters.check(allowed: ["all", "label", "label!"])
        let everything = try filters.bool("all") ?? everything
        var removed: [String] = []
        var reclaimed: Int64 = 0
        for volume in try all() where everything || volume.isAnonymous {
            guard !inUse.contains(volume.name), filters.matchesLabels(volume.labels) else { continue }
            reclaimed += (try? size(volume.name)) ?? 0
            try delete(volume.name)
            removed.append(volume.name)
        }
        return (removed, reclaimed)
    }

    /// Bytes of its files. Walks the whole tree.
    package func size(_ name: String) throws -> Int64 { try Sys.treeSize(dataPath(name)).bytes }

    // MARK: -

    private func directory(_ name: String) -> String { "\(root.volumes)/\(name)" }
    private func dataPath(_ name: String) -> String { "\(directory(name))/data" }

    /// Docker's rule, which also makes a name safe as a file name.
    package static func checkName(_ name: String) throws(StorageError) {
        guard name.utf8.count >= 2 else {
            throw .invalid(
                "create \(name): volume name is too short, names should be at least two alphanumeric characters")
        }
        let isFine = name.utf8.enumerated().allSatisfy { index, c in
            let alphanumeric = (0x30...0x39).contains(c) || (0x41...0x5a).contains(c) || (0x61...0x7a).contains(c)
            return alphanumeric || index > 0 && "_.-".utf8.contains(c)
        }
        guard isFine else {
            throw .invalid(
                "create \(name): \"\(name)\" includes invalid characters for a local volume name, only "
                    + "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )
        }
        guard name.utf8.count <= 255 else {
            throw .invalid("create \(name.prefix(40))…: volume name is longer than 255 bytes")
        }
    }

    private static func checkOptions(_ options: [String: String], volume: String) throws(StorageError) {
        guard let key = options.keys.sorted().first else { return }
        if ["type", "device", "o", "size"].contains(key) {
            throw .invalid(
                "create \(volume): the option \"\(key)\" of the driver local (mounting a file system as a volume) is not "
                    + "supported: mount it on the host and use a bind mount")
        }
        throw .invalid("create \(volume): invalid option: \"\(key)\"")
    }

    private func delete(_ name: String) throws {
        try database.transaction(durably: true) { try $0.run("DELETE FROM volumes WHERE name = ?", [.text(name)]) }
        try root.discard(directory(name))
        // Else a power cut brings the directory back, and the next start adopts it.
        try root.syncDirectory(root.volumes)
    }

    private func insert(_ volume: StoredVolume, durably: Bool) throws {
        if durably { try root.syncDirectory(root.volumes) }
        let labels = String(decoding: try JSONText.encode(volume.labels), as: UTF8.self)
        let options = String(decoding: try JSONText.encode(volume.options), as: UTF8.self)
        try database.transaction(durably: durably) { db in
            try db.run(
                "INSERT INTO volumes (name, anonymous, labels, options, created) VALUES (?, ?, ?, ?, ?)",
                [
                    .text(volume.name), SQLValue(volume.isAnonymous), .text(labels), .text(options),
                    .integer(volume.created.nanosecondsSince1970),
                ])
        }
    }

    private static let columns = "SELECT name, anonymous, labels, options, created FROM volumes"

    private func find(_ name: String) throws -> StoredVolume? {
        try database.read { try $0.first(Self.columns + " WHERE name = ?", [.text(name)]) { volume($0) } }
    }

    private func all() throws -> [StoredVolume] {
        try database.read { try $0.query(Self.columns + " ORDER BY name") { volume($0) } }
    }

    /// Labels that cannot be read are left out, and said: the bytes of the volume matter more.
    private func volume(_ row: borrowing Row) -> StoredVolume {
        let name = row.text(0)
        return StoredVolume(
            name: name, path: dataPath(name), isAnonymous: row.bool(1),
            labels: strings(row.blob(2), "labels of volume \(name)"),
            options: strings(row.blob(3), "options of volume \(name)"),
            created: Timestamp(nanosecondsSince1970: row.integer(4)))
    }

    private func strings(_ json: [UInt8], _ subject: String) -> [String: String] {
        do { return try JSONText.decode([String: String].self, json, subject: subject) } catch {
            root.log.error("\(error); going on without them")
            return [:]
        }
    }

    private func adoptDirectories() throws {
        let known = Set(try all().map(\.name))
        let found = try Sys.list(root.volumes).filter(\.isDirectory).map(\.name)
        for name in Set(found).subtracting(known) {
            guard let entries = try? Sys.list(dataPath(name)), !entries.isEmpty, (try? Self.checkName(name)) != nil
            else {
                root.log.info("removing \(directory(name)): an empty volume that was not finished")
                try root.discard(directory(name))
                continue
            }
            let isAnonymous = Identifier(name) != nil
            let volume = StoredVolume(
                name: name, path: dataPath(name), isAnonymous: isAnonymous,
                labels: isAnonymous ? [Self.anonymousLabel: ""] : [:], options: [:],
                created: Timestamp(nanosecondsSince1970: Clock.realtime()))
            try insert(volume, durably: true)
            root.log.warn("volume \(name) was not in the database but has files: taken in again")
        }
        for name in known.subtracting(found) {
            root.log.error(
                "volume \(name): its directory \(directory(name)) is missing; containers that mount it will not start")
        }
    }
}
