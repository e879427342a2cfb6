import Basics
import Deployment
import Netlink

/// A service in the terms of nftables: the elements of sets and maps that say all of it. Pure, and the way there and
/// back: what was read from the kernel becomes a route again, or an error that says why it is none.
struct ServiceRules: Hashable {
    let service: String
    /// In the maps that all services share: which chain a new connection goes to.
    var dispatch: [String: Set<NFTElement>] = [:]
    /// In the other maps that all services share: connections that wait or are refused, answers that are not heard.
    var gates: [String: Set<NFTElement>] = [:]
    /// The instances' port for each port of the host, and one element with what no other shows.
    var targets: Set<NFTElement> = []
    /// Sorted: ranges of random numbers, the members they lead to, and behind them members without a share.
    var pools: [IPAddress.Family: [NFTElement]] = [:]
    var previews: [IPAddress.Family: [NFTElement]] = [:]
    /// Members whose connections are counted; and those that were members one change ago, because a packet that found
    /// one a moment ago must find its counter.
    var counted: [IPAddress.Family: Set<NFTElement>] = [:]

    init(service: String) { self.service = service }
}

// MARK: - From a route

extension ServiceRules {
    /// Random numbers are below this. A share of all is 10,000 parts, and a part can be split among 1000 members.
    static let modulus: UInt32 = 10_000 * perPart
    private static let perPart: UInt32 = 1000

    /// `route` must be within the limits.
    init(_ route: ServiceRoute) {
        self.init(service: route.service)
        let table = route.table
        for family in IPAddress.Family.allCases {
            pools[family] = Self.pool(table.groups, family)
            previews[family] = Self.preview(table.preview, family)
            counted[family] = Set(
                table.members.compactMap { IPAddress($0.address) }.filter { $0.family == family }
                    .map { NFTElement([.address($0)]) })
        }
        for (index, port) in route.ports.enumerated() {
            targets.insert(
                NFTElement(
                    [.transport(port.number), .port(port.port)], value: [.port(port.target)],
                    comment: "\(index) \(port.name)"))
            let chain = RouterTables.chain(service, port)
            for place in port.places {
                let key = place.key(port)
                dispatch[place.dispatch.name, default: []].insert(NFTElement(key, verdict: .goto(chain)))
                if let gate = gate(table, port.pool, place.family) {
                    gates[place.gate.name, default: []].insert(NFTElement(key, verdict: .goto(gate)))
                }
                if port.transport == .tcp {
                    gates[place.answer.name, default: []].insert(NFTElement(key, verdict: .goto(RouterTables.lost)))
                }
            }
        }
        targets.insert(Self.flags(table))
    }

    /// What is listed now may be found by a packet until the next change has been made.
    mutating func keepCounting(_ old: ServiceRules) {
        for family in IPAddress.Family.allCases {
            for element in old.pools[family] ?? [] {
                guard let address = element.value.flatMap({ IPAddress(bytes: $0) }), !address.isAny else { continue }
                counted[family, default: []].insert(NFTElement([.address(address)]))
            }
        }
    }

    /// No packet has the transport 0.
    private static let flagsKey: [NFTFieldValue] = [.transport(0), .port(0)]
    private static func flags(_ table: RouterTable) -> NFTElement {
        NFTElement(flagsKey, value: [.port((table.hold ? 1 : 0) | (table.maintenance ? 2 : 0))], comment: "flags")
    }

    private func gate(_ table: RouterTable, _ pool: RoutedPort.Pool, _ family: IPAddress.Family) -> String? {
        switch pool {
        case .preview: previews[family]?.isEmpty == false ? nil : RouterTables.refuse
        case .service:
            if table.maintenance {
                RouterTables.refuse
            } else if table.hold {
                RouterTables.hold
            } else {
                // Nobody is reached by this family: refused at once, so that a client tries the other.
                (pools[family] ?? []).contains { Self.start($0) < Self.modulus } ? nil : RouterTables.refuse
            }
        }
    }

