import Reactor
package import APIModel
import Basics
import Kernel
package import Storage

extension Engine {
    package func createVolume(_ request: VolumeCreateRequest) async throws -> Volume {
        let (volume, isNew) = try await pool.run { [volumes] in
            try volumes.create(
                name: request.name, driver: request.driver, options: request.driverOptions, labels: request.labels)
        }
        if isNew { events.publish(.volume, "create", volume.name, ["driver": "local"]) }
        return Volume(volume)
    }

    package func volume(_ name: String) async throws -> Volume {
        Volume(try await pool.run { [volumes] in try volumes.get(name) })
    }

    package func listVolumes(_ filters: Filters) async throws -> VolumeListResponse {
        let used = await usedVolumes()
        let found = try await pool.run { [volumes] in try volumes.list(filters, inUse: Set(used.keys)) }
        return VolumeListResponse(volumes: found.map(Volume.init))
    }

    package func removeVolume(_ name: String, force: Bool) async throws {
        let users = await usedVolumes()[name] ?? []
        try await pool.run { [volumes] in try volumes.remove(name, usedBy: users, force: force) }
        events.publish(.volume, "destroy", name, ["driver": "local"])
        await pool.runApart { [root] in root.drainTrash() }
    }

    package func pruneVolumes(_ filters: Filters) async throws -> VolumesPruneResponse {
        let used = Set(await usedVolumes().keys)
        let (removed, reclaimed) = try await pool.run { [volumes] in try volumes.prune(filters, inUse: used) }
        for name in removed { events.publish(.volume, "destroy", name, ["driver": "local"]) }
        events.publish(.volume, "prune", "", ["reclaimed": "\(reclaimed)"])
        await pool.runApart { [root] in root.drainTrash() }
        return VolumesPruneResponse(volumesDeleted: removed, spaceReclaimed: reclaimed)
    }

    /// The containers that mount each volume.
    func usedVolumes() async -> [String: [String]] {
        var used: [String: [String]] = [:]
        for container in registry.all {
            for mount in await container.record.mounts where mount.kind == .volume {
                used[mount.source, default: []].append(container.id)
            }
        }
        return used
    }

    func mountPoint(_ mount: PlannedMount) -> MountPoint {
        mount.mountPoint(hostPath: "\(root.volumes)/\(mount.source)/data")
    }
}

extension Volume {
    init(_ volume: StoredVolume) {
        self.init(
            name: volume.name, mountpoint: volume.path, createdAt: volume.created.description, labels: volume.labels,
            options: volume.options)
    }
}
