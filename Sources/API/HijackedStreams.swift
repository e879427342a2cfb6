import HTTPServer

/// The two directions of a hijacked connection, served until the output has ended or the client has left.
enum HijackedStreams {
    enum AfterInput: Sendable {
        /// The client's direction has ended; the output goes on.
        case goOn
        /// The client leaves by its detach keys.
        case detach
    }
    private enum Ended: Sendable { case output, input(AfterInput), connection }

    static func run(
        _ raw: HijackedConnection, output: @escaping @Sendable () async throws -> Void,
        input: (@Sendable () async throws -> AfterInput)?
    ) async throws {
        try await withThrowingTaskGroup(of: Ended.self) { group in
            group.addTask {
                try await output()
                return .output
            }
            if let input { group.addTask { .input(try await input()) } }
            group.addTask {
                try await raw.closed()
                return .connection
            }
            defer { group.cancelAll() }
            for try await ended in group {
                if case .input(.goOn) = ended { continue }
                return
            }
        }
    }
}
