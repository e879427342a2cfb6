package import Kernel

/// Signals for async code. Make the `SignalDescriptor` in `main`, before there is a second thread: it blocks them
/// for the threads made after it.
package final class SignalReader: Sendable {
    private let signals: SignalDescriptor
    private let loop: EventLoop

    package init(_ signals: consuming SignalDescriptor, loop: EventLoop) {
        self.signals = signals
        self.loop = loop
    }

    /// The next signal's number.
    package func next() async throws -> Int32 {
        while true {
            if let number = signals.next() { return number }
            try await loop.readable(signals.descriptor.raw)
        }
    }
}
