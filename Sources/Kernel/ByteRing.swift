/// Bounded buffers between one producing and one consuming thread.
///
///     producer: wait for a free buffer -> fill it (unlocked) -> publish
///     consumer: wait for a full buffer -> copy from it (unlocked) -> give back
///
/// Unchecked: a buffer belongs to the producer while free and to the consumer while full, which the guarded count
/// of full buffers decides; the indices belong to one side each.
package final class ByteRing: @unchecked Sendable {
    private struct State: Sendable {
        /// Bytes in each full buffer.
        var counts: [Int]
        var filled = 0
        var ended = false
        var failure: (any Error)?
        var cancelled = false
        /// What `write` throws from now on.
        var refusal: (any Error)?
    }

    private let buffers: [UnsafeMutableRawBufferPointer]
    private let state: Condition<State>
    private var writeIndex = 0
    private var readIndex = 0
    private var readOffset = 0

    package init(buffers count: Int, of size: Int) {
        buffers = (0..<count).map { _ in .allocate(byteCount: size, alignment: 64) }
        state = Condition(State(counts: Array(repeating: 0, count: count)))
    }

    deinit { for buffer in buffers { buffer.deallocate() } }

    /// The producer's whole life: calls `fill` until it returns 0, throws, or the consumer cancels.
    package func produce(_ fill: (UnsafeMutableRawBufferPointer) throws -> Int) {
        while true {
            let go = state.wait { state -> Bool? in
                if state.cancelled { return false }
                return state.filled < self.buffers.count ? true : nil
            }
            var outcome: Result<Int, any Error> = .success(0)
            if go == true { outcome = Result { try fill(buffers[writeIndex]) } }
            let ended = state.withLock { state in
                switch outcome {
                case .success(0): state.ended = true
                case .success(let count):
                    state.counts[self.writeIndex] = count
                    state.filled += 1
                case .failure(let error):
                    state.failure = error
                    state.ended = true
                }
                return state.ended
            }
            state.signal()
            if ended { return }
            writeIndex = (writeIndex + 1) % buffers.count
        }
    }

    /// Instead of `produce`: copies bytes in, waiting for room. Throws what the consumer refused them with.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let room = state.wait { state -> Result<Void, any Error>? in
                if let refusal = state.refusal { return .failure(refusal) }
                return state.filled < self.buffers.count ? .success(()) : nil
            }
            try room?.get()
            let count = min(rest.count, buffers[writeIndex].count)
            buffers[writeIndex].copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            state.withLock { state in
                state.counts[self.writeIndex] = count
                state.filled += 1
            }
            state.signal()
            writeIndex = (writeIndex + 1) % buffers.count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Nothing more is written; the consumer gets `failure` after everything before.
    package func end(_ failure: (any Error)? = nil) {
        state.withLock { state in
            state.failure = failure
            state.ended = true
        }
        state.signal()
    }

    /// The consumer wants no more, and does not wait: `write` throws `error` from now on.
    package func refuse(_ error: any Error) {
        state.withLock { $0.refusal = error }
        state.signal()
    }

    /// Copies what is there, waiting for the first byte; 0 at the end. Throws what the producer threw, after
    /// everything it produced before.
    package func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty else { return 0 }
        let available = state.wait { state -> Result<Int, any Error>? in
            if state.filled > 0 { return .success(state.counts[self.readIndex]) }
            if let failure = state.failure { return .failure(failure) }
            return state.ended ? .success(0) : nil
        }
        guard let total = try available?.get(), total > 0 else { return 0 }
        let count = min(total - readOffset, target.count)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffers[readIndex][readOffset..<readOffset + count]))
        readOffset += count
        if readOffset == total {
            readOffset = 0
            readIndex = (readIndex + 1) % buffers.count
            state.withLock { $0.filled -= 1 }
            state.signal()
        }
        return count
    }

    /// The consumer wants no more: returns when the producer has stopped, which is after the `fill` it is in.
    package func cancel() {
        state.withLock { $0.cancelled = true }
        state.signal()
        state.wait { state -> Void? in state.ended ? () : nil }
    }
}

/// A value given from one thread to another for good: the giver does not touch it again until that thread ended.
///
/// Unchecked because the compiler cannot see a thread's start and end as the points where ownership moves.
package struct HandedOver<Value>: @unchecked Sendable {
    package let value: Value
    package init(_ value: Value) { self.value = value }
}
