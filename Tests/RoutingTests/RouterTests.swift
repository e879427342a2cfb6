import Basics
import Deployment
import Glibc
import Kernel
import Netlink
import Testing

@testable import Routing

@Suite(.enabled(if: isRoot, "needs root")) struct RouterTests {
    @Test func theKernelDoesWhatItWasTold() throws {
        try World.run { world in
            try NetlinkSocket(.route).perform(
                .add(InterfaceAddress(link: 1, address: IPAddress("2001:db8::1")!, prefix: 128)))
            var routes = RandomRoutes(seed: 3)
            for step in 0..<150 {
                let route = routes.next("web")
                try world.router.apply(route)
                #expect(try world.router.readBack("web") == route, "step \(step)")
            }
            #expect(try world.router.readBack("other") == nil)
            #expect(try world.router.services() == ["web"])
        }
    }

    /// Routes of several services at once, changed and removed in any order, do not touch one another.
    @Test func servicesAreApart() throws {
        try World.run { world in
            func port(_ number: Int) -> RoutedPort {
                RoutedPort(name: "http", port: UInt16(8000 + number), target: 3000)
            }
            let backends = try (0..<4).map { try world.backend("b\($0)") }
            let names = (0..<4).map { "s\($0)" }
            var wanted: [String: ServiceRoute] = [:]
            for step in 0..<60 {
                let index = step % 4
                if step % 7 == 6 {
                    try world.router.remove(names[index])
                    wanted[names[index]] = nil
                } else {
                    let route = route(
                        [(Double(step), [backends[index]]), (Double(100 - step), [backends[(index + step) % 4]])],
                        ports: [port(index)], service: names[index])
                    try world.router.apply(route)
                    wanted[names[index]] = route
                }
                #expect(try world.router.services() == Set(wanted.keys))
                for (name, route) in wanted { #expect(try world.router.readBack(name) == route) }
            }
            let conflict = route([(100, [backends[0]])], ports: [port(1)], service: "late")
            let taken = RouterError.portTaken(
                "Bind for 0.0.0.0:8001 failed: port is already allocated to service \"s1\"")
            #expect(throws: taken) { try world.router.apply(conflict) }
            #expect(try world.router.readBack("late") == nil)
        }
    }

    @Test func portsOfOthersAreNotTaken() throws {
        try World.run { world in
            let a = try world.backend("a")
            let taken = try Sys.listenTCP(port: 8080)
            #expect(throws: RouterError.self) { try world.router.apply(route([(100, [a])])) }
            #expect(try world.router.services() == [])
            let conflicts = try world.router.conflicts(route([(100, [a])]))
            #expect(conflicts.count == 1 && conflicts[0].contains("8080/tcp: address already in use by"))
            try taken.close()
            #expect(try world.router.conflicts(route([(100, [a])])) == [])
            try world.router.apply(route([(100, [a])]))
            #expect(try world.router.conflicts(route([(100, [a])])) == [])
            let others = try world.router.conflicts(route([], service: "late"))
            #expect(others.count == 2 && others.allSatisfy { $0.hasSuffix("already allocated to service \"web\"") })
            // From all addresses to one of them, and back.
            var one = web
            one.address = loopback
            try world.router.apply(route([(100, [a])], ports: [one]))
            #expect(try Client(loopback, 8080).ask() == "a")
            try world.router.apply(route([(100, [a])]))
            // And the other way round.
            #expect(throws: SyscallError.self) { try Sys.listenTCP(port: 8080).close() }
            try world.router.apply(route([(100, [a])], ports: [dns]))
            try Sys.listenTCP(port: 8080).close()
        }
    }

    /// `nft flush ruleset`, and less than that.
    @Test func whatOthersTakeAwayComesBack() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            let first = route([(30, [a]), (70, [b])])
            let second = route(
                [(100, [b])], ports: [RoutedPort(name: "http", port: 9090, target: 3000)], service: "other")
            try world.router.apply(first)
            try world.router.apply(second)
            var gone = NFTTransaction(table: World.table)
            gone.deleteTable()
            var emptied = NFTTransaction(table: World.table)
            emptied.flushChain("prerouting")
            var stolen = NFTTransaction(table: World.table)
            stolen.flush(RouterTables.pool("web", .v4))
            for (index, damage) in [gone, emptied, stolen].enumerated() {
                try world.filter.commit(damage)
                let events = try #require(
                    world.events.wait(nanoseconds: 10_000_000_000) { $0.count > index ? $0 : nil })
                #expect(events.count == index + 1)
                #expect(try world.router.readBack("web") == first)
                #expect(try world.router.readBack("other") == second)
                #expect(try world.inLAN { try Client(hostAddress, 9090).ask() } == "b")
            }
        }
    }

    /// What is not looked after is seen at least, and made good by the next change.
    @Test func damageIsSeen() throws {
        try World.run { world in
            let a = try world.backend("a")
            let route = route([(100, [a])])
            let router = try NFTRouter(table: "box-tbox1-services", ports: nil, log: Logger("test"))
            try router.apply(route)
            var damage = NFTTransaction(table: "box-tbox1-services")
            damage.flushChain("to/web")
            try world.filter.commit(damage)
            #expect(throws: RouterError.self) { try router.readBack("web") }
            try router.apply(route)
            #expect(try router.readBack("web") == route)
            // Something else than we make: the table is replaced, and the services that can be read stay.
            let next = try NFTRouter(table: "box-tbox1-services", ports: nil, log: Logger("test"))
            var foreign = NFTTransaction(table: "box-tbox1-services")
            foreign.createSet(NFTSet("targets/other", key: [.ipv4]))
            try world.filter.commit(foreign)
            var other = route
            other.table.service = "other"
            other.ports = []
            try next.apply(other)
            #expect(try next.readBack("other") == other)
            #expect(try next.readBack("web") == route)
        }
    }

    @Test func cost() throws {
        try World.run { world in
            let backends = try (0..<4).map { try world.backend("b\($0)") }
            func port(_ number: Int) -> RoutedPort {
                RoutedPort(name: "http", port: UInt16(10000 + number), target: 3000)
            }
            func one(_ number: Int, _ share: Double) -> ServiceRoute {
                route(
                    [(100 - share, Array(backends[..<2])), (share, Array(backends[2...]))], ports: [port(number)],
                    service: "service-\(number)")
            }
            func measure(_ count: Int, _ body: (Int) throws -> Void) rethrows -> Double {
                var times: [Int64] = []
                for index in 0..<count {
                    let start = Clock.boottime()
                    try body(index)
                    times.append(Clock.boottime() - start)
                }
                return Double(times.sorted()[count / 2]) / 1000
            }
            var lines: [String] = []
            for services in [1, 100] {
                let create = try measure(services) { try world.router.apply(one($0, 5)) }
                let apply = try measure(100) { try world.router.apply(one(0, Double($0 % 99))) }
                let read = try measure(100) { _ in _ = try world.router.readBack("service-0") }
                lines.append("\(services) services: create \(create) us, apply \(apply) us, read back \(read) us")
                // A busy machine is slow; walking through all services would be slower still.
                #expect(apply + read < 250_000)
            }
            print(lines.joined(separator: "\n"))
            let start = Clock.boottime()
            var damage = NFTTransaction(table: World.table)
            damage.deleteTable()
            try world.filter.commit(damage)
            _ = world.events.wait(nanoseconds: 10_000_000_000) { $0.isEmpty ? nil : true }
            print("100 services made anew in \((Clock.boottime() - start) / 1000) us")
            #expect(try world.router.readBack("service-99") == one(99, 5))
        }
    }
}
