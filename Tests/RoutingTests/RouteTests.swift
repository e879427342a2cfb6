import Basics
import Deployment
import Netlink
import Testing

@testable import Routing

/// Routes of every shape, the same for the same seed.
struct RandomRoutes {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    private mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }

    mutating func next(_ service: String) -> ServiceRoute {
        var table = RouterTable(service: service)
        let isV6 = below(4) == 0
        var number = 1
        func member() -> RouterTable.Member {
            defer { number += 1 }
            return .init(instance: "\(service)-r8-\(number)", address: isV6 ? "fd00::\(number)" : "10.1.0.\(number)")
        }
        var left = 10_000
        let groups = below(4)
        for index in 0..<groups {
            let isLast = index == groups - 1
            let share = isLast ? left : below(left + 1)
            var members = (0..<below(5)).map { _ in member() }
            if share > 0, members.isEmpty { members = [member()] }
            left -= share
            table.groups.append(
                .init(revision: 7 + index, isBaseline: below(3) == 0, share: Share(parts: share), members: members))
        }
        table.preview = (0..<below(3)).map { _ in member() }
        table.hold = below(4) == 0
        table.maintenance = below(5) == 0
        var ports: [RoutedPort] = []
        let places: [IPAddress?] = [nil, .anyV4, .anyV6, IPAddress("127.0.0.1"), IPAddress("2001:db8::1")]
        for index in 0..<below(4) {
            ports.append(
                RoutedPort(
                    name: "p \(index)", transport: below(2) == 0 ? .tcp : .udp, address: places[below(5)],
                    port: UInt16(8000 + index), target: UInt16(3000 + below(9)), sticksToAddress: below(3) == 0))
        }
        if below(3) == 0 { ports.append(RoutedPort(name: "see", port: 9000, target: 3000, pool: .preview)) }
        return ServiceRoute(ports: ports, table: table)
    }
}

@Suite struct RouteTests {
    @Test func portsInWords() {
        #expect(RoutedPort(name: "http", port: 80, target: 3000).description == "80/tcp")
        let bound = RoutedPort(name: "dns", transport: .udp, address: IPAddress("::1"), port: 53, target: 53)
        #expect(bound.description == "[::1]:53/udp")
    }

    @Test func everyRouteComesBack() throws {
        var routes = RandomRoutes(seed: 1)
        for _ in 0..<2000 {
            let route = routes.next("web")
            #expect(route.limits == [])
            #expect(try ServiceRules(route).route() == route)
        }
    }

    @Test func sharesBecomeRanges() throws {
        func member(_ number: Int) -> RouterTable.Member { .init(instance: "i\(number)", address: "10.0.0.\(number)") }
        var table = RouterTable(service: "web")
        table.groups = [
            .init(revision: 1, share: Share(parts: 9_999), members: [member(1), member(2), member(3)]),
            .init(revision: 2, share: Share(parts: 1), members: [member(4), member(5)]),
            .init(revision: 3, share: .none, members: [member(6)]),
        ]
        let pool = try #require(ServiceRules(ServiceRoute(ports: [], table: table)).pools[.v4])
        let widths = pool.map { element in
            func number(_ bytes: [UInt8]) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
            return number(element.last!) - number(element.key) + 1
        }
        #expect(widths == [3_333_000, 3_333_000, 3_333_000, 500, 500, 1])
        // Nobody is sent to the one without a share: its range is behind all numbers.
        #expect(pool[5].key == NFTFieldValue.number(10_000_000).bytes)
    }

    @Test func whatTheKernelDoesElseIsNoRoute() throws {
        var routes = RandomRoutes(seed: 7)
        let rules = try #require(
            (0..<100).lazy.map { _ in ServiceRules(routes.next("web")) }.first {
                $0.pools[.v4]!.count > 2 && !$0.dispatch.isEmpty
            })
        var changed = rules
        changed.pools[.v4]!.removeFirst()
        #expect(throws: RouterError.self) { try changed.route() }
        changed = rules
        changed.counted[.v4] = []
        #expect(throws: RouterError.self) { try changed.route() }
        changed = rules
        changed.dispatch = [:]
        #expect(throws: RouterError.self) { try changed.route() }
        changed = rules
        changed.gates["gate_any4", default: []].insert(
            NFTElement([.transport(6), .port(8000)], verdict: .goto("hold")))
        changed.gates["gate_any4", default: []].insert(
            NFTElement([.transport(17), .port(8000)], verdict: .goto("hold")))
        #expect(throws: RouterError.self) { try changed.route() }
    }

    @Test func limitsAreNamed() {
        var table = RouterTable(service: "web")
        table.matchRevision = 2
        table.groups = [
            .init(revision: 1, share: Share(parts: 5000), members: [.init(instance: "a", address: "10.0.0.1")]),
            .init(revision: 2, share: Share(parts: 4000), members: []),
            .init(revision: 3, share: .none, members: [.init(instance: "b", address: "fd00::1")]),
            .init(revision: 4, share: .none, members: [.init(instance: "c", address: "nowhere")]),
        ]
        let route = ServiceRoute(
            ports: [
                RoutedPort(name: "a", address: IPAddress("::1"), port: 80, target: 80),
                RoutedPort(name: "b", port: 80, target: 80),
            ], table: table)
        let text = route.limits.joined(separator: "\n")
        for part in [
            "header or cookie", "90.0% in all", "revision 2 has a share of 40.0% and no members", "of both families",
            "instance c: \"nowhere\" is no address", "at ::1", "port 80/tcp is published twice",
        ] { #expect(text.contains(part), "\(part) in \(text)") }
    }

    @Test func portsOverlap() {
        let all = RoutedPort(name: "a", port: 80, target: 1)
        let one = RoutedPort(name: "b", address: IPAddress("127.0.0.1"), port: 80, target: 1)
        let other = RoutedPort(name: "c", address: IPAddress("127.0.0.2"), port: 80, target: 1)
        let six = RoutedPort(name: "d", address: .anyV6, port: 80, target: 1)
        #expect(all.overlaps(one) && one.overlaps(all) && all.overlaps(six))
        #expect(!one.overlaps(other) && !one.overlaps(six))
    }

    @Test func redirectsInWords() {
        #expect(Prober.target("/login?a=1#x", from: "/up")?.path == "/login?a=1")
        #expect(Prober.target("login", from: "/a/up?x")?.path == "/a/login")
        #expect(Prober.target("http://web:3000?q", from: "/")?.path == "/?q")
        #expect(Prober.target("http://web:3000/x", from: "/")?.host == "web:3000")
        #expect(Prober.target("https://web/x", from: "/") == nil)
        #expect(Prober.target("//web/x", from: "/") == nil)
    }
}
