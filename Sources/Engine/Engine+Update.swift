package import APIModel
import Cgroups
import Kernel
import Reactor
import Storage

extension Engine {
    /// Changes the limits and the restart policy of a container, at once if it runs.
    package func update(_ text: String, _ update: UpdateConfig) async throws -> ContainerUpdateResponse {
        let container = try container(text)
        try await container.gate.run { try await container.update(update) }
        return ContainerUpdateResponse(warnings: [])
    }
}

extension Container {
    func update(_ update: UpdateConfig) async throws {
        let (facts, old) = (engine.facts, record.hostConfig)
        var host = old
        host.resources = try Validation.checkUpdate(update, old, facts)
        if !update.restartPolicy.name.isEmpty { host.restartPolicy = update.restartPolicy }
        if state.isUp, host.resources != old.resources {
            let cgroup = try engine.cgroups.cgroup(cgroupPath)
            let limits = try ResourcesSpec.limits(host.resources, facts.devices)
            try await engine.pool.run { try cgroup.apply(limits) }
        }
        var changed = record
        changed.hostConfig = host
        try engine.table.update(id: id, record: changed.encoded())
        record = changed
        publish("update")
    }
}
