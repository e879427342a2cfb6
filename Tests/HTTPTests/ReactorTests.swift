import Glibc
import Kernel
import Synchronization
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    @Test func readsWhatComesAndTheEnd() async throws {
        var pair = try Sys.socketPair(.stream)
        let a = try AsyncSocket(pair.takeFirst(), loop: loop)
        let b = try AsyncSocket(pair.takeSecond(), loop: loop)
        async let got = a.read()
        try await loop.sleep(nanoseconds: 5_000_000)
        try await b.write(Array("hello".utf8))
        #expect(try await got == Array("hello".utf8))
        try b.shutdownWrite()
        #expect(try await a.read().isEmpty)
        // The other direction still works.
        try await a.write([1, 2, 3])
        #expect(try await b.read() == [1, 2, 3])
    }

    @Test func readerAndWriterOfOneDescriptor() async throws {
        var pair = try Sys.socketPair(.stream)
        let a = try AsyncSocket(pair.takeFirst(), loop: loop)
        let b = try AsyncSocket(pair.takeSecond(), loop: loop)
        let big = [UInt8](repeating: 7, count: 4 << 20)
        async let written: Void = a.write(big)
        async let back = a.read()
        var total = 0
        while total < big.count { total += try await b.read().count }
        try await written
        try await b.write([9])
        #expect(try await back == [9])
    }

    @Test func cancellationAndTimeOutLeaveNothingBehind() async throws {
        var pair = try Sys.socketPair(.stream)
        let a = try AsyncSocket(pair.takeFirst(), loop: loop)
        let b = try AsyncSocket(pair.takeSecond(), loop: loop)
        let reading = Task { try await a.read() }
        try await loop.sleep(nanoseconds: 2_000_000)
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        await #expect(throws: TimedOut.self) { try await a.read(timeout: 1_000_000) }
        let sleeping = Task { try await loop.sleep(nanoseconds: 60_000_000_000) }
        sleeping.cancel()
        await #expect(throws: CancellationError.self) { try await sleeping.value }
        // A spurious event of the earlier arming does not wake the next waiter.
        async let got = a.read()
        try await b.write([1])
        #expect(try await got == [1])
    }

    @Test func closedIsNotHalfClosed() async throws {
        var pair = try Sys.socketPair(.stream)
        let a = try AsyncSocket(pair.takeFirst(), loop: loop)
        var b: FileDescriptor? = pair.takeSecond()
        if let raw = b?.raw { try Sys.shutdownWrite(raw) }
        await #expect(throws: TimedOut.self) { try await loop.wait(a.raw, .closed, timeout: 20_000_000) }
        b = nil
        try await loop.wait(a.raw, .closed, timeout: 5_000_000_000)
    }

    @Test func thousandsOfTimers() async throws {
        let started = Clock.boottime()
        try await withThrowingTaskGroup { group in
            for i in 0..<5000 { group.addTask { try await loop.sleep(nanoseconds: Int64(i % 50) * 1_000_000) } }
            try await group.waitForAll()
        }
        #expect(Clock.boottime() - started >= 49_000_000)
    }

    @Test func processExitAndSignals() async throws {
        let process = try Spawn("/bin/sleep", ["0.02"]).start()
        let pidfd = SharedDescriptor(process.takePidfd())
        try await loop.processExit(pidfd)
        #expect(try Processes.wait(pidfd.descriptor)?.code == 0)
    }

    @Test func directoryChanges() async throws {
        let scratch = try Scratch()
        try Sys.mkdir(scratch.path + "/log")
        let one = try loop.changes(in: scratch.path + "/log")
        let two = try loop.changes(in: scratch.path + "/log")
        let counted = Task {
            var count = 0
            for await _ in one { count += 1 }
            return count
        }
        try Sys.replaceFile(scratch.path + "/log/1", [1])
        var iterator = two.makeAsyncIterator()
        #expect(await iterator.next() != nil)
        try Sys.removeTree(scratch.path + "/log")
        // The removal ends the stream.
        #expect(await counted.value > 0)
        #expect(throws: SyscallError.self) { _ = try loop.changes(in: scratch.path + "/none") }
    }

    @Test func leavingOneWatchKeepsTheOther() async throws {
        let scratch = try Scratch()
        let one = Task { [stream = try loop.changes(in: scratch.path)] in for await _ in stream {} }
        let two = try loop.changes(in: scratch.path)
        one.cancel()
        await one.value
        try Sys.replaceFile(scratch.path + "/1", [1])
        var iterator = two.makeAsyncIterator()
        #expect(await iterator.next() != nil)
    }

    @Test func deadlinesStayInOrderAndDoNotPileUp() {
        var heap = DeadlineHeap()
        for i in 0..<1000 { heap.insert(.init(deadline: Int64(i * 7919 % 1000), id: UInt64(i), fd: nil)) }
        for _ in 0..<900 { heap.noteStale() }
        heap.compact { $0.deadline % 10 == 0 }
        #expect(heap.count == 100)
        var last: Int64 = -1
        while let entry = heap.pop(dueAt: .max) {
            #expect(entry.deadline > last)
            last = entry.deadline
        }
        #expect(last == 990)
    }
}

