import Basics
import Deployment
import Netlink

/// The daemon's table for services: what is in it whatever the services are, and what each service adds. Pure.
///
///     gate (before destinations are rewritten)     new connections to ports that are held or refused end here
///     dispatch (in their place)                    port -> chain of its service
///     to/web                                       random number -> member (pool4/web), counted, rewritten
///     answers (on the way back)                    a member that refuses is not heard: the client asks another one
///
/// Everything that changes during a rollout is elements of sets and maps. The chains of a service have a fixed number
/// of rules, and no service's chain or map is touched for another one's sake.
struct RouterTables {
    let table: String

    // MARK: - Names

    static let hold = "hold"
    static let refuse = "refuse"
    static let lost = "lost"
    private enum Way: String, CaseIterable {
        case plain = "to"
        case sticky
        case preview
    }

    /// What is said of a port, in maps that all services share.
    enum Subject: String, CaseIterable {
        /// Where its connections go.
        case ports
        /// That they wait or are refused.
        case gate
        /// What becomes of an answer to a connection's first packet that refuses it.
        case answer
    }
    /// Of ports at all addresses, or at one.
    static func map(_ subject: Subject, _ family: IPAddress.Family, isAny: Bool) -> NFTSet {
        let address: [NFTSet.Field] = isAny ? [] : [family == .v4 ? .ipv4 : .ipv6]
        return NFTSet(
            "\(subject.rawValue)_\(isAny ? "any" : "one")\(family.rawValue)", key: address + [.transport, .port],
            value: .verdict)
    }
    static let shared: [NFTSet] = Subject.allCases.flatMap { subject in
        IPAddress.Family.allCases.flatMap { family in
            [map(subject, family, isAny: false), map(subject, family, isAny: true)]
        }
    }

    static func chain(_ service: String, _ port: RoutedPort) -> String {
        let way: Way = port.pool == .preview ? .preview : port.sticksToAddress ? .sticky : .plain
        return "\(way.rawValue)/\(service)"
    }
    static func chains(_ service: String) -> [String] { Way.allCases.map { "\($0.rawValue)/\(service)" } }
    /// The service that a chain is of.
    static func service(ofChain chain: String) -> String? {
        chain.hasPrefix("to/") ? String(chain.dropFirst(3)) : nil
    }
    /// What the chain says of the port that leads to it; false when it is not the service's.
    static func describe(_ chain: String, _ service: String, _ port: inout RoutedPort) -> Bool {
        guard let way = Way.allCases.first(where: { "\($0.rawValue)/\(service)" == chain }) else { return false }
        port.sticksToAddress = way == .sticky
        port.pool = way == .preview ? .preview : .service
        return true
    }

    static func pool(_ service: String, _ family: IPAddress.Family) -> NFTSet { members("pool", service, family) }
    static func preview(_ service: String, _ family: IPAddress.Family) -> NFTSet { members("preview", service, family) }
    private static func members(_ name: String, _ service: String, _ family: IPAddress.Family) -> NFTSet {
        NFTSet(
            "\(name)\(family.rawValue)/\(service)", key: [.number], value: .fields([family == .v4 ? .ipv4 : .ipv6]),
            isInterval: true)
    }
    static func counts(_ service: String, _ family: IPAddress.Family) -> NFTSet {
        NFTSet("counts\(family.rawValue)/\(service)", key: [family == .v4 ? .ipv4 : .ipv6], counts: true)
    }
    static func targets(_ service: String) -> NFTSet {
        NFTSet("targets/\(service)", key: [.transport, .port], value: .fields([.port]))
    }
    private static func sets(_ service: String) -> [NFTSet] {
        IPAddress.Family.allCases.flatMap { [pool(service, $0), preview(service, $0), counts(service, $0)] }
            + [targets(service)]
    }

    // MARK: - Changes

    /// The table and what all services share; fine when it is there. Rules are made anew.
    func base(_ change: inout NFTTransaction) {
        change.createTable()
        for set in Self.shared { change.createSet(set) }
        for (name, hook) in Self.baseChains { change.createChain(name, hook) }
        for (name, _) in Self.baseChains { change.flushChain(name) }
        for rule in Self.baseRules { change.addRule(rule.chain, rule.expressions, comment: rule.comment) }
    }

    /// All of a service, whatever of it is there. `stale`: elements of the shared maps that belong to nobody else.
    func install(_ rules: ServiceRules, stale: [String: Set<NFTElement>], _ change: inout NFTTransaction) {
        let service = rules.service
        for set in Self.sets(service) {
            change.createSet(set)
            change.flush(set)
        }
        for chain in Self.chains(service) { change.createChain(chain) }
        for chain in Self.chains(service) { change.flushChain(chain) }
        for rule in Self.rules(service) { change.addRule(rule.chain, rule.expressions, comment: rule.comment) }
        for set in Self.shared {
            if let old = stale[set.name], !old.isEmpty { change.remove(Array(old), from: set) }
        }
        self.change(from: ServiceRules(service: service), to: rules, &change)
    }

