import Basics
import Kernel
import Netlink

/// Notices when somebody else changes a table, `nft flush ruleset` for one.
final class RulesWatcher: Sendable {
    private let rules: NetlinkSocket
    private let table: String
    /// The socket whose own changes are none of interest.
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
        rules = try NetlinkSocket(.netfilter)
        try rules.join(.nftables)
    }

    /// `repair` runs on the watcher's thread, once for all that was noticed together, and again every second until it
    /// returns true.
    func start(log: Logger, repair: @escaping @Sendable () -> Bool) throws {
        try epoll.add(rules.raw, .read, token: 0)
        try epoll.add(end.descriptor.raw, .read, token: 1)
        state.withLock { $0.isRunning = true }
        try Thread.start(name: "box-router") { [self] in
            defer {
                state.withLock { $0.isRunning = false }
                state.broadcast()
            }
            while !state.withLock({ $0.isClosed }) {
                do {
                    _ = try epoll.wait()
                    guard try isTouched() else { continue }
                    while !repair(), !state.withLock({ $0.isClosed }) { Clock.sleep(nanoseconds: 1_000_000_000) }
                } catch {
                    log.error("services: \(error)")
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

    /// More told than could be read: perhaps.
    private func isTouched() throws -> Bool {
        guard let messages = try rules.notifications() else { return true }
        return messages.contains { $0.port != ownPort && NetlinkSocket.touches($0, table: table) }
    }
}
