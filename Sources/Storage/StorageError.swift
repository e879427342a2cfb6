/// Why a store refused, in Docker's words where Docker has some; the case decides the API's status code.
package enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no such thing.
    case notFound(String)
    /// Something else stands in the way: a user of it, or another thing with its name.
    case conflict(String)
    /// What was asked for or handed in is not acceptable.
    case invalid(String)
    /// What is stored is not as it was stored.
    case damaged(String)

    package var description: String {
        switch self {
        case .notFound(let text), .conflict(let text), .invalid(let text), .damaged(let text): text
        }
    }
}
