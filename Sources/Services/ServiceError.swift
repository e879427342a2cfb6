package import Deployment

/// Why a request about a service cannot be done, with what a waiting command shall exit with.
package struct ServiceError: Error, CustomStringConvertible, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case invalid, busy, stale, refused, failed
        case notFound = "not-found"
    }
    package var kind: Kind
    package var message: String
    /// The rollout that is in the way.
    package var holder: String?
    /// Each with the path in the spec file.
    package var problems: [SpecProblems.Problem] = []
    package var refusals: [PreflightRefusal] = []
    package var description: String { message }

    package init(_ kind: Kind, _ message: String, holder: String? = nil) {
        self.kind = kind
        self.message = message
        self.holder = holder
    }

    package init(_ problems: SpecProblems) {
        self.init(.invalid, "the spec is not valid: \(problems)")
        self.problems = problems.problems
    }

    /// Exit status of `boxctl`.
    package var exitCode: Int {
        switch kind {
        case .invalid: 2
        case .busy: 7
        case .stale: 6
        case .refused: 8
        case .notFound: 10
        case .failed: 1
        }
    }

    /// RFC 9457.
    package func problem(status: Int, title: String) -> JSONValue {
        var members: [String: JSONValue] = [
            "type": .string("about:blank#\(kind.rawValue)"), "title": .string(title), "status": .int(status),
            "detail": .string(message), "box_exit": .int(exitCode),
            // What clients of the other API look for.
            "message": .string(message),
        ]
        if let holder { members["holder"] = .string(holder) }
        if !problems.isEmpty {
            members["problems"] = .array(
                problems.map { .object(["path": .string($0.path), "detail": .string($0.text)]) })
        }
        if !refusals.isEmpty { members["refusals"] = ServiceResult.refusals(refusals) }
        return .object(members)
    }
}
