import Basics
import Kernel
import Netlink

/// Deletes what is left of endpoints that are gone, off everybody's path: the host's ends of their pairs, many at once
/// because the kernel waits for a grace period each time, however many there are; and the connections that the
/// kernel remembers of their addresses.
final class LinkReaper: Sendable {
    struct Remains: Sendable {
        var links: [String] = []
        var addresses: [IPAddress] = []
        var isEmpty: Bool { links.isEmpty && addresses.isEmpty }
    }
    private struct State {
        var waiting = Remains()
        var isBusy = false
        var isClosed = false
        var isRunning = false
    }

    private let state = Condition(State())
    private let route: NetlinkSocket
    private let filter: NetlinkSocket
    private let group: UInt32
    private let log: Logger

    /// Runs after each round, which deleted so many interfaces.
    private let afterwards: @Sendable (Int) -> Void

    init(
        route: NetlinkSocket, filter: NetlinkSocket, group: UInt32, log: Logger,
        afterwards: @escaping @Sendable (Int) -> Void
    ) {
        self.afterwards = afterwards
        self.route = route
        self.filter = filter
        self.group = group
        self.log = log
    }

    func start() throws {
        state.withLock { $0.isRunning = true }
        try Thread.start(name: "box-links") { [self] in
            while let remains = next() {
                delete(remains.links)
                forget(remains.addresses)
                afterwards(remains.links.count)
                state.withLock { $0.isBusy = false }
                state.broadcast()
            }
            state.withLock { $0.isRunning = false }
            state.broadcast()
        }
    }

    func add(links: [String], addresses: [IPAddress]) {
        state.withLock {
            $0.waiting.links += links
            $0.waiting.addresses += addresses
        }
        state.broadcast()
    }

    /// Waits until everything is deleted.
    func drain() { _ = state.wait { $0.waiting.isEmpty && !$0.isBusy || !$0.isRunning ? true : nil } }

    func close() {
        state.withLock { $0.isClosed = true }
        state.broadcast()
        _ = state.wait { $0.isRunning ? nil : true }
    }

    private func next() -> Remains? {
        state.wait { state -> Remains?? in
            if state.waiting.isEmpty { return state.isClosed ? .some(nil) : nil }
            defer {
                state.waiting = Remains()
                state.isBusy = true
            }
            return state.waiting
        } ?? nil
    }

    /// Those that went with their namespace are gone already.
    func delete(_ names: [String]) {
        for start in stride(from: 0, to: names.count, by: 200) {
            let part = names[start..<min(start + 200, names.count)]
            do {
                let changes = part.map { NetlinkRequest.change(link: $0, LinkChange(isUp: false, group: group)) }
                try route.perform(changes, unless: \.isMissing)
                try route.perform([.deleteLinks(group: group)], unless: \.isMissing)
            } catch {
                log.error("deleting interfaces: \(error)")
            }
        }
    }

    /// Each request walks the kernel's whole table, so of many addresses only those are asked for that are in it.
    private func forget(_ addresses: [IPAddress]) {
        do {
            var rest = addresses
            if rest.count > 4 {
                var seen: Set<IPAddress> = []
                for family in Set(rest.map(\.family)) {
                    for connection in try filter.connections(family) {
                        seen.insert(connection.original.source)
                        seen.insert(connection.reply.source)
                    }
                }
                rest = rest.filter { seen.contains($0) }
            }
            try filter.deleteConnections(of: rest)
        } catch {
            log.error("forgetting connections: \(error)")
        }
    }
}
