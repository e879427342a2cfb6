/// Why something of the network was refused, in Docker's words where Docker has some; the case decides the API's
/// status code.
package enum NetworkingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no such network, or no such endpoint (404).
    case notFound(String)
    /// Something else has the name, the port or the address (409).
    case conflict(String)
    /// What was asked for makes no sense (400).
    case invalid(String)
    /// It is not allowed: predefined networks, networks in use, ranges that overlap (403).
    case forbidden(String)
    /// It makes sense, and Box cannot do it (501).
    case unsupported(String)
    /// The machine did not do it (500).
    case failed(String)

    package var description: String {
        switch self {
        case .notFound(let text), .conflict(let text), .invalid(let text), .forbidden(let text), .unsupported(let text),
            .failed(let text):
            text
        }
    }
}