    private static func start(_ element: NFTElement) -> UInt32 { element.key.reduce(0) { $0 << 8 | UInt32($1) } }
    private static func end(_ element: NFTElement) -> UInt32 {
        (element.last ?? element.key).reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func pool(_ groups: [RouterTable.Group], _ family: IPAddress.Family) -> [NFTElement] {
        var used: [NFTElement] = []
        var parked: [NFTElement] = []
        var next: UInt32 = 0
        func add(_ width: UInt32, _ address: IPAddress, _ comment: String) {
            let start = width == 0 ? modulus + UInt32(parked.count) : next
            let last = width == 0 ? start : next + width - 1
            let element = NFTElement(
                [.number(start)], last: [.number(last)], value: [.address(address)], comment: comment)
            if width == 0 { parked.append(element) } else { used.append(element) }
            next += width
        }
        for (index, group) in groups.enumerated() {
            let name = "\(index) r\(group.revision)\(group.isBaseline ? "b" : "")"
            if group.members.isEmpty, family == .v4 { add(0, .anyV4, name) }
            let total = UInt64(group.share.parts) * UInt64(perPart)
            for (number, member) in group.members.enumerated() {
                guard let address = IPAddress(member.address), address.family == family else { continue }
                let count = UInt64(group.members.count)
                let width = total * UInt64(number + 1) / count - total * UInt64(number) / count
                add(UInt32(width), address, "\(name) \(number) \(member.instance)")
            }
        }
        return used + parked
    }

    private static func preview(_ members: [RouterTable.Member], _ family: IPAddress.Family) -> [NFTElement] {
        let count = UInt64(members.count)
        return members.enumerated().compactMap { number, member in
            guard let address = IPAddress(member.address), address.family == family else { return nil }
            let start = UInt64(modulus) * UInt64(number) / count
            let next = UInt64(modulus) * UInt64(number + 1) / count
            return NFTElement(
                [.number(UInt32(start))], last: [.number(UInt32(next - 1))], value: [.address(address)],
                comment: "\(number) \(member.instance)")
        }
    }
}

// MARK: - Into a route

extension ServiceRules {
    /// Throws when these are not the rules of any route.
    func route() throws(RouterError) -> ServiceRoute {
        var table = RouterTable(service: service)
        let flags = targets.first { $0.key.first == 0 }?.value?.last ?? 0
        table.hold = flags & 1 != 0
        table.maintenance = flags & 2 != 0
        table.groups = try groups()
        table.preview = try members(
            previews.values.flatMap { $0 }.map { element in
                let words = (element.comment ?? "").split(separator: " ")
                return (words.first.flatMap { Int($0) }, words.dropFirst().first, element)
            })
        let route = ServiceRoute(ports: try ports(), table: table)
        try compare(with: ServiceRules(route))
        return route
    }

    private func wrong(_ text: String) -> RouterError { .inconsistent(service: service, text) }

    private func groups() throws(RouterError) -> [RouterTable.Group] {
        struct Found {
            var group: RouterTable.Group
            var width: UInt32 = 0
            var members: [(Int?, Substring?, NFTElement)] = []
        }
        var found: [Int: Found] = [:]
        for element in pools.values.flatMap({ $0 }) {
            // `<group> r<revision>[b] [<member> <instance>]`
            let words = (element.comment ?? "").split(separator: " ")
            guard words.count == 2 || words.count == 4, let index = Int(words[0]), words[1].first == "r",
                let revision = Int(words[1].dropFirst().prefix { $0 != "b" })
            else { throw wrong("a member is listed as \"\(element.comment ?? "")\"") }
            var entry =
                found[index]
                ?? Found(
                    group: .init(revision: revision, isBaseline: words[1].hasSuffix("b"), share: .none, members: []))
            if words.count == 4 { entry.members.append((Int(words[2]), words[3], element)) }
            if Self.start(element) < Self.modulus { entry.width += Self.end(element) - Self.start(element) + 1 }
            found[index] = entry
        }
        var result: [RouterTable.Group] = []
        for (_, entry) in found.sorted(by: { $0.key < $1.key }) {
            var group = entry.group
            group.share = Share(parts: Int(entry.width / Self.perPart))
            group.members = try members(entry.members)
            result.append(group)
        }
        return result
    }

