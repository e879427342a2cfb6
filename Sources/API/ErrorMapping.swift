import Engine
import HTTP
import HTTPServer
import Kernel
import Networking
import OCI
import Storage

/// The one place where an error becomes a status code and the `message` of the answer.
enum ErrorMapping {
    static func map(_ error: any Error) -> (HTTPStatus, String) {
        switch error {
        case let error as EngineError: (status(error.kind), error.message)
        case let error as SpecError: (error.kind == .invalid ? .badRequest : .notImplemented, error.message)
        case let error as NetworkingError: (status(error), error.description)
        case let error as ReferenceError: (.badRequest, "\(error)")
        case let error as StorageError: (status(error), error.description)
        case let error as ContainerNameConflict: (.conflict, error.description)
        case let error as HTTPParseError: (error.status, error.message)
        case let error as RequestError: (.badRequest, error.message)
        case is CancellationError: (.serviceUnavailable, "the request was given up")
        default: (.internalServerError, "\(error)")
        }
    }

    private static func status(_ kind: EngineError.Kind) -> HTTPStatus {
        switch kind {
        case .invalid: .badRequest
        case .notFound: .notFound
        case .conflict: .conflict
        case .notModified: .notModified
        case .forbidden: .forbidden
        case .unsupported: .notImplemented
        case .failed: .internalServerError
        }
    }

    private static func status(_ error: NetworkingError) -> HTTPStatus {
        switch error {
        case .notFound: .notFound
        case .conflict: .conflict
        case .invalid: .badRequest
        case .forbidden: .forbidden
        case .unsupported: .notImplemented
        case .failed: .internalServerError
        }
    }

    private static func status(_ error: StorageError) -> HTTPStatus {
        switch error {
        case .notFound: .notFound
        case .conflict: .conflict
        case .invalid: .badRequest
        case .damaged: .internalServerError
        }
    }
}

/// Parameters or a body that do not mean anything.
struct RequestError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
