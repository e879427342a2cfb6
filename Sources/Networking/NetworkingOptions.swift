package import Basics

/// What a daemon's network is like. Everything that two daemons on one host must not share is named here.
package struct NetworkingOptions: Sendable {
    /// A range that networks without a subnet of their own get one from.
    package struct Pool: Sendable, Hashable {
        package let base: Subnet
        /// Prefix length of each network's subnet.
        package let size: Int
        package init(base: Subnet, size: Int) {
            self.base = base
            self.size = size
        }
    }

    /// The bridge of the network `bridge`. Names of the daemon's rules are made from it.
    package var bridgeName: String
    /// Address and prefix of that bridge, `--bip`; nil: chosen from the pools.
    package var bridgeAddress: (gateway: IPAddress, subnet: Subnet)?
    package var pools: [Pool]
    /// Below it: `<network>/names`.
    package var runDirectory: String
    /// Network namespaces that are prepared ahead.
    package var preparedNamespaces: Int
    /// The host's address that ports are published on when none is said.
    package var publishAddress: IPAddress
    package var mtu: UInt32
    /// Keeps a socket on each published port, so that other programs find it taken.
    package var holdsPublishedPorts: Bool
    /// When the daemon turns forwarding on: packets between interfaces that are no bridges stay unforwarded, as
    /// they were before.
    package var guardsForwarding: Bool

    package init(
        bridgeName: String = "box0", bridgeAddress: (gateway: IPAddress, subnet: Subnet)? = nil,
        pools: [Pool] = NetworkingOptions.standardPools, runDirectory: String, preparedNamespaces: Int = 4,
        publishAddress: IPAddress = .anyV4, mtu: UInt32 = 1500, holdsPublishedPorts: Bool = true,
        guardsForwarding: Bool = true
    ) {
        self.bridgeName = bridgeName
        self.bridgeAddress = bridgeAddress
        self.pools = pools
        self.runDirectory = runDirectory
        self.preparedNamespaces = preparedNamespaces
        self.publishAddress = publishAddress
        self.mtu = mtu
        self.holdsPublishedPorts = holdsPublishedPorts
        self.guardsForwarding = guardsForwarding
    }

    /// Docker's: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and so on.
    package static let standardPools: [Pool] =
        (17...31).compactMap { Subnet("172.\($0).0.0/16").map { Pool(base: $0, size: 16) } }
        + [Subnet("192.168.0.0/16").map { Pool(base: $0, size: 20) }].compactMap { $0 }

    /// The daemon's table of nftables.
    package var tableName: String { "box-\(bridgeName)" }

    /// Four digits of the daemon in the names of its interfaces, by which it knows them again.
    var tag: String {
        var hash: UInt32 = 2_166_136_261
        for byte in bridgeName.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let text = String(hash & 0xffff, radix: 16)
        return String(repeating: "0", count: 4 - text.utf8.count) + text
    }
    /// What the host's ends of endpoints are called: this and 7 random digits.
    var linkPrefix: String { "vb\(tag)" }
    /// The group of interfaces that are to be deleted together.
    var deletionGroup: UInt32 { 0x626f_0000 | (UInt32(tag, radix: 16) ?? 0) }

    func newLinkName() -> String {
        let random = String(UInt32.random(in: 0..<0x1000_0000), radix: 16)
        return linkPrefix + String(repeating: "0", count: 7 - random.utf8.count) + random
    }
}
