import Reactor
package import APIModel
import Basics
import Kernel
import Networking
package import Storage

extension Engine {
    /// By id, name, or the beginning of an id.
    package func container(_ text: String) throws(EngineError) -> Container { try registry.find(text) }

    package func exec(_ id: String) throws(EngineError) -> ExecSession { try registry.exec(id) }

    package func createExec(in text: String, _ request: ExecCreateRequest) async throws -> ExecSession {
        try await container(text).createExec(request)
    }

    /// What `ps` shows, the newest first.
    ///
    /// - Parameters:
    ///   - all: those that do not run as well.
    ///   - limit: at most so many of the newest, whatever their state; 0 or less is no limit.
    ///   - sizes: fill in how much they hold: a walk through their files.
    package func list(all: Bool, limit: Int, sizes: Bool, filters: Filters) async throws -> [ContainerSummary] {
        let filters = try await resolve(try ContainerFilters(filters))
        let all = all || limit > 0 || filters.wantsAllStates
        var result: [ContainerSummary] = []
        for container in registry.all.sorted(by: { ($0.created, $0.id) > ($1.created, $1.id) }) {
            guard var summary = await container.summary(all: all, matching: filters) else { continue }
            if sizes {
                let (own, total) = try await self.sizes(of: container)
                summary.sizeRw = own
                summary.sizeRootFs = total
            }
            result.append(summary)
            if result.count == limit { break }
        }
        return result
    }

    package func inspect(_ text: String, size: Bool) async throws -> ContainerInspect {
        let container = try container(text)
        var answer = await container.inspect()
        if size {
            let (own, total) = try await sizes(of: container)
            answer.sizeRw = own
            answer.sizeRootFs = total
        }
        return answer
    }

    /// Bytes in the container's own layer, and in all of them.
    private func sizes(of container: Container) async throws -> (own: Int64, total: Int64) {
        let record = await container.record
        return try await pool.run { [layers] in
            let own = try Sys.treeSize(container.directory + "/upper").bytes
            let below = try record.topLayer.flatMap { try layers.size($0) } ?? 0
            return (own, own + below)
        }
    }

    private func resolve(_ filters: ContainerFilters) async throws -> ContainerFilters {
        var filters = filters
        if let name = filters["since"].last { filters.createdAfter = await (try container(name)).record.created }
        if let name = filters["before"].last { filters.createdBefore = await (try container(name)).record.created }
        if !filters["ancestor"].isEmpty {
            let names = filters["ancestor"]
            filters.images = try await pool.run { [images] in try images.descendants(ofAny: names) }
        }
        if let text = filters["until"].last { filters.createdBefore = try Self.moment(text) }
        return filters
    }

    /// A moment, or how long ago it was, as the filter `until` has it.
    static func moment(_ text: String) throws(EngineError) -> Timestamp {
        if let ago = GoDuration.parse(text) { return Timestamp(nanosecondsSince1970: Clock.realtime() - ago) }
        if let time = Timestamp(text) { return time }
        throw EngineError(.invalid, "\"\(text)\" is neither a time nor a duration")
    }

    package func rename(_ text: String, to new: String) async throws {
        let container = try container(text)
        let name = new.hasPrefix("/") ? String(new.dropFirst()) : new
        try ObjectName.checkContainer(name)
        try await container.gate.run { try await container.rename(to: name) }
    }

    /// Removes all containers that do not run and match.
    package func pruneContainers(_ filters: Filters) async throws -> ContainersPruneResponse {
        try filters.check(allowed: ["label", "label!", "until"])
        let wanted = try await resolve(try ContainerFilters(filters))
        var removed: [String] = []
        var reclaimed: Int64 = 0
        for container in registry.all {
            let facts = await container.facts
            guard facts.status == .exited || facts.status == .created || facts.status == .dead, wanted.matches(facts)
            else { continue }
            let size = try? await sizes(of: container).own
            do {
                try await remove(container, volumes: false)
            } catch let error as EngineError where error.kind == .conflict {
                continue  // Started meanwhile.
            }
            removed.append(container.id)
            reclaimed += size ?? 0
        }
        events.publish(.container, "prune", "", ["reclaimed": "\(reclaimed)"])
        return ContainersPruneResponse(containersDeleted: removed, spaceReclaimed: reclaimed)
    }
}

extension Container {
    /// nil when it is not asked for: `all` is for those that do not run as well.
    func summary(all: Bool, matching filters: ContainerFilters) -> ContainerSummary? {
        guard all || state.status == .running || state.status == .paused || state.status == .restarting,
            filters.isEmpty || filters.matches(facts)
        else { return nil }
        return summary()
    }

    var facts: ContainerFacts {
        var volumes: Set<String> = []
        for mount in record.mounts {
            volumes.insert(mount.destination)
            if mount.kind == .volume { volumes.insert(mount.source) }
        }
        return ContainerFacts(
            id: id, name: record.name, created: record.created, image: record.image, status: state.status,
            exitCode: state.exitCode, health: health?.status.rawValue, labels: record.config.labels ?? [:],
            volumes: volumes, networks: networkKeys, ports: portSummaries)
    }

    func rename(to name: String) async throws {
        guard name != record.name else {
            throw EngineError(.invalid, "Renaming a container with the same name as its current name")
        }
        let old = record.name
        var renamed = record
        renamed.name = name
        try engine.table.rename(id: id, to: name, record: renamed.encoded())
        record = renamed
        engine.registry.rename(id, from: old, to: name)
        try await engine.pool.run { [engine, id] in try engine.networking.rename(container: id, to: name) }
        if state.isUp { await findNetworks() }
        publish("rename", ["oldName": "/" + old])
    }
}
