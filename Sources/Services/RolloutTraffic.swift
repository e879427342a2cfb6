import Basics
import Deployment
import Reactor
import Routing

/// New connections since a rollout began, from counters that begin anew with each member.
package struct RolloutTraffic: Codable, Sendable, Hashable {
    package var rollout: String
    package private(set) var total: Int64 = 0
    /// By instance, as they were read last.
    private var last: [String: UInt64]

    /// `counts`: those of now, which are none of the rollout's.
    package init(rollout: String, counts: [String: UInt64]) {
        self.rollout = rollout
        last = counts
    }

    package mutating func take(_ counts: [String: UInt64]) {
        for (instance, count) in counts {
            let before = last[instance] ?? 0
            // Less than before: it has left the router meanwhile, and come back.
            total += Int64(clamping: count >= before ? count - before : count)
        }
        last = counts
    }
}

extension ServiceController {
    /// Before each change of the router, and at the end: what a member that leaves has counted goes with it.
    func countTraffic() async {
        let (tools, name) = (tools, name)
        do {
            let counts = try await tools.pool.run { try tools.router.connections(name) }
            entry.traffic?.take(counts)
            counted = counts
        } catch {
            tools.log.debug("service \(name): cannot read the router's counters: \(error)")
        }
    }

    /// For the rollout that has just begun.
    func beginTraffic() {
        guard let rollout = service.rollout?.id, entry.traffic?.rollout != rollout else { return }
        entry.traffic = RolloutTraffic(rollout: rollout, counts: counted)
    }
}
