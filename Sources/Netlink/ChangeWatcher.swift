package import Basics
import Kernel

/// Notices when somebody else changes a table, `nft flush ruleset` for one, or takes links away.
package final class ChangeWatcher: Sendable {
    package enum Change: Sendable, Hashable {
        case rules
        /// One is gone.
        case link(String)
        /// Something, and nobody knows what: more was told than could be read.
        case unknown
    }

    private let rules: NetlinkSocket
    private let links: NetlinkSocket?
    private let table: String
    /// The socket whose own changes of the table are none of interest.
    private let ownPort: UInt32
    private let epoll: Epoll
    private let end: EventCounter
    private let state = Condition(State())
    private struct State {
        var isClosed = false
        var isRunning = false
    }
    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// In the network namespace of the calling thread. `links`: these are watched as well.
    package init(table: String, ownPort: UInt32, links: Bool = false) throws {
        self.table = table
        self.ownPort = ownPort
        epoll = try Epoll()
        end = try EventCounter()
        rules = try NetlinkSocket(.netfilter)
        try rules.join(.nftables)
        self.links = links ? try NetlinkSocket(.route) : nil
        try self.links?.join(.links)
    }

    /// `react` runs on the watcher's thread, once for all that was noticed together, and again every second as long as
    /// it throws or returns false. `name`: the thread's.
    package func start(name: String, log: Logger, react: @escaping @Sendable ([Change]) throws -> Bool) throws {
        try epoll.add(rules.raw, .read, token: 0)
        if let links { try epoll.add(links.raw, .read, token: 1) }
        try epoll.add(end.descriptor.raw, .read, token: 2)
        state.withLock { $0.isRunning = true }
        try Thread.start(name: name) { [self] in
            defer {
                state.withLock { $0.isRunning = false }
                state.broadcast()
            }
            while !isClosed {
                do {
                    _ = try epoll.wait()
                    let changes = try self.changes()
                    if !changes.isEmpty { see(changes, name, log, react) }
                } catch {
                    log.error("\(name): \(error)")
                    Clock.sleep(nanoseconds: 100_000_000)
                }
            }
        }
    }

    private func see(_ changes: [Change], _ name: String, _ log: Logger, _ react: ([Change]) throws -> Bool) {
        var said = ""
        while !isClosed {
            do {
                if try react(changes) { return }
            } catch {
                // The same every second is no news.
                if said != "\(error)" { log.error("\(name): \(error)") }
                said = "\(error)"
            }
            Clock.sleep(nanoseconds: 1_000_000_000)
        }
    }

    package func close() {
        state.withLock { $0.isClosed = true }
        end.signal()
        _ = state.wait { $0.isRunning ? nil : true }
    }

    private func changes() throws -> [Change] {
        var result: [Change] = []
        if let links {
            if let messages = try links.notifications() {
                result += messages.compactMap { Link.deleted($0).map { .link($0.name) } }
            } else {
                result.append(.unknown)
            }
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
