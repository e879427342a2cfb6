import Basics
import Glibc
import Kernel
import Netlink

/// A network namespace that nobody has used: loopback is up, and so is `eth0`, without an address; its other end
/// waits on the host, without a bridge. Up already, because the kernel takes its time to notice that both ends are,
/// and loses packets until then.
final class PreparedNamespace: Sendable {
    let namespace: SharedDescriptor
    /// A socket inside.
    let inside: NetlinkSocket
    /// Index of `eth0` inside, and of its other end outside.
    let interface: Int32
    let hostIndex: Int32
    let hostLink: String

    init(namespace: SharedDescriptor, inside: NetlinkSocket, interface: Int32, hostIndex: Int32, hostLink: String) {
        self.namespace = namespace
        self.inside = inside
        self.interface = interface
        self.hostIndex = hostIndex
        self.hostLink = hostLink
    }
}

/// Prepares network namespaces ahead of their use, on a thread of its own.
///
/// Each is handed out once, and never comes back: what one container did in it is nothing to the next. They are not
/// bound to any file, so they end with this process when nobody took them.
final class NamespacePool: Sendable {
    private struct State {
        var ready: [PreparedNamespace] = []
        var isClosed = false
        var isRunning = false
        /// Preparing failed; not tried again before somebody takes one.
        var isTired = false
    }

    private let state = Condition(State())
    private let route: NetlinkSocket
    private let options: NetworkingOptions
    private let log: Logger

    /// `route`: a socket of the host's namespace, which is the calling thread's as well.
    init(route: NetlinkSocket, options: NetworkingOptions, log: Logger) {
        self.route = route
        self.options = options
        self.log = log
    }

    func start() throws {
        guard options.preparedNamespaces > 0 else { return }
        state.withLock { $0.isRunning = true }
        // The new thread is in the namespaces of the one that starts it.
        try Thread.start(name: "box-namespaces") { [self] in
            refill()
            state.withLock { $0.isRunning = false }
            state.broadcast()
        }
    }

    /// One from the pool, or a new one when none is ready.
    func take() throws -> PreparedNamespace {
        let ready = state.withLock { state -> PreparedNamespace? in
            state.isTired = false
            return state.ready.isEmpty ? nil : state.ready.removeFirst()
        }
        state.broadcast()
        if let ready { return ready }
        return try prepare()
    }

    /// How many are ready.
    var count: Int { state.withLock { $0.ready.count } }

    /// Waits for the thread, and gives back what was not taken: the names of its interfaces on the host.
    func close() -> [String] {
        state.withLock { $0.isClosed = true }
        state.broadcast()
        return state.wait { $0.isRunning ? nil : $0.ready.map(\.hostLink) } ?? []
    }

    /// Lets them end, after `close`.
    func drop() { state.withLock { $0.ready = [] } }

    private func refill() {
        while true {
            let isWanted = state.wait { state -> Bool? in
                if state.isClosed { return false }
                return state.ready.count < options.preparedNamespaces && !state.isTired ? true : nil
            }
            guard isWanted == true else { return }
            leaveTime()
            do {
                let prepared = try prepare()
                state.withLock { $0.ready.append(prepared) }
            } catch {
                log.error("preparing a network namespace: \(error)")
                state.withLock { $0.isTired = true }
            }
        }
    }

    /// Whoever took one is starting a container, and should not wait for a processor; as long as there are others left.
    private func leaveTime() {
        let until = Clock.boottime() + 20_000_000
        while Clock.boottime() < until, state.withLock({ !$0.ready.isEmpty && !$0.isClosed }) {
            Clock.sleep(nanoseconds: 4_000_000)
        }
    }

    private func prepare() throws -> PreparedNamespace {
        let (namespace, inside) = try NamespaceThread.run {
            try Namespaces.unshare(.network)
            // Interfaces that are made later begin like this.
            try Sysctl.set("ipv6/conf/default/disable_ipv6", "1")
            try Sysctl.set("ipv6/conf/default/accept_ra", "0")
            try Sysctl.set("ipv6/conf/default/autoconf", "0")
            // Neighbours hear of a new interface with an old address.
            try Sysctl.set("ipv4/conf/default/arp_notify", "1")
            let namespace = SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
            let inside = try NetlinkSocket(.route)
            // The loopback interface is always the first.
            try inside.perform(.change(link: 1, LinkChange(isUp: true)))
            return (namespace, inside)
        }
        let name = options.newLinkName()
        try route.perform(
            .createPair(
                name, LinkChange(mtu: options.mtu), peerName: "eth0", peer: LinkChange(mtu: options.mtu),
                namespace: namespace.raw))
        guard let host = try route.link(name), let peer = host.peer else {
            throw NetworkingError.failed("the interface \(name) disappeared while it was set up")
        }
        try route.perform([
            .change(link: host.index, LinkChange(makesLinkLocal: false)),
            .change(link: host.index, LinkChange(isUp: true)),
        ])
        try inside.perform(.change(link: peer, LinkChange(isUp: true)))
        try inside.awaitRunning("eth0")
        try route.awaitRunning(name)
        return PreparedNamespace(
            namespace: namespace, inside: inside, interface: peer, hostIndex: host.index, hostLink: name)
    }
}
