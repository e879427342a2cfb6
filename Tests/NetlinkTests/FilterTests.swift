import Basics
import Glibc
import Kernel
import Testing

@testable import Netlink

@Suite(.enabled(if: isRoot, "needs root")) struct FilterTests {
    private let map = NFTSet("ports", key: [.transport, .port], value: .fields([.ipv4, .port]))
    private let ranges = NFTSet("ranges", key: [.ipv4], isInterval: true)
    private let pairs = NFTSet("pairs", key: [.ipv4, .interface], isInterval: true)

    private func port(_ number: UInt16) -> NFTElement {
        NFTElement([.transport(6), .port(number)], value: [.address(IPAddress("10.0.0.2")!), .port(80)])
    }

    private func table() -> NFTTransaction {
        var change = NFTTransaction(table: "box-test")
        change.createTable()
        change.deleteTable()
        change.createTable()
        for set in [map, ranges, pairs] { change.createSet(set) }
        change.createSet(NFTSet("verdicts", key: [.interface], value: .verdict))
        change.createSet(NFTSet("weights", key: [.number], value: .fields([.ipv4]), isInterval: true))
        change.createChain("other")
        change.createChain("prerouting", .init(.nat, .prerouting, priority: -100))
        change.createChain("postrouting", .init(.nat, .postrouting, priority: 100))
        change.createChain("forward", .init(.filter, .forward, priority: 0))
        return change
    }

    @Test func everyExpressionIsAccepted() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            var change = table()
            let r0 = NFTRegister(0)
            let r1 = NFTRegister(1)
            change.addRule(
                "prerouting",
                [
                    .meta(.family, to: r0), .compare(.equal, r0, [2]),
                    .fib(.addressType, .destination, to: r0), .compare(.equal, r0, [2, 0, 0, 0]),
                    .meta(.transport, to: r0), .payload(.transport, offset: 2, length: 2, to: r1),
                    .map(set: "ports", r0, to: r0), .counter, .destinationNAT(family: 2, address: r0, port: r1),
                ], comment: "published ports")
            change.addRule(
                "prerouting",
                [
                    .meta(.family, to: r0), .compare(.equal, r0, [2]),
                    .number(modulus: 100, random: true, to: r0), .toNetworkOrder(r0, to: r0),
                    .map(set: "weights", r0, to: r0), .destinationNAT(family: 2, address: r0, port: nil),
                ])
            change.addRule(
                "prerouting",
                [
                    .meta(.family, to: r0), .compare(.equal, r0, [2]),
                    .payload(.network, offset: 12, length: 4, to: r0),
                    .hash(r0, length: 4, modulus: 100, seed: 1, to: r0), .toNetworkOrder(r0, to: r0),
                    .map(set: "weights", r0, to: r0), .destinationNAT(family: 2, address: r0, port: nil),
                ])
            change.addRule(
                "postrouting",
                [
                    .meta(.family, to: r0), .compare(.equal, r0, [2]),
                    .payload(.network, offset: 12, length: 4, to: r0), .meta(.outputName, to: r1),
                    .lookup(set: "pairs", r0), .masquerade,
                ])
            change.addRule(
                "forward",
                [
                    .connection(.state, to: r0), .bits(r0, to: r0, mask: [6, 0, 0, 0], xor: [0, 0, 0, 0]),
                    .compare(.notEqual, r0, [0, 0, 0, 0]), .verdict(.accept),
                ])
            change.addRule("forward", [.meta(.inputName, to: r0), .verdictMap(set: "verdicts", r0)])
            change.addRule(
                "forward", [.meta(.inputKind, to: r0), .compare(.equal, r0, NFTFieldValue.interface("bridge").bytes)])
            change.addRule(
                "forward",
                [.immediate([1, 0, 0, 0], to: r0), .setMeta(.mark, from: r0), .setConnection(.mark, from: r0)])
            change.addRule("forward", [.verdict(.jump("other"))])
            change.addRule(
                "forward",
                [
                    .payload(.network, offset: 12, length: 4, to: r0), .lookup(set: "ranges", r0, inverted: true),
                    .verdict(.drop),
                ])
            change.add(
                [NFTElement([.interface("br0")], verdict: .goto("other"))],
                to: NFTSet("verdicts", key: [.interface], value: .verdict))
            change.add(
                [
                    NFTElement([.number(0)], last: [.number(94)], value: [.address(IPAddress("10.0.0.2")!)]),
                    NFTElement([.number(95)], last: [.number(99)], value: [.address(IPAddress("10.0.0.3")!)]),
                ], to: NFTSet("weights", key: [.number], value: .fields([.ipv4]), isInterval: true))
            try socket.commit(change)
            #expect(try socket.nftTables() == ["box-test"])
            #expect(Set(try socket.nftChains(table: "box-test")) == ["other", "prerouting", "postrouting", "forward"])
            #expect(try socket.nftRuleCount(table: "box-test") == 10)
        }
    }

    @Test func elementsComeAndGo() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            try socket.commit(table())
            var change = NFTTransaction(table: "box-test")
            change.add((1...1000).map { port($0) }, to: map)
            let base = IPAddress("10.0.0.0")!
            for index in 0..<20 {
                let subnet = Subnet(base.advanced(by: UInt128(index) << 8)!, prefix: 24)!
                change.add([NFTElement([.address(subnet.first)], last: [.address(subnet.last)])], to: ranges)
                change.add(
                    [
                        NFTElement(
                            [.address(subnet.first), .interface("br\(index)")],
                            last: [.address(subnet.last), .interface("br\(index)")])
                    ], to: pairs)
            }
            try socket.commit(change)
            #expect(try socket.nftElements(table: "box-test", set: map).count == 1000)
            #expect(try socket.nftElements(table: "box-test", set: pairs).count == 20)
            #expect(try socket.nftElements(table: "box-test", set: ranges).count == 20)
            change = NFTTransaction(table: "box-test")
            change.remove((1...999).map { port($0) }, from: map)
            change.remove([NFTElement([.address(base)], last: [.address(IPAddress("10.0.0.255")!)])], from: ranges)
            try socket.commit(change)
            let left = try socket.nftElements(table: "box-test", set: map)
            #expect(left == [port(1000)])
            #expect(try socket.nftElements(table: "box-test", set: ranges).count == 19)
        }
    }

    /// With the ends of ranges, up to the very last number, verdicts, comments and counters.
    @Test func elementsComeBackWhole() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            let weights = NFTSet("weights", key: [.number], value: .fields([.ipv4]), isInterval: true)
            let verdicts = NFTSet("verdicts", key: [.interface], value: .verdict)
            let counts = NFTSet("counts", key: [.ipv4], counts: true)
            var change = table()
            change.createSet(counts)
            func part(_ first: UInt32, _ last: UInt32, _ comment: String?) -> NFTElement {
                NFTElement(
                    [.number(first)], last: [.number(last)], value: [.address(IPAddress("10.0.0.2")!)], comment: comment
                )
            }
            let parts = [
                part(0, 94, "0 r1 0 web"), part(95, 99, nil), part(200, 200, String(repeating: "x", count: 250)),
                part(1 << 31, .max, "last"),
            ]
            let leads = [
                NFTElement([.interface("a")], verdict: .goto("other")), NFTElement([.interface("b")], verdict: .drop),
            ]
            let address = NFTElement([.address(IPAddress("10.0.0.2")!)])
            change.add(parts.reversed(), to: weights)
            change.add(leads, to: verdicts)
            change.add([address], to: counts)
            change.addRule("forward", [.reject(reset: true)])
            change.addRule("forward", [.reject(reset: false)])
            try socket.commit(change)
            #expect(try socket.nftElements(table: "box-test", set: weights) == parts)
            #expect(Set(try socket.nftElements(table: "box-test", set: verdicts)) == Set(leads))
            #expect(try socket.nftElement(table: "box-test", set: verdicts, key: leads[0]) == leads[0])
            let missing = NFTElement([.interface("c")], verdict: .drop)
            #expect(try socket.nftElement(table: "box-test", set: verdicts, key: missing) == nil)
            #expect(try socket.nftCounts(table: "box-test", set: counts) == [address.key: 0])
            #expect(try socket.nftRuleCount(table: "box-test", chain: "forward") == 2)
            #expect(try socket.nftRuleCount(table: "box-test", chain: "nothing") == 0)
            // Another division in one step, and the set goes when its rule has gone.
            change = NFTTransaction(table: "box-test")
            change.flush(weights)
            change.add([part(0, 49, nil), part(50, 99, nil)], to: weights)
            change.deleteSet(counts)
            try socket.commit(change)
            #expect(try socket.nftElements(table: "box-test", set: weights) == [part(0, 49, nil), part(50, 99, nil)])
        }
    }

    @Test func failedTransactionLeavesNothing() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            try socket.commit(table())
            var change = NFTTransaction(table: "box-test")
            change.add([port(80)], to: map)
            change.remove([port(81)], from: map)
            let error = #expect(throws: NetlinkError.self) { try socket.commit(change) }
            #expect(error?.isMissing == true && error?.index == 1, "\(error?.description ?? "")")
            #expect(try socket.nftElements(table: "box-test", set: map).isEmpty)
            var missing = NFTTransaction(table: "nothing")
            missing.add([port(80)], to: map)
            #expect(throws: NetlinkError.self) { try socket.commit(missing) }
        }
    }

    @Test func deletedTableIsTold() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            let watcher = try NetlinkSocket(.netfilter)
            try watcher.join(.nftables)
            try socket.commit(table())
            var change = NFTTransaction(table: "box-test")
            change.deleteTable()
            try socket.commit(change)
            let told = try #require(try watcher.notifications())
            #expect(told.contains { NetlinkSocket.deletedTable($0) == "box-test" && $0.port == socket.port })
        }
    }

    /// One more port costs what it cost with none: what a publication does is one element of a map.
    @Test func publicationCostDoesNotGrow() throws {
        try inPrivateNetwork {
            let socket = try NetlinkSocket(.netfilter)
            try socket.commit(table())
            func median() throws -> Double {
                var times: [Int64] = []
                for _ in 0..<101 {
                    let start = Clock.boottime()
                    var change = NFTTransaction(table: "box-test")
                    change.add([port(2000)], to: map)
                    try socket.commit(change)
                    times.append(Clock.boottime() - start)
                    change = NFTTransaction(table: "box-test")
                    change.remove([port(2000)], from: map)
                    try socket.commit(change)
                }
                return Double(times.sorted()[50]) / 1000
            }
            let none = try median()
            var change = NFTTransaction(table: "box-test")
            change.add((1...1000).map { port($0) }, to: map)
            try socket.commit(change)
            let many = try median()
            print("publication with 0 ports \(none) µs, with 1000 \(many) µs, ratio \(many / none)")
            #expect(many < none * 3, "\(none) µs with none, \(many) µs with 1000")
        }
    }
}

