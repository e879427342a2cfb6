package import Reactor
import Synchronization

/// A connection that is a plain stream of bytes in both directions from here on. Either side may end its direction
/// and go on with the other; it is closed when the handler that took it over has returned and nobody holds it.
package final class HijackedConnection: Sendable {
    package let socket: AsyncSocket
    private let early: Mutex<[UInt8]>

    init(_ socket: AsyncSocket, early: [UInt8]) {
        self.socket = socket
        self.early = Mutex(early)
    }

    /// The client's next bytes; none when it has ended its direction.
    package func read(max: Int = 65536) async throws -> [UInt8] {
        let first = early.withLock { early in
            defer { early = [] }
            return early
        }
        return first.isEmpty ? try await socket.read(max: max) : first
    }

    package func write(_ bytes: [UInt8]) async throws { try await socket.write(bytes) }

    /// Ends our direction: the client reads the end, and may still write.
    package func closeWrite() { try? socket.shutdownWrite() }

    /// Waits until the client has closed both directions.
    package func closed() async throws { try await socket.closed() }
}
