import Netlink

/// The rules. There is a fixed number of them.
extension Ruleset {
    private static let r0 = NFTRegister(0)
    private static let ipv4: UInt8 = 2
    private static let ipv6: UInt8 = 10

    // MARK: - Parts of rules

    private static func family(_ number: UInt8) -> [NFTExpression] {
        [.meta(.family, to: r0), .compare(.equal, r0, [number])]
    }
    private static func source(_ family: UInt8, to slot: UInt32 = 0) -> NFTExpression {
        .payload(.network, offset: family == ipv4 ? 12 : 8, length: family == ipv4 ? 4 : 16, to: NFTRegister(slot))
    }
    private static func destination(_ family: UInt8, to slot: UInt32 = 0) -> NFTExpression {
        .payload(.network, offset: family == ipv4 ? 16 : 24, length: family == ipv4 ? 4 : 16, to: NFTRegister(slot))
    }
    /// 127.0.0.0/8 in the field just loaded.
    private static let isLoopback: [NFTExpression] = [
        .bits(r0, to: r0, mask: [255, 0, 0, 0], xor: [0, 0, 0, 0]), .compare(.equal, r0, [127, 0, 0, 0]),
    ]
    private static func from(_ set: NFTSet, inverted: Bool = false) -> [NFTExpression] {
        [.meta(.inputName, to: r0), .lookup(set: set.name, r0, inverted: inverted)]
    }
    private static func to(_ set: NFTSet, inverted: Bool = false) -> [NFTExpression] {
        [.meta(.outputName, to: r0), .lookup(set: set.name, r0, inverted: inverted)]
    }
    private static func bit(_ key: NFTExpression.Connection, _ mask: UInt8) -> [NFTExpression] {
        [
            .connection(key, to: r0), .bits(r0, to: r0, mask: [mask, 0, 0, 0], xor: [0, 0, 0, 0]),
            .compare(.notEqual, r0, [0, 0, 0, 0]),
        ]
    }
    /// `IPS_DST_NAT`
    private static let wasPublished = bit(.status, 0x20)
    private static let isLocalDestination: [NFTExpression] = [
        // RTN_LOCAL
        .fib(.addressType, .destination, to: r0), .compare(.equal, r0, [2, 0, 0, 0]),
    ]

    // MARK: - Chains

    func addChains(_ change: inout NFTTransaction) {
        change.createChain("publish")
        change.createChain("raw", .init(.filter, .prerouting, priority: -300))
        change.createChain("prerouting", .init(.nat, .prerouting, priority: -100))
        change.createChain("output", .init(.nat, .output, priority: -100))
        change.createChain("postrouting", .init(.nat, .postrouting, priority: 100))
        change.createChain("forward", .init(.filter, .forward, priority: 0))
        for chain in ["publish", "raw", "prerouting", "output", "postrouting", "forward"] { change.flushChain(chain) }
        addRaw(&change)
        addPublish(&change)
        addPostrouting(&change)
        addForward(&change)
    }

    /// Loopback addresses may be routed on our bridges, for ports published on 127.0.0.1; so whatever pretends to
    /// come from there, or wants to go there, is stopped before a connection is looked up. What is legitimate has
    /// the bridge's address at this point.
    private func addRaw(_ change: inout NFTTransaction) {
        let drop = Self.from(Self.bridges) + [.verdict(.drop)]
        change.addRule(
            "raw", Self.family(Self.ipv4) + [Self.source(Self.ipv4)] + Self.isLoopback + drop,
            comment: "no loopback addresses from containers")
        change.addRule("raw", Self.family(Self.ipv4) + [Self.destination(Self.ipv4)] + Self.isLoopback + drop)
    }