@Suite(.timeLimit(.minutes(1))) struct BlockingPoolTests {
    final class Counts: Sendable {
        let now = Atomic<Int>(0)
        let most = Atomic<Int>(0)
    }

    @Test func manyJobsOnFewThreads() async throws {
        let pool = BlockingPool(limit: 4, idleSeconds: 1)
        let counts = Counts()
        await withTaskGroup { group in
            for _ in 0..<200 {
                group.addTask {
                    await pool.run {
                        let running = counts.now.add(1, ordering: .relaxed).newValue
                        _ = counts.most.max(running, ordering: .relaxed)
                        usleep(500)
                        counts.now.subtract(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect(counts.most.load(ordering: .relaxed) <= 4)
        #expect(pool.threads <= 4)
    }

    @Test func errorsKeepTheirType() async {
        let pool = BlockingPool()
        do throws(SyscallError) {
            try await pool.run { () throws(SyscallError) in _ = try Sys.readFile("/no/such") }
            Issue.record("no error")
        } catch {
            #expect(error.errno == ENOENT)
        }
    }

    @Test func idleThreadsEnd() async throws {
        let pool = BlockingPool(idleSeconds: 0)
        await pool.run {}
        for _ in 0..<100 where pool.threads > 0 { try await loop.sleep(nanoseconds: 10_000_000) }
        #expect(pool.threads == 0)
    }
}

@Suite(.timeLimit(.minutes(1))) struct SharedLoopTests {
    @Test("Several threads tend one loop: each wait ends once, by what it waited for")
    func manyThreads() async throws {
        let loop = try EventLoop(tended: ())
        let bell = try EventCounter()
        try loop.addBell(bell)
        let state = Condition((ended: 0, isOver: false, rung: 0))
        for _ in 0..<4 {
            try Thread.start(name: "tender") {
                while !state.withLock({ $0.isOver }) {
                    loop.turn { heardBell in if heardBell { state.withLock { $0.rung += 1 } } }
                }
                state.withLock { $0.ended += 1 }
                state.broadcast()
            }
        }
        try await withThrowingTaskGroup { group in
            for number in 0..<50 {
                group.addTask {
                    var pair = try Sys.socketPair(.stream)
                    let (one, other) = (
                        try AsyncSocket(pair.takeFirst(), loop: loop), try AsyncSocket(pair.takeSecond(), loop: loop)
                    )
                    for round in 0..<20 {
                        async let read = one.read()
                        if round % 4 == number % 4 { try await loop.sleep(nanoseconds: 100_000) }
                        try await other.write([UInt8(number), UInt8(round)])
                        #expect(try await read == [UInt8(number), UInt8(round)])
                    }
                    await #expect(throws: TimedOut.self) { _ = try await one.read(timeout: 1_000_000) }
                }
            }
            try await group.waitForAll()
        }
        #expect(loop.waiting == 0)
        // Each ring ends one wait, and no more.
        let before = state.withLock { $0.rung }
        bell.signal()
        for _ in 0..<500 where state.withLock({ $0.rung }) == before { try await Task.sleep(nanoseconds: 1_000_000) }
        #expect(state.withLock { $0.rung } == before + 1)
        state.withLock { $0.isOver = true }
        for _ in 0..<500 where state.withLock({ $0.ended }) < 4 {
            bell.signal()
            try await Task.sleep(nanoseconds: 1_000_000)
        }
        #expect(state.withLock { $0.ended } == 4)
    }

    @Test func queue() {
        var queue = Queue<Int>()
        #expect(queue.popFirst() == nil)
        for number in 0..<5000 { queue.append(number) }
        for number in 0..<3000 { #expect(queue.popFirst() == number) }
        queue.append(5000)
        #expect(queue.count == 2001)
        for number in 3000...5000 { #expect(queue.popFirst() == number) }
        #expect(queue.isEmpty && queue.popFirst() == nil)
    }
}
