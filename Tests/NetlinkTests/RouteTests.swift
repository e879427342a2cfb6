import Basics
import Glibc
import Kernel
import Testing

@testable import Netlink

@Suite(.enabled(if: isRoot, "needs root")) struct RouteTests {
    @Test func bridgePairAddressesAndRoutes() throws {
        try inPrivateNetwork {
            let inner = try newNamespace()
            let socket = try NetlinkSocket(.route)
            try socket.perform(.createBridge("br0"))
            let bridge = try #require(try socket.link("br0"))
            #expect(bridge.kind == "bridge" && bridge.isUp)
            try socket.perform([
                .add(InterfaceAddress(link: bridge.index, address: IPAddress("10.9.0.1")!, prefix: 24)),
                .createPair(
                    "veth0", LinkChange(isUp: true, mtu: 1400, master: bridge.index), peerName: "eth0",
                    peer: LinkChange(mtu: 1400), namespace: inner.raw),
            ])
            let host = try #require(try socket.link("veth0"))
            #expect(host.master == bridge.index && host.mtu == 1400 && host.isUp)

            let inside = try NetlinkSocket.open(.route, inNamespace: inner.raw)
            let eth0 = try #require(try inside.link("eth0"))
            let mac = try #require(MACAddress("02:42:0a:09:00:02"))
            try inside.perform([
                .change(link: eth0.index, LinkChange(isUp: true, hardwareAddress: mac)),
                .add(InterfaceAddress(link: eth0.index, address: IPAddress("10.9.0.2")!, prefix: 24)),
                .add(Route.standard(via: IPAddress("10.9.0.1")!, link: eth0.index)!),
            ])
            #expect(try inside.link("eth0")?.hardwareAddress == mac)
            #expect(
                try inside.addresses(link: eth0.index).contains {
                    $0.address == IPAddress("10.9.0.2") && $0.prefix == 24
                })
            let routes = try inside.routes(.v4).filter { $0.table == Route.mainTable }
            #expect(routes.contains { $0.destination.prefix == 0 && $0.gateway == IPAddress("10.9.0.1") })
            #expect(routes.contains { $0.destination == Subnet("10.9.0.0/24") })
            // The socket stays where it was opened: it does not see what is here.
            #expect(try inside.link("br0") == nil)

            try socket.perform([
                .setPort(host.index, isolated: true, reflects: true), .change(link: "veth0", LinkChange(group: 4711)),
            ])
            try socket.perform(.deleteLinks(group: 4711))
            #expect(try socket.link("veth0") == nil)
            try socket.perform(.delete(link: "br0"))
            #expect(try socket.links().map(\.name) == ["lo"])
        }
    }

    @Test func failuresSayWhatAndWhy() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.route)
            try socket.perform(.createBridge("br0"))
            let error = #expect(throws: NetlinkError.self) {
                try socket.perform([.createBridge("br1"), .createBridge("br0"), .createBridge("br2")])
            }
            #expect(error?.isExisting == true && error?.index == 1)
            #expect(error?.description.contains("create bridge br0: File exists") == true)
            // What comes behind the failed one was still done: the caller cleans up.
            #expect(Set(try socket.links().map(\.name)) == ["lo", "br0", "br1", "br2"])
            let invalid = #expect(throws: NetlinkError.self) {
                try socket.perform(.change(link: "br0", LinkChange(mtu: 20)))
            }
            #expect(invalid?.explanation.isEmpty == false, "the kernel's own words: \(invalid?.description ?? "")")
            #expect(throws: NetlinkError.self) { try socket.perform(.delete(link: "nothing")) }
        }
    }

    @Test func manyLinksAreListed() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.route)
            try socket.perform((0..<300).map { .createBridge("b\($0)", LinkChange()) })
            #expect(try socket.links().count == 301)
        }
    }

    @Test func deletedBridgeIsTold() throws {
        try inPrivateNetwork {
            let watcher = try NetlinkSocket(.route)
            try watcher.join(.links)
            let socket = try NetlinkSocket(.route)
            try socket.perform(.createBridge("br0"))
            try socket.perform(.delete(link: "br0"))
            let told = try #require(try watcher.notifications())
            #expect(told.contains { Link.deleted($0)?.name == "br0" })
        }
    }
}
