package import Basics
package import Netlink
import Kernel

/// What the kernel remembers of connections to an address of an instance.
package struct ConnectionTable: Sendable {
    private let filter: NetlinkSocket

    package init(_ filter: NetlinkSocket) { self.filter = filter }

    /// In the network namespace of the calling thread.
    package init() throws { try self.init(NetlinkSocket(.netfilter)) }

    private static let tcp: UInt8 = 6

    /// For an address that nothing new is sent to: forgets connections that were begun and never answered, whose
    /// client would go on knocking at it, and flows without connections, which every packet renews. A connection that
    /// stands is left alone. Returns how many.
    package func forgetUnfinished(_ address: IPAddress) throws -> Int {
        let all = try filter.connections(answeredBy: address)
        let flows = all.filter { $0.original.transport != Self.tcp }
        try filter.delete(flows)
        // An answer may be on its way: only what is still without one a moment later.
        let young = Set(all.filter { $0.original.transport == Self.tcp && !$0.isAnswered }.map(\.original))
        guard !young.isEmpty else { return flows.count }
        Clock.sleep(nanoseconds: 20_000_000)
        let halfOpen = try filter.connections(answeredBy: address).filter {
            !$0.isAnswered && young.contains($0.original)
        }
        try filter.delete(halfOpen)
        return flows.count + halfOpen.count
    }

    /// For an address whose instance has ended: forgets all its connections and makes sure, so that the address may be
    /// given to another one. Throws when there are new ones all the time.
    package func clear(_ address: IPAddress) throws {
        for _ in 0..<5 {
            try filter.deleteConnections(of: [address])
            if try filter.connections(of: address).isEmpty { return }
            Clock.sleep(nanoseconds: 10_000_000)
        }
        throw ConnectionsRemain(address: address, count: try filter.connections(of: address).count)
    }

    package struct ConnectionsRemain: Error, CustomStringConvertible {
        package let address: IPAddress
        package let count: Int
        package var description: String {
            "\(count) connections of \(address) are there again and again: something still uses the address"
        }
    }
}
