package import Deployment
import Netlink

/// The TCP connections inside an instance's network namespace: how a drain is measured, not slept through.
///
/// Sockets are looked at where they end, so connections that the program has not accepted yet count as well. It keeps
/// the namespace alive: let it go when the drain is over. Calls are short; any thread may make them.
package final class InstanceSockets: Sendable {
    package struct Count: Hashable, Sendable {
        /// Something is on its way: bytes moved a moment ago, or wait to be read or sent.
        package var short = 0
        /// Open and silent for longer: kept alive for a next request, or a stream.
        package var long = 0
    }

    private let sockets: NetlinkSocket
    private let ports: Set<UInt16>
    private let idleAfter: Span

    /// `namespace`: an open `/proc/PID/ns/net`. `ports`: the instance's own.
    @available(*, noasync)
    package init(namespace: Int32, ports: Set<UInt16>, idleAfter: Span = .seconds(5)) throws {
        sockets = try NetlinkSocket.open(.sockets, inNamespace: namespace)
        self.ports = ports
        self.idleAfter = idleAfter
    }

    /// All but listening and closed ones, and those that only wait for the past to pass (TIME_WAIT).
    private static let open: Set<ObservedSocket.State> = [
        .established, .synReceived, .newSynReceived, .finWait1, .finWait2, .closeWait, .lastAck, .closing,
    ]

    private func connections() throws -> [ObservedSocket] {
        try sockets.tcpSockets(Self.open, port: ports.count == 1 ? ports.first ?? 0 : 0).filter {
            // The program has closed it, and all it wrote has arrived: what is missing is the client's goodbye.
            ports.contains($0.localPort) && !($0.state == .finWait2 && !$0.isOwned)
        }
    }

    package func count() throws -> Count {
        var count = Count()
        for socket in try connections() {
            let isIdle =
                socket.idleMilliseconds.map { Int64($0) * 1_000_000 >= idleAfter.nanoseconds } ?? false
            if isIdle, socket.unread == 0, socket.unsent == 0 { count.long += 1 } else { count.short += 1 }
        }
        return count
    }

    /// Which of the ports nobody listens at.
    package func silentPorts() throws -> Set<UInt16> {
        ports.subtracting(try sockets.tcpSockets([.listening]).map(\.localPort))
    }

    /// Cuts what is left: clients get a reset instead of silence. Returns how many that were.
    package func cut() throws -> Int {
        var count = 0
        for socket in try connections() where try sockets.destroy(socket) { count += 1 }
        return count
    }
}
