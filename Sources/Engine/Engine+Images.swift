package import APIModel
package import Basics
import Kernel
package import OCI
import Reactor
package import Storage

extension Engine {
    package func listImages(all: Bool, filters: Filters, sharedSize: Bool) async throws -> [ImageSummary] {
        var used: [Digest: Int64] = [:]
        for container in registry.all { used[await container.record.image, default: 0] += 1 }
        return try await pool.run { [images, used] in
            let shared = sharedSize ? try images.sharedSizes() : [:]
            return try images.list(filters, all: all).map { image in
                ImageSummary(
                    id: image.id.description, parentId: image.parent?.description ?? "",
                    repoTags: image.tags.map(\.familiar), repoDigests: image.digests.map(\.familiar),
                    created: image.created.seconds, size: image.size,
                    sharedSize: sharedSize ? shared[image.id] ?? 0 : -1, labels: image.config.config.labels,
                    containers: sharedSize ? used[image.id] ?? 0 : -1)
            }
        }
    }

    package func inspectImage(_ name: String) async throws -> ImageInspect {
        try await pool.run { [images, layers] in
            let image = try images.resolve(name)
            let config = image.config
            let paths = try image.chain.map { try layers.paths(forChain: $0) } ?? []
            return ImageInspect(
                id: image.id.description, repoTags: image.tags.map(\.familiar),
                repoDigests: image.digests.map(\.familiar), parent: image.parent?.description ?? "",
                comment: config.history.last?.comment ?? "", created: config.created, author: config.author ?? "",
                config: APIModel.ImageConfig(config.config), architecture: config.architecture, variant: config.variant,
                os: config.os, size: image.size,
                graphDriver: DriverData(name: "overlay2", data: ["LowerDir": paths.joined(separator: ":")]),
                rootFS: ImageRootFS(layers: config.diffIDs.map(\.description)))
        }
    }

    package func imageHistory(_ name: String) async throws -> [ImageHistoryItem] {
        try await pool.run { [images] in
            try images.history(name).map { step in
                ImageHistoryItem(
                    id: step.id?.description ?? "<missing>", created: step.created?.seconds ?? 0,
                    createdBy: step.createdBy, tags: step.tags.isEmpty ? nil : step.tags.map(\.familiar),
                    size: step.size, comment: step.comment)
            }
        }
    }

    /// Gives an image one more name.
    package func tagImage(_ name: String, repository: String, tag: String) async throws {
        let reference = try ImageReference(tag.isEmpty ? repository : "\(repository):\(tag)")
        try await pool.run { [images] in _ = try images.tag(name, as: reference) }
        await publishImage("tag", name, reference.familiar)
    }

    package func removeImage(_ name: String, force: Bool, noPrune: Bool) async throws -> [ImageDeleteItem] {
        let uses = await imageUses()
        let steps = try await pool.run { [images] in try images.remove(name, force: force, noPrune: noPrune, uses: uses)
        }
        publishRemovals(steps)
        await pool.runApart { [root] in root.drainTrash() }
        return steps.map(ImageDeleteItem.init)
    }

    package func pruneImages(_ filters: Filters) async throws -> ImagesPruneResponse {
        let uses = await imageUses()
        let (steps, reclaimed) = try await pool.run { [images] in try images.prune(filters, uses: uses) }
        publishRemovals(steps)
        events.publish(.image, "prune", "", ["reclaimed": "\(reclaimed)"])
        await pool.runApart { [root] in root.drainTrash() }
        return ImagesPruneResponse(imagesDeleted: steps.map(ImageDeleteItem.init), spaceReclaimed: reclaimed)
    }

    /// Takes in the images of an archive. Blocks.
    ///
    /// - Parameter progress: called from several threads.
    package func loadImages(_ source: any ByteSource, progress: (@Sendable (LayerProgress) -> Void)?) throws
        -> [AddedImage]
    {
        let added = try images.load(source, progress: progress)
        for image in added {
            events.publish(.image, "load", image.id.description, ["name": image.names.first?.familiar ?? ""])
        }
        root.drainTrash()
        return added
    }

    /// Makes an image of a root file system's archive. Blocks.
    package func importImage(
        _ source: any ByteSource, origin: String, changes: [String], message: String, reference: ImageReference?
    ) throws -> AddedImage {
        let added = try images.importRootFS(
            source, origin: origin, changes: changes, message: message, reference: reference)
        events.publish(.image, "import", added.id.description, ["name": reference?.familiar ?? ""])
        root.drainTrash()
        return added
    }

    /// What `save` of these names would write; throws for one that is not there, before anything is written.
    package func selectImages(_ names: [String]) async throws -> [ImageSelection] {
        try await pool.run { [images] in try images.selections(names) }
    }

    /// Writes an archive of images. Blocks.
    package func saveImages(_ selections: [ImageSelection], to sink: any ByteSink) throws {
        try images.save(selections, to: sink)
        for selection in selections { events.publish(.image, "save", selection.image.id.description) }
    }

    func imageUses() async -> [ImageUse] {
        var uses: [ImageUse] = []
        for container in registry.all {
            let (record, state) = (await container.record, await container.state)
            uses.append(ImageUse(image: record.image, container: container.id, isRunning: state.isUp))
        }
        for (image, holder) in claims?.images ?? [] {
            // As one that runs: force must not take away what can be gone back to.
            if let id = Digest(image) { uses.append(ImageUse(image: id, container: holder, isRunning: true)) }
        }
        return uses
    }

    private func publishImage(_ action: String, _ name: String, _ shown: String) async {
        let id = try? await pool.run { [images] in try images.id(of: name) }
        events.publish(.image, action, id?.description ?? name, ["name": shown])
    }

    private func publishRemovals(_ steps: [ImageRemoval]) {
        for step in steps {
            switch step {
            case .untagged(let reference):
                events.publish(.image, "untag", reference.familiar, ["name": reference.familiar])
            case .deleted(let digest): events.publish(.image, "delete", digest.description)
            }
        }
    }
}

extension ImageDeleteItem {
    fileprivate init(_ step: ImageRemoval) {
        switch step {
        case .untagged(let reference): self.init(untagged: reference.familiar)
        case .deleted(let digest): self.init(deleted: digest.description)
        }
    }
}

extension APIModel.ImageConfig {
    init(_ config: ExecutionConfig) {
        func set(_ values: JSONSet) -> [String: EmptyObject]? {
            values.isEmpty ? nil : Dictionary(uniqueKeysWithValues: values.sorted.map { ($0, EmptyObject()) })
        }
        self.init(
            user: config.user ?? "", exposedPorts: set(config.exposedPorts), environment: config.env,
            command: config.cmd, healthcheck: config.healthcheck.map(HealthConfig.init),
            argumentsEscaped: config.argsEscaped, volumes: set(config.volumes),
            workingDirectory: config.workingDir ?? "", entrypoint: config.entrypoint,
            onBuild: config.onBuild.isEmpty ? nil : config.onBuild, labels: config.labels,
            stopSignal: config.stopSignal, shell: config.shell)
    }
}

extension HealthConfig {
    init(_ check: Healthcheck) {
        self.init(
            test: check.test, interval: check.interval, timeout: check.timeout, startPeriod: check.startPeriod,
            startInterval: check.startInterval, retries: check.retries)
    }
}