    private func addPublish(_ change: inout NFTTransaction) {
        // Only the host itself reaches what is published on 127.0.0.1, whatever sysctls others have set.
        change.addRule(
            "prerouting",
            Self.family(Self.ipv4) + [Self.destination(Self.ipv4)] + Self.isLoopback + [.verdict(.accept)])
        for chain in ["prerouting", "output"] {
            change.addRule(
                chain, Self.isLocalDestination + [.verdict(.jump("publish"))], comment: "published ports")
        }
        for family in [Self.ipv4, Self.ipv6] {
            let length: UInt32 = family == Self.ipv4 ? 1 : 4
            func port(at slot: UInt32) -> [NFTExpression] {
                [
                    .meta(.transport, to: NFTRegister(slot)),
                    .payload(.transport, offset: 2, length: 2, to: NFTRegister(slot + 1)),
                ]
            }
            let nat = NFTExpression.destinationNAT(family: family, address: Self.r0, port: NFTRegister(length))
            let bound = family == Self.ipv4 ? Self.one4 : Self.one6
            let any = family == Self.ipv4 ? Self.any4 : Self.any6
            change.addRule(
                "publish",
                Self.family(family) + [Self.destination(family)] + port(at: length)
                    + [.map(set: bound.name, Self.r0, to: Self.r0), nat])
            change.addRule(
                "publish", Self.family(family) + port(at: 0) + [.map(set: any.name, Self.r0, to: Self.r0), nat])
        }
    }

    private func addPostrouting(_ change: inout NFTTransaction) {
        for family in [Self.ipv4, Self.ipv6] {
            let home = family == Self.ipv4 ? Self.home4 : Self.home6
            let hidden = family == Self.ipv4 ? Self.private4 : Self.private6
            let isAtHome: [NFTExpression] =
                Self.family(family) + [
                    Self.source(family), .meta(.outputName, to: NFTRegister(family == Self.ipv4 ? 1 : 4)),
                    .lookup(set: home.name, Self.r0),
                ]
            change.addRule(
                "postrouting", isAtHome + Self.wasPublished + [.masquerade],
                comment: "a container to a published port of its own network: the answer must come back this way")
            change.addRule("postrouting", isAtHome + [.verdict(.accept)])
            change.addRule(
                "postrouting",
                Self.family(family) + [Self.source(family), .lookup(set: hidden.name, Self.r0), .masquerade],
                comment: "containers to the outside")
        }
        change.addRule(
            "postrouting",
            Self.family(Self.ipv4) + [Self.source(Self.ipv4)] + Self.isLoopback + Self.to(Self.bridges) + [.masquerade],
            comment: "the host to a port on 127.0.0.1")
        change.addRule(
            "postrouting",
            Self.family(Self.ipv6) + [
                Self.source(Self.ipv6), .compare(.equal, Self.r0, [UInt8](repeating: 0, count: 15) + [1]),
            ] + Self.to(Self.bridges) + [.masquerade])
    }

    private func addForward(_ change: inout NFTTransaction) {
        func rule(_ expressions: [NFTExpression], _ verdict: NFTVerdict, _ comment: String? = nil) {
            change.addRule("forward", expressions + [.verdict(verdict)], comment: comment)
        }
        // established, related
        rule(Self.bit(.state, 6), .accept)
        rule(
            [
                .meta(.inputName, to: Self.r0), .meta(.outputName, to: NFTRegister(4)),
                .lookup(set: Self.within.name, Self.r0),
            ],
            .accept, "inside a network")
        rule(Self.from(Self.internals), .drop, "internal networks")
        rule(Self.to(Self.internals), .drop)
        rule(Self.to(Self.bridges) + Self.wasPublished, .accept, "published ports")
        rule(Self.to(Self.bridges), .drop, "no other way into a network")
        rule(Self.from(Self.bridges), .accept)
        if guardsForwarding {
            let bridge = NFTFieldValue.interface("bridge").bytes
            rule([.meta(.inputKind, to: Self.r0), .compare(.equal, Self.r0, bridge)], .accept)
            rule([.meta(.outputKind, to: Self.r0), .compare(.equal, Self.r0, bridge)], .accept)
            rule([], .drop, "the host was no router before")
        }
    }
}
