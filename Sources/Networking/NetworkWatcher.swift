import Basics
import Kernel
import Netlink

/// Notices when somebody else takes our rules or a bridge away.
final class NetworkWatcher: Sendable {
    enum Loss: Sendable, Equatable {
        case rules
        case link(String)
        /// Something, and nobody knows what: more was told than could be read.
        case unknown
    }

    private let links: NetlinkSocket
    private let rules: NetlinkSocket
    private let table: String
    /// The socket whose own changes of the rules are no loss.
    private let ownPort: UInt32
    private let epoll: Epoll
    private let end: EventCounter
    private let state = Condition(State())
    private struct State {
        var isClosed = false
        var isRunning = false
    }

    init(table: String, ownPort: UInt32) throws {
        self.table = table
        self.ownPort = ownPort
        epoll = try Epoll()
        end = try EventCounter()
        links = try NetlinkSocket(.route)
        rules = try NetlinkSocket(.netfilter)
        try links.join(.links)
        try rules.join(.nftables)
    }

    /// `repair` runs on the watcher's thread, at most once for all that was noticed together.
    func start(log: Logger, repair: @escaping @Sendable ([Loss]) throws -> Void) throws {
        try epoll.add(links.raw, .read, token: 0)
        try epoll.add(rules.raw, .read, token: 1)
        try epoll.add(end.descriptor.raw, .read, token: 2)
        state.withLock { $0.isRunning = true }
        try Thread.start(name: "box-network") { [self] in
            defer {
                state.withLock { $0.isRunning = false }
                state.broadcast()
            }
            while !state.withLock({ $0.isClosed }) {
                do {
                    _ = try epoll.wait()
                    let losses = try self.losses()
                    if !losses.isEmpty { try repair(losses) }
                } catch {
                    log.error("network: \(error)")
                    Clock.sleep(nanoseconds: 100_000_000)
                }
            }
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        end.signal()
        _ = state.wait { $0.isRunning ? nil : true }
    }

    private func losses() throws -> [Loss] {
        var result: [Loss] = []
        if let messages = try links.notifications() {
            for message in messages { if let deleted = Link.deleted(message) { result.append(.link(deleted.name)) } }
        } else {
            result.append(.unknown)
        }
        if let messages = try rules.notifications() {
            if messages.contains(where: { $0.port != ownPort && NetlinkSocket.touches($0, table: table) }) {
                result.append(.rules)
            }
        } else {
            result.append(.unknown)
        }
        return result
    }
}
