package import Deployment

/// Sends the connections of services to their instances: nftables in the kernel, or a proxy.
///
/// Calls may block for as long as a proxy takes to answer; the one in the kernel takes a millisecond. Any thread may
/// call, and calls for one service come one after the other.
package protocol Router: Sendable {
    /// What of a route the router cannot do, each in words for the user; empty when it can do all of it. Looks at
    /// nothing but the route.
    func limits(_ route: ServiceRoute) -> [String]

    /// Ports of the route that somebody else has at this moment, each in words for the user. Takes nothing.
    func conflicts(_ route: ServiceRoute) throws -> [String]

    /// Makes it so in one step: a connection meets all of the old route or all of the new one. Connections that are
    /// open stay where they are. As often as need be with the same result.
    ///
    /// Throws `RouterError.unsupported` for what `limits` names, `.portTaken` for a port that somebody else has.
    func apply(_ route: ServiceRoute) throws

    /// What the router really does, put together from its own state: equal to what was applied when all went well.
    /// nil when it knows nothing of the service. Throws `RouterError.inconsistent` when that is no route.
    func readBack(_ service: String) throws -> ServiceRoute?

    /// The services that the router has something of, its own remains after a crash among them.
    func services() throws -> Set<String>

    /// Forgets the service; its ports are free afterwards. Fine when there is none.
    func remove(_ service: String) throws

    /// How many connections each instance was given since it was listed.
    func connections(_ service: String) throws -> [String: UInt64]

    /// After a member has left the table: takes back what would still be brought to it although it is no connection
    /// yet (half-open connections, flows of UDP). Returns how many that were.
    func letGo(_ member: RouterTable.Member, of service: String) throws -> Int

    /// What of the member the router itself still holds open. nil: the router is not in the way of connections, and
    /// the instance's own sockets are all there is (`InstanceSockets`).
    func drainState(_ member: RouterTable.Member, of service: String) throws -> DrainState?

    /// Begins to look after the routes. `report` is called from a thread of the router's.
    func start(report: @escaping @Sendable (RouterEvent) -> Void) throws

    /// Ends what `start` began. What flows goes on flowing.
    func close()
}

/// What a proxy holds open for a member.
package struct DrainState: Hashable, Sendable {
    /// Requests or connections at the member.
    package var open: Int
    /// Waiting for it.
    package var queued: Int
    package init(open: Int, queued: Int) {
        self.open = open
        self.queued = queued
    }
}

package enum RouterEvent: Hashable, Sendable {
    /// Somebody else changed it, and it was made anew: nothing to do.
    case repaired(String)
    case down(String)
    case up
}

package enum RouterError: Error, Hashable, CustomStringConvertible {
    case unsupported(service: String, [String])
    case portTaken(String)
    case inconsistent(service: String, String)

    package var description: String {
        switch self {
        case .unsupported(let service, let limits): "service \(service): \(limits.joined(separator: "; "))"
        case .portTaken(let text): text
        case .inconsistent(let service, let text): "service \(service): the router does something else: \(text)"
        }
    }
}
