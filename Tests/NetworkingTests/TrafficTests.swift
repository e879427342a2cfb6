import Basics
import Glibc
import Kernel
import Netlink
import Synchronization
import Testing

@testable import Networking

private let hostAddress = IPAddress("192.0.2.1")!
private let otherHost = IPAddress("192.0.2.2")!
private let loopback = IPAddress("127.0.0.1")!

@Suite(.enabled(if: isRoot, "needs root")) struct TrafficTests {
    @Test func containersOfANetworkTalkAndOthersDoNot() throws {
        try World.run { world in
            _ = try world.networking.create(NetworkSpec(name: "other"))
            let a = try world.container("a")
            let b = try world.container("b")
            let c = try world.container("c", [EndpointRequest(network: "other")])
            let server = try EchoServer(b.namespace, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(try Client.reach(a.namespace, b.v4, server.port) == a.v4.description)
            #expect(try Client.reach(world.host, b.v4, server.port) != nil, "the host reaches its containers")
            #expect(try Client.ask(c.namespace, b.v4, server.port) == nil, "networks are apart")
            #expect(try Client.ask(world.lan, b.v4, server.port) == nil, "no route from outside to a container")
            // Outwards, as the host.
            let outside = try EchoServer(world.lan, port: 81)
            defer { withExtendedLifetime(outside) {} }
            #expect(try Client.reach(a.namespace, otherHost, outside.port) == hostAddress.description)
            #expect(try Client.reach(c.namespace, otherHost, outside.port) == hostAddress.description)
        }
    }

    /// With bridged packets passing through the rules for routed ones, and without.
    @Test(arguments: ["0", "1"]) func publishedPorts(_ bridgeFilter: String) throws {
        try World.run { world in
            try Sysctls.setBridgeFilter(bridgeFilter)
            let web = try world.container(
                "web", ports: [("80/tcp", "", "8080"), ("53/udp", "", "5353"), ("80/tcp", "192.0.2.1", "8081")])
            let peer = try world.container("peer")
            _ = try world.networking.create(NetworkSpec(name: "other"))
            let stranger = try world.container("stranger", [EndpointRequest(network: "other")])
            let server = try EchoServer(web.namespace, port: 80)
            let dns = try EchoServer(web.namespace, port: 53, udp: true)
            defer { withExtendedLifetime((server, dns)) {} }
            let gateway = try #require(world.networking.hostGateway)

            // Another host is seen as it is; so is the host by its own address.
            #expect(try Client.reach(world.lan, hostAddress, 8080) == otherHost.description)
            #expect(try Client.reach(world.lan, hostAddress, 5353, udp: true) == otherHost.description)
            #expect(try Client.reach(world.lan, hostAddress, 8081) == otherHost.description)
            #expect(try Client.reach(world.host, hostAddress, 8080) == hostAddress.description)
            #expect(try Client.reach(world.host, loopback, 8080) == gateway.description)
            #expect(try Client.reach(world.host, loopback, 5353, udp: true) == gateway.description)
            #expect(try Client.reach(world.host, gateway, 8080) != nil)
            // Only at the address it was published at.
            #expect(try Client.ask(world.host, loopback, 8081) == nil)
            // From containers through the host: of its own network, itself, another network.
            #expect(try Client.reach(peer.namespace, hostAddress, 8080) != nil)
            #expect(try Client.reach(peer.namespace, gateway, 8080) != nil)
            #expect(try Client.reach(web.namespace, hostAddress, 8080) != nil)
            #expect(try Client.reach(stranger.namespace, hostAddress, 8080) != nil)
            #expect(try Client.ask(stranger.namespace, web.v4, 80) == nil)
            // A container's published port does not open the rest of it, and not by its own address.
            #expect(try Client.ask(world.lan, web.v4, 80) == nil)

            try world.networking.release(container: web.identity.id)
            #expect(try Client.ask(world.lan, hostAddress, 8080) == nil)
        }
    }

    @Test func publishedOnLoopbackOnly() throws {
        try World.run { world in
            let web = try world.container("web", ports: [("80/tcp", "127.0.0.1", "8080")])
            let peer = try world.container("peer")
            let server = try EchoServer(web.namespace, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(try Client.reach(world.host, loopback, 8080) != nil)
            #expect(try Client.ask(world.host, hostAddress, 8080) == nil)
            #expect(try Client.ask(world.lan, hostAddress, 8080) == nil)
            #expect(try Client.ask(peer.namespace, try #require(world.networking.hostGateway), 8080) == nil)
            // A neighbour that routes 127.0.0.1 to us, with a host that would even take that.
            try Sys.writeControl("/proc/sys/net/ipv4/conf/all/route_localnet", "1")
            try sendLoopbackTo(world.lan, via: hostAddress)
            #expect(try Client.ask(world.lan, loopback, 8080, from: otherHost) == nil)
            try sendLoopbackTo(peer.namespace, via: try #require(world.networking.hostGateway))
            #expect(try Client.ask(peer.namespace, loopback, 8080, from: peer.v4) == nil)
        }
    }

    /// What a service of the host's on 127.0.0.1 is told only by the host: not by a container that claims to be it, or
    /// that addresses it.
    @Test func forgedLoopbackIsDropped() throws {
        try World.run { world in
            let evil = try world.container("evil")
            let gateway = try #require(world.networking.hostGateway)
            let service = try EchoServer(world.host, port: 9000, v6: false)
            let udp = try EchoServer(world.host, port: 9001, udp: true, v6: false)
            defer { withExtendedLifetime((service, udp)) {} }
            try sendLoopbackTo(evil.namespace, via: gateway)
            #expect(try Client.ask(evil.namespace, loopback, 9000, from: evil.v4) == nil)
            #expect(try Client.ask(evil.namespace, loopback, 9001, udp: true, from: evil.v4) == nil)
            // It is the rules that stop it.
            var open = NFTTransaction(table: "box-tbox0")
            open.flushChain("raw")
            try world.networking.filter.commit(open)
            #expect(try Client.reach(evil.namespace, loopback, 9000, from: evil.v4) != nil)
            try world.networking.rules.withLock { try world.networking.rebuild(&$0) }
            #expect(try Client.ask(evil.namespace, loopback, 9000, from: evil.v4) == nil)
            #expect(try Client.reach(evil.namespace, gateway, 9001, udp: true) != nil, "the host itself is reached")
            try NetlinkSocket.open(.route, inNamespace: evil.namespace.raw)
                .perform(.add(InterfaceAddress(link: 1, address: loopback, prefix: 32)))
            #expect(try Client.ask(evil.namespace, gateway, 9001, udp: true, from: loopback) == nil)
        }
    }

    /// Makes 127.0.0.1 an address of somewhere else for a namespace.
    private func sendLoopbackTo(_ namespace: SharedDescriptor, via gateway: IPAddress) throws {
        try NamespaceThread.run {
            try Namespaces.enter(namespace.raw, .network)
            for name in ["all", "eth0"] {
                try Sys.writeControl("/proc/sys/net/ipv4/conf/\(name)/route_localnet", "1")
            }
            let inside = try NetlinkSocket(.route)
            let eth0 = try #require(try inside.link("eth0"))
            // The local table is asked first, so loopback's entry in it has to go.
            try inside.perform(.remove(InterfaceAddress(link: 1, address: loopback, prefix: 8)))
            try inside.perform(.add(Route(destination: Subnet("127.0.0.0/8")!, gateway: gateway, link: eth0.index)))
        }
    }

    @Test func internalNetworks() throws {
        try World.run { world in
            let network = try world.networking.create(NetworkSpec(name: "inside", isInternal: true))
            let a = try world.container("a", [EndpointRequest(network: "inside")])
            let b = try world.container("b", [EndpointRequest(network: "inside")], ports: [("80/tcp", "", "8080")])
            let server = try EchoServer(b.namespace, port: 80)
            let outside = try EchoServer(world.lan, port: 81)
            defer { withExtendedLifetime((server, outside)) {} }
            #expect(try Client.reach(a.namespace, b.v4, 80) == a.v4.description)
            #expect(try Client.ask(a.namespace, otherHost, 81) == nil)
            #expect(b.attachment.ports.isEmpty)
            #expect(try Client.ask(world.lan, hostAddress, 8080) == nil)
            // With a route of its own it gets no further.
            let inside = try NetlinkSocket.open(.route, inNamespace: a.namespace.raw)
            let eth0 = try #require(try inside.link("eth0"))
            try inside.perform(.add(Route.standard(via: network.v4!.gateway, link: eth0.index)!))
            #expect(try Client.ask(a.namespace, otherHost, 81) == nil)
            #expect(try Client.ask(a.namespace, otherHost, 81, udp: true) == nil)
        }
    }

    @Test(arguments: ["0", "1"]) func networksWhoseContainersDoNotTalk(_ bridgeFilter: String) throws {
        try World.run { world in
            try Sysctls.setBridgeFilter(bridgeFilter)
            _ = try world.networking.create(
                NetworkSpec(name: "apart", options: ["com.docker.network.bridge.enable_icc": "false"]))
            let a = try world.container("a", [EndpointRequest(network: "apart")])
            let b = try world.container("b", [EndpointRequest(network: "apart")], ports: [("80/tcp", "", "8080")])
            let server = try EchoServer(b.namespace, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(try Client.ask(a.namespace, b.v4, 80) == nil)
            #expect(try Client.reach(a.namespace, hostAddress, 8080) != nil, "what is published is for all")
        }
    }

    /// What another table drops stays dropped, published or not.
    @Test func hostFirewallKeepsTheLastWord() throws {
        try World.run { world in
            let web = try world.container("web", ports: [("80/tcp", "", "8080")])
            let server = try EchoServer(web.namespace, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(try Client.reach(world.lan, hostAddress, 8080) != nil)
            var firewall = NFTTransaction(table: "firewall")
            firewall.createTable()
            firewall.createChain("forward", .init(.filter, .forward, priority: 10, dropsByDefault: true))
            try world.filter.commit(firewall)
            #expect(try Client.ask(world.lan, hostAddress, 8080) == nil)
            #expect(
                try Client.reach(world.host, hostAddress, 8080) != nil, "what the host itself sends is not forwarded")
        }
    }

    /// Forwarding was off before: the host does not become a router for its neighbours.
    @Test func hostBecomesNoRouter() throws {
        try World.run { world in
            let far = try World.namespace()
            try world.route.perform(
                .createPair("far0", LinkChange(isUp: true), peerName: "eth0", namespace: far.raw))
            let near = try #require(try world.route.link("far0"))
            try world.route.perform(
                .add(InterfaceAddress(link: near.index, address: IPAddress("198.51.100.1")!, prefix: 24)))
            let inside = try NetlinkSocket.open(.route, inNamespace: far.raw)
            let eth0 = try #require(try inside.link("eth0"))
            try inside.perform([
                .change(link: eth0.index, LinkChange(isUp: true)),
                .add(InterfaceAddress(link: eth0.index, address: IPAddress("198.51.100.2")!, prefix: 24)),
                .add(Route.standard(via: IPAddress("198.51.100.1")!, link: eth0.index)!),
            ])
            let server = try EchoServer(far, port: 80)
            defer { withExtendedLifetime(server) {} }
            #expect(Sysctls.read("ipv4/ip_forward") == "1")
            #expect(try Client.ask(world.lan, IPAddress("198.51.100.2")!, 80) == nil)
            #expect(try Client.reach(world.host, IPAddress("198.51.100.2")!, 80) != nil)
            let container = try world.container("a")
            #expect(try Client.reach(container.namespace, IPAddress("198.51.100.2")!, 80) != nil)
        }
    }

    @Test func ipv6() throws {
        try World.run { world in
            _ = try world.networking.create(NetworkSpec(name: "six", pools: [.init(subnet: "fd00:1::/64")]))
            let a = try world.container("a", [EndpointRequest(network: "six")])
            let b = try world.container("b", [EndpointRequest(network: "six")], ports: [("80/tcp", "", "8080")])
            let server = try EchoServer(b.namespace, port: 80)
            let outside = try EchoServer(world.lan, port: 81)
            defer { withExtendedLifetime((server, outside)) {} }
            #expect(b.attachment.ports.map(\.hostText) == ["0.0.0.0:8080", "[::]:8080"])
            let host6 = IPAddress("2001:db8::1")!
            #expect(try Client.reach(a.namespace, b.v6, 80) == a.v6.description)
            #expect(try Client.reach(a.namespace, IPAddress("2001:db8::2")!, 81) == "2001:db8::1")
            #expect(try Client.reach(world.lan, host6, 8080) == "2001:db8::2")
            #expect(try Client.reach(world.host, host6, 8080) != nil)
            #expect(throws: NetworkingError.self) {
                try world.container("c", [EndpointRequest(network: "six")], ports: [("80/tcp", "::1", "8081")])
            }
            #expect(try Client.reach(a.namespace, host6, 8080) != nil)
            #expect(try Client.ask(world.lan, b.v6, 80) == nil)
            #expect(try Client.reach(world.lan, hostAddress, 8080) == otherHost.description)
        }
    }

    /// No IPv6 at all where none was asked for, whatever a neighbour announces.
    @Test func noIPv6OnNetworksOfIPv4() throws {
        try World.run { world in
            let a = try world.container("a")
            for namespace in [a.namespace, world.host] {
                let socket = try NetlinkSocket.open(.route, inNamespace: namespace.raw)
                let link = try #require(try socket.link(namespace.raw == world.host.raw ? "tbox0" : "eth0"))
                #expect(try socket.addresses(link: link.index).allSatisfy { $0.address.family == .v4 })
            }
            let settings = try NamespaceThread.run {
                try Namespaces.enter(a.namespace.raw, .network)
                return [Sysctls.read("ipv6/conf/eth0/disable_ipv6"), Sysctls.read("ipv6/conf/eth0/accept_ra")]
            }
            #expect(settings == ["1", "0"])
            #expect(Sysctls.read("ipv6/conf/tbox0/disable_ipv6") == "1")
        }
    }
}

enum Sysctls {
    static func setBridgeFilter(_ value: String) throws {
        for name in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            let path = "/proc/sys/net/bridge/\(name)"
            if Sys.exists(path) { try Sys.writeControl(path, value) }
        }
    }

    static func read(_ name: String) -> String? {
        (try? Sys.readText("/proc/sys/net/\(name)")).map { String($0.prefix { !$0.isWhitespace }) }
    }
}
