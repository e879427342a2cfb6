package import Deployment
import Kernel
package import Reactor

/// Time for controllers; tests make their own.
package struct ServiceClock: Sendable {
    package var now: @Sendable () -> Moment
    /// Throws `CancellationError`.
    package var sleep: @Sendable (_ until: Moment) async throws -> Void

    package init(now: @escaping @Sendable () -> Moment, sleep: @escaping @Sendable (Moment) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    /// CLOCK_BOOTTIME, which no change of the calendar moves.
    package static func boottime(_ loop: EventLoop) -> ServiceClock {
        ServiceClock(
            now: { Moment(nanoseconds: Clock.boottime()) },
            sleep: { try await loop.sleep(until: $0.nanoseconds) })
    }

    func sleep(for span: Span) async throws { try await sleep(now() + span) }
}
