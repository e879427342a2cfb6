import Reactor
import APIModel
import Basics
import Kernel
import Storage
import Supervision

extension Engine {
    /// Removes a container and all that is its own.
    ///
    /// - Parameters:
    ///   - force: kills it first.
    ///   - volumes: its anonymous volumes as well, those that nobody else mounts.
    ///   - atItsEnd: it goes with its end, which is not in the database yet: a daemon that is started in the middle finds
    ///     out about that, and removes it once more.
    package func remove(_ container: Container, force: Bool = false, volumes: Bool, atItsEnd: Bool = false)
        async throws
    {
        try await container.prepareRemoval(force: force)
        try await container.gate.run {
            guard await container.beginRemoval(volumes: volumes, isRecorded: !atItsEnd) else { return }
            try await finishRemoval(container)
        }
    }

    /// Takes apart what is left of a container that is marked as being removed; also after a crash in the middle.
    func finishRemoval(_ container: Container) async throws {
        let record = await container.record
        let withVolumes = await container.state.removesVolumes
        let runDirectory = container.runFiles.directory
        let place = try await pool.run { [self] in
            SharedMemory.unmount(runDirectory)
            try Sys.removeTree(runDirectory)
            return try root.setAside(container.directory)
        }
        if let place { await container.discard(place) }
        if withVolumes { await removeAnonymousVolumes(of: record) }
        // The record goes last: as long as it is there, a restart finishes the removal. Who waits for the container
        // to be gone hears of it when nothing of it is left.
        try table.delete(id: container.id)
        registry.remove(container.id, name: record.name)
        // The layers of an image that was removed before were kept for this container.
        if !images.contains(record.image) { await pool.run { [images] in images.sweep() } }
        await container.removed()
    }

    private func removeAnonymousVolumes(of record: ContainerRecord) async {
        for name in record.mounts.filter(\.anonymous).map(\.source) {
            let others = await containers(usingVolume: name).filter { $0 != record.id }
            guard others.isEmpty else { continue }
            do {
                try await pool.run { [volumes] in try volumes.remove(name, usedBy: [], force: true) }
                events.publish(.volume, "destroy", name, ["driver": "local"])
            } catch {
                logger.warn("cannot remove the anonymous volume \(name) of container \(record.name): \(error)")
            }
        }
    }

    /// Names of the containers that mount a volume.
    func containers(usingVolume name: String) async -> [String] {
        var users: [String] = []
        for container in registry.all
        where await container.record.mounts.contains(where: { $0.kind == .volume && $0.source == name }) {
            users.append(container.id)
        }
        return users
    }
}

extension Container {
    /// Makes sure that it does not run.
    func prepareRemoval(force: Bool) async throws {
        guard isUpOrComing else { return }
        guard force else {
            let what =
                switch state.status {
                case .paused: "container is paused and must be unpaused first"
                case .restarting: "container is restarting: stop the container before removing or force remove"
                default: "container is running: stop the container before removing or force remove"
                }
            throw EngineError(.conflict, "cannot remove container \"/\(record.name)\": \(what)")
        }
        do {
            try await killForGood()
        } catch let error as EngineError where error.kind == .notModified {
        }
    }

    /// False when somebody else removes it already.
    func beginRemoval(volumes: Bool, isRecorded: Bool) -> Bool {
        guard state.status != .removing else { return false }
        restartTask?.cancel()
        state.status = .removing
        state.removesVolumes = volumes
        if isRecorded { persist() }
        return true
    }

    func removed() {
        endings.runs += 1
        endings.final += 1
        isRemoved = true
        publish("destroy")
        wakeWaiters(removed: true)
        wakeOutputListeners()
    }
}
