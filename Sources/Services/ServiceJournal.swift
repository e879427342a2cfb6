package import Basics
package import Deployment

/// All that is known of a service: what the journal holds of it.
package struct ServiceEntry: Codable, Sendable {
    package var service: Service
    /// Of the host's run in which the moments inside were taken (`/proc/sys/kernel/random/boot_id`).
    package var bootID: String
    /// The spec files as their authors wrote them, by `Revision.hash`.
    package var sources: [String: JSONValue] = [:]
    /// Of the rollout under way.
    package var traffic: RolloutTraffic?

    package init(service: Service, bootID: String) {
        self.service = service
        self.bootID = bootID
    }
}

/// Something that happened to a service, with a place in the order of all that did.
package struct ServiceNews: Codable, Sendable, Hashable {
    /// Counts up over all services, also over restarts of the daemon.
    package var seq: Int64
    package var time: Timestamp
    package var service: String
    package var rollout: String?
    package var instance: String?
    /// Of `ServiceNotice.Kind`, or `result`.
    package var kind: String
    package var text: String
    /// With `result`: the result object.
    package var result: JSONValue?

    package init(service: String, time: Timestamp, kind: String, text: String) {
        seq = 0
        self.service = service
        self.time = time
        self.kind = kind
        self.text = text
    }
}

/// How a rollout ended, for good.
package struct FinishedRollout: Sendable {
    package var id: String
    package var service: String
    package var ended: Timestamp
    package var result: JSONValue
    package init(id: String, service: String, ended: Timestamp, result: JSONValue) {
        self.id = id
        self.service = service
        self.ended = ended
        self.result = result
    }
}

/// Where services are written before anything is done for them. All calls block.
package protocol ServiceJournal: Sendable {
    /// One transaction. `durably`: it is on the disk when this returns; else it outlives the process only.
    /// Returns the news with their numbers.
    func save(_ entry: ServiceEntry, news: [ServiceNews], finished: [FinishedRollout], durably: Bool) throws
        -> [ServiceNews]
    /// Those that can be read. The others are set aside, and the log says so.
    func entries() throws -> [ServiceEntry]
    func remove(service: String) throws
    /// Of a rollout that has ended.
    func result(of rollout: String) throws -> JSONValue?
    /// The newest first.
    func results(of service: String, limit: Int) throws -> [JSONValue]
    /// After a number, in order; of one rollout or of all. Old ones are forgotten.
    func news(service: String, rollout: String?, after seq: Int64, limit: Int) throws -> [ServiceNews]
    /// nil: never begun. What has begun and has no exit code may or may not have run.
    func hook(_ key: String) throws -> HookRun?
    func save(_ run: HookRun, key: String, service: String) throws
}

/// A hook that has begun: it is never begun again.
package struct HookRun: Codable, Sendable, Hashable {
    /// nil: not known to have ended.
    package var exitCode: Int?
    package var detail = ""
    package init(exitCode: Int? = nil, detail: String = "") {
        self.exitCode = exitCode
        self.detail = detail
    }
}
