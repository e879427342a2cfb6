/// What an engine tells a service.
package enum ServiceEvent: Hashable, Sendable, Codable {
    case done(Int64, ActionResult)
    case instance(String, InstanceReport)
    case routerDown
    case routerUp
    /// A hard limit was passed: the rollout fails now, also while it is paused.
    case alarm(String)
    /// The time that `Service.nextWake` named has come. More often does no harm.
    case tick
    /// The daemon is back; before anything else.
    case recovered(Observation)
    case command(ServiceCommand)
}

package enum InstanceReport: Hashable, Sendable, Codable {
    case listening
    case probe(ProbeResult)
    case connections(short: Int, long: Int)
    case exited(code: Int, outOfMemory: Bool)
}

/// What there really is, seen after a start of the daemon.
package struct Observation: Hashable, Sendable, Codable {
    package enum Existence: String, Hashable, Sendable, Codable { case running, frozen, exited }
    package struct Seen: Hashable, Sendable, Codable {
        package var name: String
        package var existence: Existence
        package var address: String?
        package init(name: String, existence: Existence, address: String? = nil) {
            self.name = name
            self.existence = existence
            self.address = address
        }
    }
    /// Every container that has the service's label.
    package var instances: [Seen]
    /// The host was started anew: monotonic time began again.
    package var isReboot: Bool
    package init(instances: [Seen], isReboot: Bool) {
        self.instances = instances
        self.isReboot = isReboot
    }
}

/// What a user asks for.
package enum ServiceCommand: Hashable, Sendable, Codable {
    case deploy(DeployRequest)
    /// nil: to the revision before. `key` as for a deploy.
    case rollback(to: Int?, key: String?)
    /// `step`: only when the rollout waits there; later it is a success that changes nothing. `full`: all the rest.
    case promote(rollout: String, step: Int?, full: Bool)
    case pause(rollout: String)
    case resume(rollout: String)
    case abort(rollout: String)
    case scale(Int)
    /// How far `scale` may go; the count follows when it is outside.
    case limits(min: Int?, max: Int?)
    case drain(instance: String)
    case undrain(instance: String)
    /// Of the new revision during a canary, or of the one that is named.
    case weight(Share, of: Int? = nil)
}

package struct DeployRequest: Hashable, Sendable, Codable {
    package enum IfBusy: String, Hashable, Sendable, Codable, CaseIterable { case fail, queue, replace }
    package var spec: ServiceSpec
    /// See `Revision.hash`.
    package var hash: String
    package var label: String?
    package var ifBusy = IfBusy.fail
    /// The same key again means the same deploy.
    package var key: String?

    package init(spec: ServiceSpec, hash: String, label: String? = nil, ifBusy: IfBusy = .fail, key: String? = nil) {
        self.spec = spec
        self.hash = hash
        self.label = label
        self.ifBusy = ifBusy
        self.key = key
    }
}

/// The answer to a command.
package enum ServiceReply: Hashable, Sendable, Codable {
    /// Watch the rollout of this name.
    case accepted(rollout: String)
    /// There was nothing to do.
    case unchanged
    /// It will begin after the one of this name.
    case queued(behind: String)
    case busy(holder: String)
    case notFound(String)
    case invalid(String)
    case ok
}