@Suite(.enabled(if: isRoot, "needs root")) struct ConntrackTests {
    @Test func connectionsOfAnAddressAreFoundAndForgotten() throws {
        try inPrivateNetwork {
            let route = try NetlinkSocket(.route)
            try route.perform(.change(link: "lo", LinkChange(isUp: true)))
            let socket = try NetlinkSocket(.netfilter)
            // Connections are only tracked where a rule needs it.
            var change = NFTTransaction(table: "box-test")
            change.createTable()
            change.createChain("output", .init(.filter, .output, priority: 0))
            change.addRule("output", [.connection(.state, to: NFTRegister(0))])
            try socket.commit(change)
            for last in 1...3 as ClosedRange<UInt8> {
                let sender = udpSocket()
                defer { close(sender) }
                sendTo(sender, from: [127, 0, 0, last], to: [127, 0, 0, 9], port: 53)
            }
            let all = try socket.connections(.v4)
            #expect(all.count == 3)
            let one = IPAddress("127.0.0.2")!
            #expect(try socket.connections(of: one).map(\.original.source) == [one])
            #expect(try socket.connections(of: IPAddress("127.0.0.9")!).count == 3)
            try socket.deleteConnections(of: [one])
            #expect(try socket.connections(of: one).isEmpty)
            let left = try socket.connections(.v4)
            #expect(left.count == 2)
            try socket.delete([left[0]])
            #expect(try socket.connections(.v4) == [left[1]])
            try socket.deleteConnections(of: [one, IPAddress("127.0.0.9")!])
            #expect(try socket.connections(.v4).isEmpty)
        }
    }

    private func udpSocket() -> Int32 { Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }

    private func sendTo(_ fd: Int32, from: [UInt8], to: [UInt8], port: UInt16) {
        func address(_ bytes: [UInt8], _ port: UInt16) -> sockaddr_in {
            var result = sockaddr_in()
            result.sin_family = sa_family_t(AF_INET)
            result.sin_port = port.bigEndian
            result.sin_addr.s_addr = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
            return result
        }
        var source = address(from, 0)
        var target = address(to, port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafePointer(to: &source) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { #expect(bind(fd, $0, size) == 0) }
        }
        withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { #expect(sendto(fd, "x", 1, 0, $0, size) == 1) }
        }
    }
}
