import Glibc
import Kernel
import Supervision
import Testing

@Suite struct SpareMonitorTests {
    private static let options = MonitorOptions(
        id: "a", bundle: "/b", runDirectory: "/r r", logDirectory: "/l", lower: ["/1", "/2"], upper: "", work: "")

    @Test func orderArrives() throws {
        var pair = try Sys.socketPair(.packet)
        let daemon = pair.takeFirst()
        let spare = pair.takeSecond()
        let order = try #require(SpareMonitor.order(Self.options))
        let null = try Sys.open("/dev/null", O_RDWR)
        #expect(try SpareMonitor.send(order, to: daemon.raw, standardError: null.raw, network: null.raw))
        #expect(try SpareMonitor.send(order, to: daemon.raw, standardError: null.raw, network: nil))
        for hasNetwork in [true, false] {
            guard let received = try SpareMonitor.receiveOrder(spare.raw) else {
                Issue.record("no order")
                return
            }
            let (log, network) = (received.standardError != nil, received.network != nil)
            #expect(log && network == hasNetwork)
            #expect(try MonitorOptions(parsing: received.arguments) == Self.options)
        }
        try daemon.close()
        let end = try SpareMonitor.receiveOrder(spare.raw) == nil
        #expect(end)
    }

    @Test func requestArrives() throws {
        var pair = try Sys.socketPair(.packet)
        let daemon = pair.takeFirst()
        let nursery = pair.takeSecond()
        let null = try Sys.open("/dev/null", O_RDWR)
        for kind in [SpareMonitor.Kind.anyNetwork, .emptyNetwork] {
            #expect(try SpareMonitor.request(daemon.raw, kind, connection: null.raw))
            guard let request = try SpareMonitor.receiveRequest(nursery.raw) else {
                Issue.record("no request")
                return
            }
            let received = request.kind
            #expect(received == kind)
        }
        // What is no request is passed over: without a connection, and of a kind that nobody knows.
        _ = try Sys.send(daemon.raw, [1], descriptors: [])
        _ = try Sys.send(daemon.raw, [9], descriptors: [null.raw])
        try daemon.close()
        let end = try SpareMonitor.receiveRequest(nursery.raw) == nil
        #expect(end)
    }

    @Test func whatFitsNoPacketIsNoOrder() {
        var options = Self.options
        options.lower = (0..<2000).map { "/\($0)" + String(repeating: "x", count: 60) }
        #expect(SpareMonitor.order(options) == nil)
        options.lower = ["/a\0b"]
        #expect(SpareMonitor.order(options) == nil)
    }
}
