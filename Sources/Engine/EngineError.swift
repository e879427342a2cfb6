/// What went wrong, as the user needs to hear it; `API` turns the kind into a status code.
package struct EngineError: Error, CustomStringConvertible, Sendable {
    package enum Kind: Sendable {
        /// The request itself is wrong: 400.
        case invalid
        /// What it wants is not allowed there: 403.
        case forbidden
        /// What it names does not exist: 404.
        case notFound
        /// The state does not allow it: 409.
        case conflict
        /// Nothing to do: 304.
        case notModified
        /// Box does not have this: 501.
        case unsupported
        /// Our failure: 500.
        case failed
    }
    package let kind: Kind
    package let message: String
    package var description: String { message }

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    static func noSuchContainer(_ name: String) -> EngineError {
        EngineError(.notFound, "No such container: \(name)")
    }
    static func notRunning(_ id: String) -> EngineError {
        EngineError(.conflict, "container \(id) is not running")
    }
}