    private func members(_ found: [(Int?, Substring?, NFTElement)]) throws(RouterError) -> [RouterTable.Member] {
        var result: [(Int, RouterTable.Member)] = []
        for (number, instance, element) in found {
            guard let number, let instance, let address = element.value.flatMap({ IPAddress(bytes: $0) }) else {
                throw wrong("a member is listed as \"\(element.comment ?? "")\"")
            }
            result.append((number, RouterTable.Member(instance: String(instance), address: address.description)))
        }
        return result.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func ports() throws(RouterError) -> [RoutedPort] {
        var result: [(Int, RoutedPort)] = []
        for element in targets where element.key.first != 0 {
            let words = (element.comment ?? "").split(separator: " ", maxSplits: 1)
            // Transport, three bytes of padding, port, two bytes of padding.
            guard words.count == 2, let index = Int(words[0]), element.key.count >= 6, let value = element.value,
                value.count >= 2, let transport = ServiceSpec.Port.Transport(number: element.key[0])
            else { throw wrong("a port is listed as \"\(element.comment ?? "")\"") }
            var port = RoutedPort(
                name: String(words[1]), transport: transport,
                port: UInt16(element.key[4]) << 8 | UInt16(element.key[5]),
                target: UInt16(value[0]) << 8 | UInt16(value[1]))
            try locate(&port)
            result.append((index, port))
        }
        return result.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// Where a port is published, and which chain it leads to.
    private func locate(_ port: inout RoutedPort) throws(RouterError) {
        let tail = NFTElement([.transport(port.number), .port(port.port)]).key
        var families: Set<IPAddress.Family> = []
        var chains: Set<String> = []
        for family in IPAddress.Family.allCases {
            for element in dispatch[Place.any(family).dispatch.name] ?? [] where element.key == tail {
                families.insert(family)
                if case .goto(let chain) = element.verdict { chains.insert(chain) }
            }
            let bound = Place.one(family == .v4 ? .anyV4 : .anyV6).dispatch.name
            for element in dispatch[bound] ?? [] where Array(element.key.suffix(8)) == tail {
                port.address = IPAddress(bytes: element.key.dropLast(8))
                if case .goto(let chain) = element.verdict { chains.insert(chain) }
            }
        }
        if families.count == 1 { port.address = families.contains(.v4) ? .anyV4 : .anyV6 }
        guard let chain = chains.first, chains.count == 1, families.isEmpty == (port.address?.isAny == false),
            RouterTables.describe(chain, service, &port)
        else { throw wrong("port \(port.description) leads nowhere") }
    }

    private func compare(with wanted: ServiceRules) throws(RouterError) {
        // Empty sets of elements are as good as none.
        func tidy(_ maps: [String: Set<NFTElement>]) -> [String: Set<NFTElement>] { maps.filter { !$0.value.isEmpty } }
        if pools != wanted.pools { throw wrong("the members' shares do not add up") }
        if previews != wanted.previews { throw wrong("the members of the preview do not add up") }
        if targets != wanted.targets { throw wrong("the ports of the instances differ") }
        for (family, members) in wanted.counted where !members.isSubset(of: counted[family] ?? []) {
            throw wrong("not all members are counted")
        }
        if tidy(dispatch) != tidy(wanted.dispatch) { throw wrong("the published ports differ") }
        if tidy(gates) != tidy(wanted.gates) { throw wrong("other ports are held or refused") }
    }
}

// MARK: - Limits

extension ServiceRoute {
    /// What nftables cannot do of it.
    var limits: [String] {
        var result: [String] = []
        if !table.match.isEmpty || table.matchRevision != nil {
            result.append("nftables cannot tell requests apart by header or cookie: match needs a router of mode l7")
        }
        result += memberLimits + portLimits
        let sum = table.groups.reduce(0) { $0 + $1.share.parts }
        if sum != 0, sum != Share.all.parts { result.append("the shares are \(Share(parts: sum)) in all, not 100%") }
        for group in table.groups where group.members.isEmpty && group.share > .none {
            result.append("revision \(group.revision) has a share of \(group.share) and no members")
        }
        return result
    }

    private var memberLimits: [String] {
        var result: [String] = []
        for (name, members) in [("the members", table.members), ("the members of the preview", table.preview)] {
            for member in members {
                let address = IPAddress(member.address)
                if address?.description != member.address || address?.isAny == true {
                    result.append("instance \(member.instance): \"\(member.address)\" is no address")
                }
                if member.instance.isEmpty || member.instance.utf8.count > 200 || member.instance.contains(" ") {
                    result.append("\"\(member.instance)\" is no name of an instance")
                }
            }
            if Set(members.compactMap { IPAddress($0.address)?.family }).count > 1 {
                result.append("\(name) have addresses of both families: shares can be kept in one only")
            }
        }
        return result
    }

    private var portLimits: [String] {
        var result: [String] = []
        for (index, port) in ports.enumerated() {
            if port.port == 0 || port.target == 0 { result.append("port \"\(port.name)\": 0 is no port") }
            if let address = port.address, address.family == .v6, address.isLoopback {
                result.append(
                    "port \(port.description): ports cannot be published at ::1: publish at 127.0.0.1, or at an address of the host's"
                )
            }
            if port.pool == .preview, port.sticksToAddress {
                result.append("port \(port.description): the preview port cannot stick to addresses")
            }
            if port.name.utf8.count > 200 { result.append("port \(port.description): its name is too long") }
            if ports[..<index].contains(where: { $0.port == port.port && $0.transport == port.transport }) {
                result.append("port \(port.port)/\(port.transport.rawValue) is published twice")
            }
        }
        return result
    }
}

extension ServiceSpec.Port.Transport {
    /// `IPPROTO_*`
    var number: UInt8 { self == .tcp ? 6 : 17 }
    init?(number: UInt8) {
        switch number {
        case 6: self = .tcp
        case 17: self = .udp
        default: return nil
        }
    }
}

extension RoutedPort {
    var number: UInt8 { transport.number }

    var places: [Place] {
        guard let address else { return [.any(.v4), .any(.v6)] }
        return [address.isAny ? .any(address.family) : .one(address)]
    }
}

/// Where a port is to be had.
enum Place: Hashable {
    /// At all addresses of a family.
    case any(IPAddress.Family)
    case one(IPAddress)

    var family: IPAddress.Family {
        switch self {
        case .any(let family): family
        case .one(let address): address.family
        }
    }
    func key(_ port: RoutedPort) -> [NFTFieldValue] {
        let tail: [NFTFieldValue] = [.transport(port.number), .port(port.port)]
        return switch self {
        case .any: tail
        case .one(let address): [.address(address)] + tail
        }
    }
    private var isAny: Bool { if case .any = self { true } else { false } }
    var dispatch: NFTSet { RouterTables.map(.ports, family, isAny: isAny) }
    var gate: NFTSet { RouterTables.map(.gate, family, isAny: isAny) }
    var answer: NFTSet { RouterTables.map(.answer, family, isAny: isAny) }
}