    /// From what the table has to what it shall have: nothing when they are equal.
    func change(from old: ServiceRules, to new: ServiceRules, _ change: inout NFTTransaction) {
        let service = new.service
        for family in IPAddress.Family.allCases {
            Self.replace(Self.pool(service, family), old.pools[family] ?? [], new.pools[family] ?? [], &change)
            Self.replace(Self.preview(service, family), old.previews[family] ?? [], new.previews[family] ?? [], &change)
            // Counters of members that stay go on counting.
            Self.update(
                Self.counts(service, family), old.counted[family] ?? [], new.counted[family] ?? [], &change)
        }
        Self.update(Self.targets(service), old.targets, new.targets, &change)
        for set in Self.shared {
            Self.update(
                set, old.dispatch[set.name] ?? old.gates[set.name] ?? [],
                new.dispatch[set.name] ?? new.gates[set.name] ?? [], &change)
        }
    }

    private static func replace(
        _ set: NFTSet, _ old: [NFTElement], _ new: [NFTElement], _ change: inout NFTTransaction
    ) {
        guard old != new else { return }
        if !old.isEmpty { change.flush(set) }
        if !new.isEmpty { change.add(new, to: set) }
    }

    private static func update(
        _ set: NFTSet, _ old: Set<NFTElement>, _ new: Set<NFTElement>, _ change: inout NFTTransaction
    ) {
        let (gone, added) = (old.subtracting(new), new.subtracting(old))
        if !gone.isEmpty { change.remove(Array(gone), from: set) }
        if !added.isEmpty { change.add(Array(added), to: set) }
    }

    /// A service that is there, with its elements of the shared maps.
    func remove(_ service: String, _ elements: [String: Set<NFTElement>], _ change: inout NFTTransaction) {
        for set in Self.shared {
            if let mine = elements[set.name], !mine.isEmpty { change.remove(Array(mine), from: set) }
        }
        for chain in Self.chains(service) { change.flushChain(chain) }
        for chain in Self.chains(service) { change.deleteChain(chain) }
        for set in Self.sets(service) { change.deleteSet(set) }
    }
}

// MARK: - Rules

extension RouterTables {
    struct Rule {
        let chain: String
        let expressions: [NFTExpression]
        let comment: String?
        init(_ chain: String, _ expressions: [NFTExpression], _ comment: String? = nil) {
            self.chain = chain
            self.expressions = expressions
            self.comment = comment
        }
    }

    static let baseChains: [(String, NFTTransaction.Hook?)] = [
        ("gate", nil), (hold, nil), (refuse, nil), ("dispatch", nil), ("answers", nil), (lost, nil),
        // Connections are known by now (-200), and their destinations are still those that were asked for.
        ("gate_in", .init(.filter, .prerouting, priority: -150)),
        // What the host itself sends must be stopped before it is noted as a connection, or it never meets our map.
        ("gate_out", .init(.filter, .output, priority: -150)),
        ("prerouting", .init(.nat, .prerouting, priority: -100)),
        ("output", .init(.nat, .output, priority: -100)),
    ]

    private static let r0 = NFTRegister(0)
    private static func register(_ slot: UInt32) -> NFTRegister { NFTRegister(slot) }
    private static func isFamily(_ family: IPAddress.Family) -> [NFTExpression] {
        // NFPROTO_IPV4, NFPROTO_IPV6
        [.meta(.family, to: r0), .compare(.equal, r0, [family == .v4 ? 2 : 10])]
    }
    private static func source(_ family: IPAddress.Family) -> NFTExpression {
        .payload(.network, offset: family == .v4 ? 12 : 8, length: UInt32(family.bits / 8), to: r0)
    }
    private static func destination(_ family: IPAddress.Family) -> NFTExpression {
        .payload(.network, offset: family == .v4 ? 16 : 24, length: UInt32(family.bits / 8), to: r0)
    }
    /// The transport and the port that was asked for, in two slots.
    private static func port(at slot: UInt32) -> [NFTExpression] {
        [
            .meta(.transport, to: register(slot)),
            .payload(.transport, offset: 2, length: 2, to: register(slot + 1)),
        ]
    }
    /// The same of the connection, from any packet of it.
    private static func asked(at slot: UInt32) -> [NFTExpression] {
        [.meta(.transport, to: register(slot)), .original(.destinationPort, to: register(slot + 1))]
    }
    /// A reset that answers the first packet of a connection to a published port. The kernel has forgotten the
    /// connection when it comes here, so the next packet of the client begins anew, with another member.
    private static let refuses: [NFTExpression] = [
        .meta(.transport, to: r0), .compare(.equal, r0, [6]),
        // RST and ACK, without SYN and FIN, of the sequence number 0: RFC 9293, section 3.10.7.1. One of a connection
        // that stood has another number.
        .payload(.transport, offset: 13, length: 1, to: r0), .bits(r0, to: r0, mask: [0x17], xor: [0]),
        .compare(.equal, r0, [0x14]),
        .payload(.transport, offset: 4, length: 4, to: r0), .compare(.equal, r0, [0, 0, 0, 0]),
        // IP_CT_DIR_REPLY
        .connection(.direction, to: r0), .compare(.equal, r0, [1]),
        // IPS_DST_NAT
        .connection(.status, to: r0), .bits(r0, to: r0, mask: [0x20, 0, 0, 0], xor: [0, 0, 0, 0]),
        .compare(.notEqual, r0, [0, 0, 0, 0]),
    ]
    private static let isLocalDestination: [NFTExpression] = [
        // RTN_LOCAL
        .fib(.addressType, .destination, to: r0), .compare(.equal, r0, [2, 0, 0, 0]),
    ]
    private static let isNew: [NFTExpression] = [
        // NF_CT_STATE_BIT(IP_CT_NEW)
        .connection(.state, to: r0), .bits(r0, to: r0, mask: [8, 0, 0, 0], xor: [0, 0, 0, 0]),
        .compare(.notEqual, r0, [0, 0, 0, 0]),
    ]

