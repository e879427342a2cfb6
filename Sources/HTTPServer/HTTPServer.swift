package import Basics
import Glibc
package import HTTP
package import Kernel
package import Reactor
import Synchronization

/// What one request is answered by. Errors it throws become the answer, or break off one that has begun.
package typealias HTTPHandler = @Sendable (HTTPRequest, ResponseWriter) async throws -> Void

/// HTTP/1.1 on listening sockets: one task a connection, one request at a time on each.
package final class HTTPServer: Sendable {
    package struct Options: Sendable {
        package var limits = HTTPLimits()
        /// Connections at once; more wait in the kernel's queue.
        package var maximumConnections = 20_000
        /// Nanoseconds for a head to arrive, counted from the moment it is due (first request) or begun.
        package var headTimeout: Int64 = 20_000_000_000
        /// Nanoseconds that a connection may wait for its next request.
        package var idleTimeout: Int64 = 180_000_000_000
        /// Nanoseconds without a byte of a body that is read into memory.
        package var bodyTimeout: Int64 = 60_000_000_000
        /// Nanoseconds in which a client must take something of an answer that is written as a whole.
        package var writeTimeout: Int64 = 60_000_000_000
        /// Part of every response.
        package var headers: HeaderFields = [:]
        /// The status and message for what a handler throws.
        package var describe: @Sendable (any Error) -> (HTTPStatus, String) = { (.internalServerError, "\($0)") }

        package init() {}
    }

    let options: Options
    let loop: EventLoop
    let handler: HTTPHandler
    let log: Logger
    private let connections = Atomic<Int>(0)

    package init(options: Options = Options(), loop: EventLoop, log: Logger, handler: @escaping HTTPHandler) {
        self.options = options
        self.loop = loop
        self.log = log
        self.handler = handler
    }

    package var openConnections: Int { connections.load(ordering: .relaxed) }

    /// Accepts connections until the task is cancelled; those that there are go on. The listener is non-blocking.
    package func serve(_ listener: SharedDescriptor) async throws {
        while true {
            if openConnections >= options.maximumConnections {
                try await loop.sleep(nanoseconds: 20_000_000)
                continue
            }
            do {
                guard let accepted = try Sys.accept(listener.descriptor) else {
                    try await loop.readable(listener.raw)
                    continue
                }
                start(AsyncSocket(SharedDescriptor(accepted), loop: loop))
            } catch let error as SyscallError where [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error.errno) {
                // It passes when other connections end. To spin until then would help nobody.
                log.warn("cannot accept a connection: \(error)")
                try await loop.sleep(nanoseconds: 100_000_000)
            }
        }
    }

    private func start(_ socket: AsyncSocket) {
        connections.add(1, ordering: .relaxed)
        let connection = Connection(socket, self)
        Task.detached {
            await connection.serve()
            self.connections.subtract(1, ordering: .relaxed)
        }
    }
}
