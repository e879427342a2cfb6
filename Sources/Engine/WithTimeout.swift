package import Reactor

extension EventLoop {
    /// What `body` returns, or nil when it takes longer than that; it is cancelled then, and waited for.
    ///
    /// - Parameter nanoseconds: nil for no limit.
    package func withTimeout<Value: Sendable>(
        nanoseconds: Int64?, _ body: @escaping @Sendable () async throws -> Value
    ) async rethrows -> Value? {
        guard let nanoseconds else { return try await body() }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask { [self] in
                try? await sleep(nanoseconds: nanoseconds)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