    static let baseRules: [Rule] = {
        var rules: [Rule] = []
        for chain in ["gate_in", "gate_out"] {
            rules.append(
                Rule(chain, isNew + isLocalDestination + [.verdict(.jump("gate"))], "services that hold or refuse"))
        }
        rules.append(
            Rule(
                "prerouting",
                isFamily(.v4) + [
                    destination(.v4), .bits(r0, to: r0, mask: [255, 0, 0, 0], xor: [0, 0, 0, 0]),
                    .compare(.equal, r0, [127, 0, 0, 0]), .verdict(.accept),
                ], "only the host itself reaches what is published on 127.0.0.1"))
        for chain in ["prerouting", "output"] {
            rules.append(Rule(chain, isLocalDestination + [.verdict(.jump("dispatch"))], "ports of services"))
        }
        rules.append(Rule("gate_in", refuses + [.verdict(.jump("answers"))], "instances that are going away"))
        for family in IPAddress.Family.allCases {
            let slots = UInt32(family.bits / 32)
            let address: NFTExpression = .original(family == .v4 ? .destinationV4 : .destinationV6, to: r0)
            let one = map(.answer, family, isAny: false).name
            let any = map(.answer, family, isAny: true).name
            rules.append(
                Rule("answers", isFamily(family) + [address] + asked(at: slots) + [.verdictMap(set: one, r0)]))
            rules.append(Rule("answers", isFamily(family) + asked(at: 0) + [.verdictMap(set: any, r0)]))
        }
        for (chain, subject) in [("gate", Subject.gate), ("dispatch", .ports)] {
            for family in IPAddress.Family.allCases {
                let one = map(subject, family, isAny: false).name
                let any = map(subject, family, isAny: true).name
                rules.append(
                    Rule(
                        chain,
                        isFamily(family) + [destination(family)] + port(at: UInt32(family.bits / 32))
                            + [.verdictMap(set: one, r0)]))
                rules.append(Rule(chain, isFamily(family) + port(at: 0) + [.verdictMap(set: any, r0)]))
            }
        }
        for chain in [hold, lost] {
            rules.append(Rule(chain, [.counter, .verdict(.drop)], "the client tries again in a second"))
        }
        rules.append(
            Rule(refuse, [.meta(.transport, to: r0), .compare(.equal, r0, [6]), .counter, .reject(reset: true)]))
        rules.append(Rule(refuse, [.counter, .reject(reset: false)]))
        return rules
    }()

    static func rules(_ service: String) -> [Rule] {
        var rules: [Rule] = []
        for way in Way.allCases {
            let chain = "\(way.rawValue)/\(service)"
            for family in IPAddress.Family.allCases {
                let length = UInt32(family.bits / 8)
                let map = way == .preview ? preview(service, family) : pool(service, family)
                let choose: [NFTExpression] =
                    way == .sticky
                    ? [
                        source(family),
                        .hash(r0, length: length, modulus: ServiceRules.modulus, seed: seed(service), to: r0),
                    ]
                    : [.number(modulus: ServiceRules.modulus, random: true, to: r0)]
                // The address is in as many slots as it is long, the port behind it.
                let behind = length / 4
                rules.append(
                    Rule(
                        chain,
                        isFamily(family) + choose + [.toNetworkOrder(r0, to: r0), .map(set: map.name, r0, to: r0)]
                            + (way == .preview ? [] : [.lookup(set: counts(service, family).name, r0)])
                            + port(at: behind) + [
                                .map(set: targets(service).name, register(behind), to: register(behind)),
                                .destinationNAT(
                                    family: family == .v4 ? 2 : 10, address: r0, port: register(behind)),
                            ]))
            }
            // Nothing was found because it is being changed at this moment, or by somebody else: the client tries
            // again, where the host itself would refuse it.
            rules.append(Rule(chain, [.counter, .verdict(.drop)]))
        }
        return rules
    }

    static func ruleCounts(_ service: String) -> [(chain: String, count: Int)] {
        let all = baseRules + rules(service)
        return (baseChains.map(\.0) + chains(service)).map { name in (name, all.filter { $0.chain == name }.count) }
    }

    /// The same for the service at any time, so that clients stay with their member: FNV-1a.
    private static func seed(_ service: String) -> UInt32 {
        service.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}
