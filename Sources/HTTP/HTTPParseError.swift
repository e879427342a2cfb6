/// A message that breaks the rules of RFC 9112 or our limits, and the status that tells a client so.
package struct HTTPParseError: Error, Equatable, CustomStringConvertible {
    package let status: HTTPStatus
    package let message: String

    package init(_ status: HTTPStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// A plain `400 Bad Request`.
    package init(_ message: String) { self.init(.badRequest, message) }

    package var description: String { message }
}

/// How much of a message's head is read before it is refused.
package struct HTTPLimits: Sendable {
    /// The whole head, in bytes.
    package var head = 64 << 10
    /// One line of it.
    package var line = 32 << 10
    package var fields = 100
    /// What follows the last chunk.
    package var trailer = 8 << 10

    package init() {}
}
