import Basics
import Glibc
import Kernel
import Netlink
import Supervision
import Testing

@testable import Networking

@Suite(.enabled(if: isRoot, "needs root")) struct NetworkTests {
    @Test func predefinedNetworksAreThereAndStay() throws {
        try World.run { world in
            let networking = world.networking
            #expect(networking.networks().map(\.name) == ["bridge", "host", "none"])
            let bridge = try networking.network("bridge")
            #expect(bridge.v4?.subnet.prefix == 16)
            for name in ["bridge", "host", "none"] {
                #expect(throws: NetworkingError.forbidden("\(name) is a pre-defined network and cannot be removed")) {
                    try networking.remove(name)
                }
                #expect(throws: NetworkingError.self) { try networking.create(NetworkSpec(name: name)) }
            }
            #expect(throws: NetworkingError.notFound("network nothing not found")) { try networking.network("nothing") }
        }
    }

    @Test func createAndRemoveLeaveNothing() throws {
        try World.run { world in
            let before = try world.links()
            let network = try world.networking.create(
                NetworkSpec(
                    name: "mine",
                    pools: [.init(subnet: "10.88.0.0/24", range: "10.88.0.128/25", gateway: "10.88.0.254")],
                    options: ["com.docker.network.driver.mtu": "1400", "com.docker.network.bridge.name": "mybr"],
                    labels: ["a": "b"]))
            let link = try #require(try world.route.link("mybr"))
            #expect(link.mtu == 1400 && link.isUp)
            #expect(try world.route.addresses(link: link.index).map(\.address) == [IPAddress("10.88.0.254")])
            #expect(throws: NetworkingError.conflict("network with name mine already exists")) {
                try world.networking.create(NetworkSpec(name: "mine"))
            }
            let a = try world.container("a", [EndpointRequest(network: network.short)])
            #expect(a.v4 == IPAddress("10.88.0.128"))
            #expect(throws: NetworkingError.self) { try world.networking.remove("mine") }
            try world.networking.release(container: a.identity.id)
            world.networking.drain()
            try world.networking.remove("mine")
            #expect(try world.links() == before)
            #expect(try world.filter.nftElements(table: "box-tbox0", set: Ruleset.home4).count == 1)
        }
    }

    @Test func subnetsDoNotClash() throws {
        try World.run { world in
            // The host has a route into the next pool.
            let lan0 = try #require(try world.route.link("lan0"))
            try world.route.perform(.add(Route(destination: Subnet("172.18.5.0/24")!, link: lan0.index)))
            let a = try world.networking.create(NetworkSpec(name: "a"))
            let b = try world.networking.create(NetworkSpec(name: "b", enableIPv6: true))
            #expect(a.v4?.subnet == Subnet("172.19.0.0/16") && b.v4?.subnet == Subnet("172.20.0.0/16"))
            #expect(b.v6?.subnet.prefix == 64 && b.v6?.subnet.base.description.hasPrefix("fd") == true)
            #expect(
                throws: NetworkingError.forbidden(
                    "invalid pool request: Pool overlaps with other one on this address space")
            ) {
                try world.networking.create(NetworkSpec(name: "c", pools: [.init(subnet: "172.19.4.0/24")]))
            }
            #expect(try world.networking.prune().sorted() == ["a", "b"])
        }
    }

    @Test(arguments: [
        NetworkSpec(name: ""), NetworkSpec(name: "-x"), NetworkSpec(name: "a/b"), NetworkSpec(name: "a\n"),
        NetworkSpec(name: String(repeating: "x", count: 65536)), NetworkSpec(name: "x", driver: "overlay"),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "127.0.0.0/8")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0/31")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0/24", range: "10.2.0.0/25")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0/24", gateway: "10.2.0.1")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0/24", gateway: "10.1.0.0")]),
        NetworkSpec(name: "x", pools: [.init(gateway: "10.1.0.1")]),
        NetworkSpec(name: "x", pools: [.init(subnet: "10.1.0.0/24"), .init(subnet: "10.2.0.0/24")]),
        NetworkSpec(name: "x", options: ["unknown": "1"]), NetworkSpec(name: "x", enableIPv4: false),
        NetworkSpec(name: "x", options: ["com.docker.network.bridge.name": "a/../b"]),
        NetworkSpec(name: "x", options: ["com.docker.network.driver.mtu": "1"]),
    ])
    func refusedAndNothingLeft(_ spec: NetworkSpec) throws {
        try World.run { world in
            let before = try world.links()
            #expect(throws: NetworkingError.self) { try world.networking.create(spec) }
            #expect(try world.links() == before)
            #expect(world.networking.networks().count == 3)
        }
    }

    @Test func addressesAreNotUsedTwice() throws {
        try World.run { world in
            _ = try world.networking.create(
                NetworkSpec(name: "small", pools: [.init(subnet: "10.5.0.0/29", auxiliary: ["x": "10.5.0.4"])]))
            let request = EndpointRequest(network: "small")
            var fixed = request
            fixed.v4 = IPAddress("10.5.0.6")
            let a = try world.container("a", [fixed])
            #expect(throws: NetworkingError.self) { try world.container("twice", [fixed]) }
            for bad in ["10.5.0.0", "10.5.0.1", "10.5.0.4", "10.5.0.7", "10.6.0.1"] {
                fixed.v4 = IPAddress(bad)
                #expect(throws: NetworkingError.self) { try world.container("bad", [fixed]) }
            }
            let others = try (0..<3).map { try world.container("c\($0)", [request]) }
            #expect(Set(others.map(\.v4.description)) == ["10.5.0.2", "10.5.0.3", "10.5.0.5"])
            #expect(throws: NetworkingError.self) { try world.container("full", [request]) }
            // Given back, and used again once nothing remembers it.
            try world.networking.release(container: a.identity.id)
            world.networking.drain()
            #expect(try world.container("again", [request]).v4 == IPAddress("10.5.0.6"))
        }
    }

    /// While a connection of a container that is gone is remembered, nobody else gets its address.
    @Test func addressesWaitForTheirConnections() throws {
        try World.run(start: false) { world in
            // Not started: nothing deletes the connection behind our back.
            try world.networking.reconcile(running: [:], isStart: true)
            _ = try world.networking.create(NetworkSpec(name: "small", pools: [.init(subnet: "10.5.0.0/30")]))
            let request = EndpointRequest(network: "small")
            let a = try world.container("a", [request])
            let outside = try EchoServer(world.lan, port: 81, udp: true)
            defer { withExtendedLifetime(outside) {} }
            #expect(try Client.reach(a.namespace, IPAddress("192.0.2.2")!, outside.port, udp: true) != nil)
            try world.networking.release(container: a.identity.id)
            world.networking.reaper.delete(a.attachment.endpoints.map(\.hostLink))
            #expect(try !world.filter.connections(of: a.v4).isEmpty)
            #expect(throws: NetworkingError.self) { try world.container("b", [request]) }
            world.networking.sweeper.sweep()
            #expect(throws: NetworkingError.self) { try world.container("b", [request]) }
            try world.filter.deleteConnections(of: [a.v4])
            world.networking.sweeper.sweep()
            #expect(try world.container("b", [request]).v4 == a.v4)
        }
    }

    @Test func severalNetworks() throws {
        try World.run { world in
            _ = try world.networking.create(NetworkSpec(name: "front"))
            _ = try world.networking.create(NetworkSpec(name: "back"))
            let a = try world.container(
                "a", [.init(network: "front"), .init(network: "back", aliases: ["db"])], ports: [("80/tcp", "", "8080")]
            )
            let b = try world.container("b", [.init(network: "back")])
            #expect(a.attachment.endpoints.map(\.interface) == ["eth0", "eth1"])
            let server = try EchoServer(a.namespace, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(try Client.reach(b.namespace, a.attachment.endpoints[1].v4!, 80) == b.v4.description)
            let third = try world.networking.connect(a.identity, .init(network: "bridge"), namespace: a.namespace)
            #expect(third.interface == "eth2" && !third.isGateway)
            #expect(throws: NetworkingError.self) {
                try world.networking.connect(a.identity, .init(network: "bridge"), namespace: a.namespace)
            }
            #expect(try Client.reach(world.lan, IPAddress("192.0.2.1")!, 8080) != nil)
            // The way out and the ports move to the next network.
            try world.networking.disconnect(a.identity, network: "front", namespace: a.namespace)
            #expect(try Client.reach(world.lan, IPAddress("192.0.2.1")!, 8080) != nil)
            let outside = try EchoServer(world.lan, port: 81)
            defer { withExtendedLifetime(outside) {} }
            #expect(try Client.reach(a.namespace, IPAddress("192.0.2.2")!, 81) != nil)
            #expect(throws: NetworkingError.notFound("container a is not connected to network front")) {
                try world.networking.disconnect(a.identity, network: "front", namespace: a.namespace)
            }
            try world.networking.release(container: a.identity.id)
            #expect(try world.networking.ports(ofContainer: a.identity.id).isEmpty)
        }
    }

    @Test func names() throws {
        try World.run { world in
            let network = try world.networking.create(NetworkSpec(name: "mine", enableIPv6: true))
            let a = try world.container("Web", [.init(network: "mine", aliases: ["www"])])
            let b = try world.container("web2", [.init(network: "mine", aliases: ["www"])])
            let path = NameTable.path(runDirectory: world.directory, network: network.id)
            var table = NameTable(reading: path)
            #expect(table.find("WEB.", .v4) == [a.v4] && table.find("web.mine", .v6) == [a.v6])
            #expect(table.find("www", .v4) == [a.v4, b.v4])
            #expect(table.find(String(a.identity.id.prefix(12)), .v4) == [a.v4])
            #expect(table.hosts[b.v4] == "web2.mine")
            #expect(table.find("nobody", .v4) == nil)
            #expect(NameTable(parsing: table.encoded) == table)
            try world.networking.rename(container: b.identity.id, to: "api")
            try world.networking.release(container: a.identity.id)
            table = NameTable(reading: path)
            #expect(
                table.find("web", .v4) == nil && table.find("api", .v4) == [b.v4] && table.find("www", .v4) == [b.v4])
        }
    }

    @Test func takenPortsAreRefusedByNameOfTheHolder() throws {
        try World.run { world in
            let web = try world.container("web", ports: [("80/tcp", "", "8080")])
            func fails(_ ports: [(String, ip: String, host: String)], saying text: String) {
                let error = #expect(throws: NetworkingError.self) { try world.container("other", ports: ports) }
                #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
            }
            fails(
                [("80/tcp", "", "8080")],
                saying: "Bind for 0.0.0.0:8080 failed: port is already allocated to container \"web\"")
            fails([("80/tcp", "127.0.0.1", "8080")], saying: "container \"web\"")
            fails([("80/tcp", "", "9000"), ("81/tcp", "", "9000")], saying: "container \"other\"")
            fails([("80/tcp", "192.0.2.99", "8080")], saying: "container \"web\"")
            fails([("80/tcp", "192.0.2.99", "8081")], saying: "no address 192.0.2.99")
            fails([("80/tcp", "2001:db8::1", "8081")], saying: "no IPv6 address")
            let server = try EchoServer(world.host, port: 8090, v6: false)
            let name = try Sys.readText("/proc/self/comm").prefix { $0 != "\n" }
            fails([("80/tcp", "", "8090")], saying: "address already in use by \(name) (pid \(getpid()))")
            withExtendedLifetime(server) {}
            // Nothing of the attempts is left.
            #expect(try world.filter.nftElements(table: "box-tbox0", set: Ruleset.any4).count == 1)
            world.networking.drain()
            #expect(try world.route.links().filter { $0.name.hasPrefix("vb") }.count == 1)
            // UDP is another port, a range takes the next, and one of the system's choice is free.
            let other = try world.container(
                "other",
                ports: [("80/udp", "", "8080"), ("80/tcp", "", "8080-8082"), ("81/tcp", "", ""), ("82/tcp", "", "")])
            #expect(other.attachment.ports[1].hostPort == 8081)
            #expect(Set(other.attachment.ports.map(\.hostPort)).count == 4)
            #expect(other.attachment.ports[2].hostPort >= 32768)
            // Another program finds it taken.
            let taken = try World.bindFails(8080)
            #expect(taken)
            try world.networking.release(container: web.identity.id)
            let free = try !World.bindFails(8080)
            #expect(free)
        }
    }

    @Test func portsOfOthersAreKeptForThem() throws {
        try World.run { world in
            let web = try world.container("web", ports: [("80/tcp", "", "8080")])
            func hold(_ port: UInt16, _ owner: String = "service \"shop\"") throws {
                try world.networking.hold(.tcp, .anyV4, port, for: owner)
            }
            let mine = #expect(throws: NetworkingError.self) { try hold(8080) }
            #expect(mine?.description.contains("already allocated to container \"web\"") == true)
            try hold(8081)
            try hold(8081)
            let other = #expect(throws: NetworkingError.self) { try hold(8081, "service \"other\"") }
            #expect(other?.description.contains("already allocated to service \"shop\"") == true)
            let theirs = #expect(throws: NetworkingError.self) {
                try world.container("late", ports: [("80/tcp", "127.0.0.1", "8081")])
            }
            #expect(theirs?.description.contains("already allocated to service \"shop\"") == true)
            let taken = try World.bindFails(8081)
            #expect(taken)
            world.networking.release(.tcp, .anyV4, 8081, for: "service \"shop\"")
            _ = try world.container("late", ports: [("80/tcp", "", "8081")])
            try world.networking.release(container: web.identity.id)
            try hold(8080)
        }
    }

    @Test func onlyUnusedNamespacesAreHandedOut() throws {
        try World.run(prepared: 3) { world in
            for _ in 0..<100 where world.networking.preparedNamespaces < 3 { Clock.sleep(nanoseconds: 20_000_000) }
            #expect(world.networking.preparedNamespaces == 3)
            let inodes = try (0..<5).map { try world.container("c\($0)").namespace.descriptor.status().inode }
            #expect(Set(inodes).count == 5)
        }
    }
}

extension World {
    /// Whether a program that wants the port finds it taken.
    static func bindFails(_ port: UInt16) throws -> Bool {
        let host = try Sys.open("/proc/thread-self/ns/net", O_RDONLY)
        let shared = SharedDescriptor(host)
        do {
            _ = try EchoServer(shared, port: port, v6: false)
            return false
        } catch {
            return true
        }
    }
}
