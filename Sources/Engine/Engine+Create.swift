import Reactor
package import APIModel
import Archive
import Basics
import Kernel
import OCI
import Storage

extension Engine {
    /// Makes a container from an image. Nothing of it is left when this throws.
    package func create(name wanted: String?, _ request: ContainerCreateRequest) async throws -> ContainerCreateResponse
    {
        let imageName = request.config.image
        guard !imageName.isEmpty else { throw EngineError(.invalid, "config.Image: no image given") }
        // Two rows of the database; handing that to another thread takes longer.
        let image = try images.resolve(imageName)
        try Validation.checkRequest(request, facts)
        let config = try ConfigMerge.merge(request.config, over: image.config.config)
        try Validation.checkMerged(config)
        if let signal = config.stopSignal, !signal.isEmpty { _ = try SignalName.number(signal) }
        var host = request.hostConfig
        Validation.fillDefaults(&host, facts)
        let name = try checkName(wanted)
        let modes = try NamespaceModes(host)
        for other in modes.sharedContainers { _ = try container(other) }
        let wishes = try networks(of: request, modes)

        var sources: [String: [PlannedMount]] = [:]
        for text in host.volumesFrom ?? [] {
            let other = MountPlan.volumesFromContainer(text)
            sources[other] = await (try container(other)).record.mounts
        }
        let mounts = try MountPlan.plan(config, host, volumesFrom: sources)
        var record = ContainerRecord(
            id: Identifier().hex, name: name ?? "", created: Timestamp(nanosecondsSince1970: Clock.realtime()),
            image: image.id, imageName: imageName, config: config, hostConfig: host, mounts: mounts,
            topLayer: image.chain)
        record.networks = wishes
        let placed = try await pool.run { [self, record] in try place(record, name: name) }
        for volume in placed.volumes { events.publish(.volume, "create", volume, ["driver": "local"]) }

        let container = Container(placed.record, RunState(), self)
        registry.add(container, name: placed.record.name)
        await container.publish("create")
        return ContainerCreateResponse(id: record.id, warnings: try warnings(record, modes))
    }

    /// The name that was asked for; nil when it is ours to choose.
    private func checkName(_ wanted: String?) throws -> String? {
        guard let wanted, !wanted.isEmpty else { return nil }
        try ObjectName.checkContainer(wanted)
        return wanted.hasPrefix("/") ? String(wanted.dropFirst()) : wanted
    }

    /// Puts the record, the directories and the volumes in their places; returns the record with its name, and the
    /// names of new volumes. Blocks.
    private func place(
        _ nameless: ContainerRecord, name: String?
    ) throws -> (record: ContainerRecord, volumes: [String]) {
        var cleanup = CleanupStack()
        // The row first: it holds the name, and the image's layers.
        let record = try insert(nameless, name: name)
        let directory = options.containerDirectory(record.id)
        cleanup.add { [table] in try? table.delete(id: record.id) }
        cleanup.add { [root] in if Sys.exists(directory) { try? root.discard(directory) } }
        try Sys.mkdir(directory, mode: 0o700)
        // The log gets a directory when there is something to log. Each file more takes a create and a removal longer.
        try Sys.mkdir(directory + "/work", mode: 0o700)
        // The container's `/` has the mode of this directory.
        try Sys.mkdir(directory + "/upper", mode: 0o755)

        var made: [String] = []
        for mount in record.mounts {
            switch mount.kind {
            case .volume:
                let labels =
                    mount.anonymous
                    ? mount.volumeLabels.merging([VolumeStore.anonymousLabel: ""]) { $1 } : mount.volumeLabels
                let (volume, isNew) = try volumes.create(name: mount.source, labels: labels)
                if isNew {
                    made.append(volume.name)
                    cleanup.add { [volumes] in try? volumes.remove(volume.name, usedBy: [], force: true) }
                }
                if !mount.noCopy, mount.subpath.isEmpty { try fill(volume, from: record, at: mount.destination) }
            case .bind where !mount.createSource && !Sys.exists(mount.source):
                throw EngineError(
                    .invalid, "invalid mount config for type \"bind\": bind source path does not exist: \(mount.source)"
                )
            case .bind, .tmpfs: break
            }
        }
        cleanup.disarm()
        return (record, made)
    }

    /// Writes the row, with a name that nobody else has. Blocks.
    private func insert(_ nameless: ContainerRecord, name: String?) throws -> ContainerRecord {
        var record = nameless
        let state = RunState().encoded()
        try ContainerName.settle(name, generate: { ContainerName.random(avoiding: registry.isNameTaken) }) {
            record.name = $0
            try table.insert(
                ContainerRow(
                    id: record.id, name: $0, chain: record.topLayer, record: record.encoded(), state: state,
                    created: record.created))
        }
        return record
    }

    /// Gives an empty volume what the image has at the place where it is mounted, owners and all. Blocks.
    private func fill(_ volume: StoredVolume, from record: ContainerRecord, at destination: String) throws {
        guard try Sys.list(volume.path).isEmpty else { return }
        let root = try OverlayMount.open(lowers: try lowerDirectories(record), upper: nil, work: nil)
        // The image may have nothing there.
        guard (try? root.status(destination, follow: true))?.kind == .directory else { return }
        let source = try root.open(destination, Sys.openDirectory)
        let target = try Sys.open(volume.path, Sys.openDirectory)
        try TreeCopier.copyContents(from: source, to: target)
    }
}
