extension Container {
    package enum WaitCondition: String, Sendable {
        case notRunning = "not-running"
        case nextExit = "next-exit"
        case removed
    }

    package struct WaitResult: Sendable {
        package let exitCode: Int32
        /// Why the container could not be waited for or run.
        package let error: String?
    }

    /// One result, when the condition holds. Registered when this returns: what happens from then on is not missed. A
    /// container that restarts by policy has not ended.
    package func ending(_ condition: WaitCondition) -> AsyncStream<WaitResult> {
        let (stream, waiter) = AsyncStream.makeStream(of: WaitResult.self, bufferingPolicy: .bufferingNewest(1))
        let holds = condition == .notRunning && !state.isUp && state.status != .restarting
        if holds || isRemoved {
            waiter.yield(result)
            waiter.finish()
            return stream
        }
        nextWaiter += 1
        let number = nextWaiter
        waiters[number] = (condition, waiter)
        waiter.onTermination = { _ in Task { await self.forgetWaiter(number) } }
        return stream
    }

    /// Returns the exit code when the condition holds.
    package func wait(for condition: WaitCondition) async throws -> WaitResult {
        for await result in ending(condition) { return result }
        throw CancellationError()
    }

    private var result: WaitResult {
        WaitResult(exitCode: state.exitCode, error: state.error.isEmpty ? nil : state.error)
    }

    private func forgetWaiter(_ number: Int) { waiters[number] = nil }

    func wakeWaiters(removed: Bool = false) {
        for (number, waiter) in waiters where removed || waiter.condition != .removed {
            waiters[number] = nil
            waiter.stream.yield(result)
            waiter.stream.finish()
        }
    }
}
