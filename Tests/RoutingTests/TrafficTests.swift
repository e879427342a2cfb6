import Basics
import Deployment
import Glibc
import Kernel
import Netlink
import Networking
import Synchronization
import Testing

@testable import Routing

@Suite(.enabled(if: isRoot, "needs root")) struct TrafficTests {
    @Test func everyWayIn() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            try world.router.apply(route([(100, [a])]))
            let gateway = try #require(world.networking.hostGateway)
            func check(_ name: String) throws {
                #expect(try world.inLAN { try Client(hostAddress, 8080).ask() } == name)
                #expect(try world.inLAN { DatagramClient().ask(hostAddress, 5353) } == name)
                // The host's own clients.
                for address in [loopback, hostAddress, gateway] {
                    #expect(try Client(address, 8080).ask() == name, "\(address)")
                    #expect(DatagramClient().ask(address, 5353) == name, "\(address)")
                }
                // Containers through the host, the backend itself among them.
                for backend in [a, b] {
                    #expect(try world.within(backend.namespace) { try Client(hostAddress, 8080).ask() } == name)
                    #expect(try world.within(backend.namespace) { DatagramClient().ask(gateway, 5353) } == name)
                }
            }
            try check("a")
            try world.router.apply(route([(100, [b])]))
            try check("b")
            // The port that was published is open, and nothing else.
            #expect(try world.inLAN { try Client(hostAddress, 3000, milliseconds: 300).outcome } == .refused)
            try world.router.remove("web")
            #expect(try world.inLAN { try Client(hostAddress, 8080, milliseconds: 1000).outcome } == .refused)
            #expect(try world.filter.nftTables().contains(World.table) == false)
        }
    }

    @Test func addressesArePublishedAlone() throws {
        try World.run { world in
            let a = try world.backend("a")
            let ports = [
                RoutedPort(name: "own", address: loopback, port: 8081, target: 3000),
                RoutedPort(name: "lan", address: hostAddress, port: 8082, target: 3000),
                RoutedPort(name: "v4", address: .anyV4, port: 8083, target: 3000),
            ]
            let wanted = route([(100, [a])], ports: ports)
            try world.router.apply(wanted)
            #expect(try world.router.readBack("web") == wanted)
            #expect(try Client(loopback, 8081).ask() == "a")
            #expect(try Client(hostAddress, 8081, milliseconds: 500).outcome != .open)
            #expect(try world.inLAN { try Client(hostAddress, 8081, milliseconds: 500).outcome } != .open)
            #expect(try world.inLAN { try Client(hostAddress, 8082).ask() } == "a")
            #expect(try Client(loopback, 8082, milliseconds: 500).outcome != .open)
            #expect(try world.inLAN { try Client(hostAddress, 8083).ask() } == "a")
            #expect(try Client(loopback, 8083).ask() == "a")
        }
    }

    /// A process that has just died refuses, and the router does not know of it yet: the client gets another member.
    @Test func refusalsOfMembersAreNotHeard() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b", answering: false)
            let own = RoutedPort(name: "own", address: hostAddress, port: 8082, target: 3000)
            try world.router.apply(route([(100, [b])], ports: [web, own]))
            let begin: @Sendable (UInt16) throws -> Int32 = { port in
                let raw = try Sys.beginConnection(to: hostAddress.bytes, port: port).release()
                #expect(try Sys.poll(raw, for: .writing, timeout: 200) == false)
                return raw
            }
            let waiting = try world.inLAN { try [begin(8080), begin(8082)] } + [try begin(8080), try begin(8082)]
            defer { for raw in waiting { close(raw) } }
            try world.router.apply(route([(100, [a])], ports: [web, own]))
            for raw in waiting {
                #expect(try Sys.poll(raw, for: .writing, timeout: 5000))
                #expect(try Sys.connectionError(of: raw) == nil)
            }
            // Whoever asks the member itself is told.
            #expect(try Client(b.address, 3000).outcome == .refused)
            // One that stood and is reset is reset.
            let client = try world.inLAN { try Client(hostAddress, 8080) }
            #expect(client.ask() == "a")
            _ = try InstanceSockets(namespace: a.namespace.raw, ports: [3000]).cut()
            #expect(client.ending() == ECONNRESET)
        }
    }

    @Test func previewIsApart() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            let preview = RoutedPort(name: "preview", port: 8090, target: 3000, pool: .preview)
            var wanted = route([(100, [a])], ports: [web, preview])
            try world.router.apply(wanted)
            #expect(try world.inLAN { try Client(hostAddress, 8090).outcome } == .refused)
            wanted.table.preview = [b.member]
            try world.router.apply(wanted)
            #expect(try world.router.readBack("web") == wanted)
            for _ in 0..<10 {
                #expect(try world.inLAN { try Client(hostAddress, 8090).ask() } == "b")
                #expect(try world.inLAN { try Client(hostAddress, 8080).ask() } == "a")
            }
            // Whoever looks at the preview does not wait with the others.
            wanted.table.hold = true
            try world.router.apply(wanted)
            #expect(try Client(loopback, 8090).ask() == "b")
            #expect(try world.router.connections("web") == ["a": 10])
        }
    }

    @Test func ipv6() throws {
        try World.run { world in
            _ = try world.networking.create(NetworkSpec(name: "six", pools: [.init(subnet: "fd00:1::/64")]))
            let own = IPAddress("2001:db8::1")!
            try NetlinkSocket(.route).perform(.add(InterfaceAddress(link: 1, address: own, prefix: 128)))
            let a = try world.backend("a", network: "six")
            let b = try world.backend("b", network: "six")
            let wanted = route([(50, [a]), (50, [b])], ports: [web])
            try world.router.apply(wanted)
            #expect(try world.router.readBack("web") == wanted)
            let names = try Set((0..<40).map { _ in try Client(own, 8080).ask() })
            #expect(names == ["a", "b"])
            // Nobody is there for IPv4: refused at once, and a client tries the other.
            #expect(try world.inLAN { try Client(hostAddress, 8080).outcome } == .refused)
            #expect(try Client(loopback, 8080).outcome == .refused)
            try world.router.apply(route([], ports: [web]))
            #expect(try Client(own, 8080).outcome == .refused)
        }
    }

    @Test func connectionsAreGivenByWeight() throws {
        try World.run { world in
            let old = [try world.backend("a"), try world.backend("b")]
            let new = [try world.backend("c")]
            try world.router.apply(route([(95, old), (5, new)]))
            let total = 4000
            let seen = try world.inLAN {
                var seen: [String: Int] = [:]
                for _ in 0..<total { seen[try Client(hostAddress, 8080).ask() ?? "nobody", default: 0] += 1 }
                return seen
            }
            // Five standard deviations: wrong once in a million runs.
            #expect(abs(seen["c", default: 0] - total * 5 / 100) < 69, "\(seen)")
            #expect(abs(seen["a", default: 0] - total * 475 / 1000) < 158, "\(seen)")
            #expect(seen["nobody"] == nil)
            let counts = try world.router.connections("web")
            #expect(counts == ["a": UInt64(seen["a"]!), "b": UInt64(seen["b"]!), "c": UInt64(seen["c"]!)])
            world.router.close()
            // Counters go on when the shares change, and another router finds them.
            let next = try NFTRouter(table: World.table, ports: nil, log: Logger("test"))
            try next.apply(route([(50, [old[0]]), (50, new)]))
            let later = try next.connections("web")
            #expect(later["a"] == counts["a"] && later["c"] == counts["c"] && later["b"] == nil, "\(counts) \(later)")
        }
    }

    @Test func clientsStickToTheirMember() throws {
        try World.run { world in
            let backends = try ["a", "b", "c"].map { try world.backend($0) }
            var port = web
            port.sticksToAddress = true
            try world.router.apply(route([(100, backends)], ports: [port]))
            let names = try world.inLAN { Set(try (0..<50).map { _ in try Client(hostAddress, 8080).ask() }) }
            #expect(names.count == 1)
        }
    }

    @Test func openConnectionsStay() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            try world.router.apply(route([(100, [a])]))
            let client = try world.inLAN { try Client(hostAddress, 8080) }
            let own = try Client(loopback, 8080)
            #expect(client.ask() == "a")
            try world.router.apply(route([(100, [b])]))
            #expect(try world.router.letGo(a.member, of: "web") == 0)
            for _ in 0..<5 { #expect(client.ask() == "a" && own.ask() == "a") }
            #expect(try world.inLAN { try Client(hostAddress, 8080).ask() } == "b")
        }
    }

    /// Connections that are asked for while a service is held begin when it is released.
    @Test func heldConnectionsBeginLater() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            try world.router.apply(route([(100, [a])]))
            let open = try world.inLAN { try Client(hostAddress, 8080) }
            var held = route([(100, [a])])
            held.table.hold = true
            try world.router.apply(held)
            #expect(try world.router.readBack("web") == held)
            #expect(open.ask() == "a", "open connections go on")
            let names = Condition<[String?]>([])
            for namespace in [world.lan, world.host, b.namespace] {
                for address in namespace.raw == world.host.raw ? [loopback, hostAddress] : [hostAddress] {
                    try Thread.start(name: "client") {
                        let name = try? world.within(namespace) { try Client(address, 8080).ask() }
                        names.withLock { $0.append(name ?? nil) }
                        names.broadcast()
                    }
                }
            }
            Clock.sleep(nanoseconds: 500_000_000)
            #expect(names.withLock(\.count) == 0)
            // Nobody is there for a while, and then another.
            held.table.groups = []
            try world.router.apply(held)
            #expect(try world.router.letGo(a.member, of: "web") == 0)
            try world.router.apply(route([(100, [b])]))
            let all = names.wait(nanoseconds: 20_000_000_000) { $0.count == 4 ? $0 : nil }
            #expect(all == ["b", "b", "b", "b"])
        }
    }

    /// Refused at once: nobody has to wait for nothing.
    @Test func nobodyThereIsARefusal() throws {
        try World.run { world in
            let a = try world.backend("a")
            let empty = route([])
            try world.router.apply(empty)
            #expect(try world.router.readBack("web") == empty)
            func check() throws {
                let start = Clock.boottime()
                #expect(try world.inLAN { try Client(hostAddress, 8080).outcome } == .refused)
                #expect(try Client(loopback, 8080).outcome == .refused)
                #expect(try Client(hostAddress, 8080).outcome == .refused)
                #expect(try Client(IPAddress("::1")!, 8080).outcome == .refused)
                #expect(try world.within(a.namespace) { try Client(hostAddress, 8080).outcome } == .refused)
                #expect(Clock.boottime() - start < 500_000_000)
            }
            try check()
            #expect(try world.inLAN { DatagramClient().ask(hostAddress, 5353, milliseconds: 200) } == nil)
            var closed = route([(100, [a])])
            closed.table.maintenance = true
            try world.router.apply(closed)
            #expect(try world.router.readBack("web") == closed)
            try check()
            // From the same port as before, too: nothing is remembered of the refusals.
            let datagrams = try world.inLAN { DatagramClient() }
            #expect(datagrams.ask(hostAddress, 5353, milliseconds: 100) == nil)
            try world.router.apply(route([(100, [a])]))
            #expect(datagrams.ask(hostAddress, 5353) == "a" || datagrams.ask(hostAddress, 5353) == "a")
            #expect(try world.inLAN { try Client(hostAddress, 8080).ask() } == "a")
            #expect(try Client(loopback, 8080).ask() == "a")
        }
    }

    /// Each packet of a flow renews what the kernel remembers of it, so waiting would never end.
    @Test func flowsOfDatagramsMove() throws {
        try World.run { world in
            let a = try world.backend("a")
            let b = try world.backend("b")
            try world.router.apply(route([(100, [a])]))
            let clients = [try world.inLAN { DatagramClient() }, DatagramClient()]
            let places = [hostAddress, loopback]
            for (client, place) in zip(clients, places) { #expect(client.ask(place, 5353) == "a") }
            try world.router.apply(route([(100, [b])]))
            for (client, place) in zip(clients, places) { #expect(client.ask(place, 5353) == "a") }
            #expect(try world.router.letGo(a.member, of: "web") == 2)
            for (client, place) in zip(clients, places) { #expect(client.ask(place, 5353) == "b") }
            // Over nobody to somebody.
            try world.router.apply(route([]))
            #expect(try world.router.letGo(b.member, of: "web") == 2)
            for (client, place) in zip(clients, places) {
                #expect(client.ask(place, 5353, milliseconds: 100) == nil)
            }
            try world.router.apply(route([(100, [a])]))
            // An answer to the refused packet may be read first.
            for (client, place) in zip(clients, places) {
                #expect(client.ask(place, 5353) == "a" || client.ask(place, 5353) == "a")
            }
        }
    }

    /// A flow that began before the port was published.
    @Test func flowsFromBeforeArePickedUp() throws {
        try World.run { world in
            let a = try world.backend("a")
            let client = try world.inLAN { DatagramClient() }
            #expect(client.ask(hostAddress, 5353, milliseconds: 100) == nil)
            try world.router.apply(route([(100, [a])]))
            #expect(client.ask(hostAddress, 5353) == "a" || client.ask(hostAddress, 5353) == "a")
        }
    }

    @Test func halfOpenConnectionsAreTakenBack() throws {
        try World.run { world in
            let deaf = try world.backend("deaf", answering: false)
            let b = try world.backend("b")
            // What comes to it is lost, as with an instance whose queue is full.
            try NetlinkSocket.open(.netfilter, inNamespace: deaf.namespace.raw).commit(Self.deafness)
            try world.router.apply(route([(100, [deaf])]))
            let name = Condition<String??>(nil)
            try Thread.start(name: "client") {
                let answer = try? world.inLAN { try Client(hostAddress, 8080).ask() }
                name.withLock { $0 = .some(answer ?? nil) }
                name.broadcast()
            }
            Clock.sleep(nanoseconds: 300_000_000)
            try world.router.apply(route([(100, [b])]))
            #expect(try world.router.letGo(deaf.member, of: "web") == 1)
            #expect(name.wait(nanoseconds: 20_000_000_000) { $0 } == "b")
        }
    }

    private static let deafness: NFTTransaction = {
        var change = NFTTransaction(table: "deaf")
        change.createTable()
        change.createChain("input", .init(.filter, .input, priority: 0, dropsByDefault: true))
        return change
    }()

    @Test func addressesAreCleared() throws {
        try World.run { world in
            let a = try world.backend("a")
            try world.router.apply(route([(100, [a])]))
            let client = try world.inLAN { try Client(hostAddress, 8080) }
            #expect(client.ask() == "a")
            #expect(try !world.filter.connections(of: a.address).isEmpty)
            try ConnectionTable(world.filter).clear(a.address)
            #expect(try world.filter.connections(of: a.address).isEmpty)
        }
    }

    /// New connections all the time while shares, members and preview change: none is refused, lost or waits.
    @Test func changesLoseNothing() throws {
        try World.run { world in
            let backends = try ["a", "b", "c", "d"].map { try world.backend($0) }
            try world.router.apply(route([(100, [backends[0]])]))
            let state = Condition((isEnded: false, running: 2, asked: 0, failures: [String](), slowest: Int64(0)))
            for namespace in [world.lan, world.host] {
                let address = namespace.raw == world.lan.raw ? hostAddress : loopback
                try Thread.start(name: "client") {
                    _ = try? world.within(namespace) {
                        while !state.withLock(\.isEnded) {
                            let start = Clock.boottime()
                            let client = try Client(address, 8080)
                            let answer = client.ask()
                            state.withLock {
                                $0.asked += 1
                                $0.slowest = max($0.slowest, Clock.boottime() - start)
                                if answer == nil { $0.failures.append("\(client.outcome)") }
                            }
                        }
                    }
                    state.withLock { $0.running -= 1 }
                    state.broadcast()
                }
            }
            for step in 0..<2000 {
                let old = backends[step % 4]
                let new = backends[(step + 1) % 4]
                let share = Double(step % 101)
                try world.router.apply(route([(100 - share, [old]), (share, [new, backends[(step + 2) % 4]])]))
            }
            state.withLock { $0.isEnded = true }
            let (asked, failures, slowest) = try #require(
                state.wait(nanoseconds: 20_000_000_000) { $0.running == 0 ? ($0.asked, $0.failures, $0.slowest) : nil })
            #expect(failures == [], "of \(asked)")
            #expect(asked > 200)
            #expect(slowest < 900_000_000, "a packet was lost: \(slowest / 1_000_000) ms")
        }
    }
}
