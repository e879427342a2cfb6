/// What a router shall do with the connections of a service, in terms that every driver can translate: nftables into a
/// map with intervals, HAProxy into servers and weights, nginx into the members behind one address per group.
package struct RouterTable: Hashable, Sendable, Codable {
    package struct Member: Hashable, Sendable, Codable {
        package var instance: String
        package var address: String
        package init(instance: String, address: String) {
            self.instance = instance
            self.address = address
        }
    }
    /// The members of a revision share the group's part evenly; a client that sticks does so to the group first.
    package struct Group: Hashable, Sendable, Codable {
        package var revision: Int
        package var isBaseline: Bool
        package var share: Share
        package var members: [Member]
        package init(revision: Int, isBaseline: Bool = false, share: Share, members: [Member]) {
            self.revision = revision
            self.isBaseline = isBaseline
            self.share = share
            self.members = members
        }
    }

    package var service: String
    package var groups: [Group] = []
    /// New connections wait, open ones go on: SYNs are dropped and come again, requests are queued.
    package var hold = false
    /// `503` with `Retry-After`, or RST where there is no HTTP.
    package var maintenance = false
    /// What the preview address shows.
    package var preview: [Member] = []
    /// Requests that go to `matchRevision` whatever the shares are.
    package var match: [DeployPolicy.Match] = []
    package var matchRevision: Int?

    package init(service: String) { self.service = service }

    package var members: [Member] { groups.flatMap(\.members) }
    package var isEmpty: Bool { groups.allSatisfy { $0.members.isEmpty } }
    package func lists(_ instance: String) -> Bool {
        groups.contains { $0.members.contains { $0.instance == instance } }
            || preview.contains { $0.instance == instance }
    }
    package var listed: Set<String> { Set(members.map(\.instance)).union(preview.map(\.instance)) }
    var addresses: Set<String> { Set(members.map(\.address)).union(preview.map(\.address)) }
    /// Of all connections, that of a revision.
    package func share(of revision: Int) -> Share {
        Share(parts: groups.filter { $0.revision == revision }.reduce(0) { $0 + $1.share.parts })
    }
}

/// What is known of the router.
package struct RouterState: Hashable, Sendable, Codable {
    /// Read back last.
    package var applied: RouterTable
    /// Counts what was sent; a read back belongs to the number.
    package var generation = 0
    /// Sent, and not yet read back.
    package var sent: RouterTable?
    /// The action that is under way.
    package var action: Int64?
    package var issuedAt: Moment?
    package var attempts = 0
    package var retryAt: Moment?
    package var isDown = false
    /// The table has to be sent even when it looks right: after a restart nobody knows.
    package var isUncertain = false
    /// In any table sent since the last read back: the router may list these.
    package var maybeListed: Set<String> = []
    /// The same by address: an instance that was started again has another one.
    var maybeUsed: Set<String> = []

    package init(service: String) { applied = RouterTable(service: service) }
}
