package import APIModel
import Archive
import Basics
import Kernel
import OCI
import Reactor
import Storage

extension Engine {
    /// Makes an image of what a container is now. Returns the image's id.
    ///
    /// - Parameters:
    ///   - override: settings over the container's; what it leaves empty stays.
    ///   - changes: Dockerfile instructions, the last word.
    ///   - pause: a running container is frozen while its files are read, so that they are of one moment.
    package func commit(
        _ text: String, repository: String, tag: String, message: String, author: String, changes: [String],
        pause: Bool, override: ContainerConfig?
    ) async throws -> IDResponse {
        let container = try container(text)
        let reference =
            repository.isEmpty ? nil : try ImageReference(tag.isEmpty ? repository : "\(repository):\(tag)")
        let added = try await container.gate.run {
            let record = await container.record
            let lowers = try lowerDirectories(record)
            let config =
                try override.map { try ConfigMerge.merge($0, over: ExecutionConfig(record.config)) } ?? record.config
            var commit = Commit(parent: record.image, config: ExecutionConfig(config))
            commit.changes = changes
            commit.author = author.isEmpty ? nil : author
            commit.message = message.isEmpty ? nil : message
            commit.createdBy = record.command.joined(separator: " ")
            commit.reference = reference
            let frozen = pause ? try await container.freezeForCommit() : false
            do {
                let upper = container.directory + "/upper"
                let added = try await pool.runApart { [images, commit] in
                    try images.commit(commit) { sink in
                        let below = try lowers.map { SharedDescriptor(try Sys.open($0, Sys.openDirectory)) }
                        _ = try LayerDiff.write(
                            upper: try Sys.open(upper, Sys.openDirectory), lowers: below,
                            excluding: Self.madeByRuntime, to: sink)
                    }
                }
                if frozen { try await container.freeze(false) }
                return added
            } catch {
                if frozen { try await container.freeze(false) }
                throw error
            }
        }
        await container.publish("commit", ["imageID": added.id.description, "imageRef": reference?.familiar ?? ""])
        await pool.runApart { [root] in root.drainTrash() }
        return IDResponse(id: added.id.description)
    }
}

extension Container {
    /// True when the caller has to thaw it: it runs, and nobody had paused it.
    func freezeForCommit() async throws -> Bool {
        guard state.status == .running else { return false }
        try await freeze(true)
        return true
    }
}

extension ExecutionConfig {
    /// What an image made of a container tells its own containers.
    init(_ config: ContainerConfig) {
        self.init()
        user = config.user.isEmpty ? nil : config.user
        exposedPorts = JSONSet((config.exposedPorts ?? [:]).keys)
        env = config.env ?? []
        entrypoint = config.entrypoint
        cmd = config.cmd
        volumes = JSONSet((config.volumes ?? [:]).keys)
        workingDir = config.workingDir.isEmpty ? nil : config.workingDir
        labels = config.labels ?? [:]
        stopSignal = config.stopSignal
        stopTimeout = config.stopTimeout
        shell = config.shell
        onBuild = config.onBuild ?? []
        if let check = config.healthcheck {
            var copy = Healthcheck(test: check.test)
            copy.interval = check.interval
            copy.timeout = check.timeout
            copy.startPeriod = check.startPeriod
            copy.startInterval = check.startInterval
            copy.retries = check.retries
            healthcheck = copy
        }
    }
}
