package import HTTP
import Reactor

/// The client closed the connection while its answer was being written.
package struct ClientGone: Error, CustomStringConvertible {
    package var description: String { "the client closed the connection" }
}

/// A request as a handler sees it.
package struct HTTPRequest: Sendable {
    package let head: HTTPRequestHead
    /// Decoded; without the version once the router has taken that off.
    package internal(set) var path: String
    package let query: Query
    package let body: RequestBody
    /// What the path has at the places that the route names.
    package internal(set) var captures: [String: String] = [:]
    /// The version asked for by the path, or the newest.
    package internal(set) var version = APIVersion.newest
    let connection: Connection

    init(head: HTTPRequestHead, path: String, query: Query, body: RequestBody, connection: Connection) {
        self.head = head
        self.path = path
        self.query = query
        self.body = body
        self.connection = connection
    }

    package var method: HTTPMethod { head.method }
    package var headers: HeaderFields { head.headers }

    /// The part of the path that the route calls `name`.
    package func capture(_ name: String) -> String { captures[name] ?? "" }

    /// Runs `body`, cancelled as soon as the client has closed the connection; throws `ClientGone` then. For answers
    /// that last as long as somebody listens.
    package func whileConnected<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let socket = connection.socket
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await socket.closed()
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else { throw ClientGone() }
            return value
        }
    }
}

/// The version of an API that paths begin with: `/v1.50/...`.
package struct APIVersion: Sendable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Docker's Engine API: what is spoken here, and the oldest that is still understood.
    package static let newest = APIVersion(1, 50)
    package static let oldest = APIVersion(1, 24)

    /// From `1.50`.
    init?(parsing text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ !$0.isEmpty && $0.count <= 6 && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
            let major = Int(parts[0]), let minor = Int(parts[1])
        else { return nil }
        self.init(major, minor)
    }

    package static func < (a: APIVersion, b: APIVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
    package var description: String { "\(major).\(minor)" }
}
