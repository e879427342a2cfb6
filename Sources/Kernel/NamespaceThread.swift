import Glibc

/// A thread of its own for one closure: what it unshares or enters dies with it.
///
/// `setns(2)` and `unshare(2)` change the calling thread for good, and a thread of a pool comes back to
/// somebody else's work.
package enum NamespaceThread {
    /// Runs `body` on a new thread and waits for it. Blocks; not for async code.
    @available(*, noasync)
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let work = Work(body)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(work)
        let error = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<AnyWork>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        if error != 0 {
            context.release()
            throw SyscallError("pthread_create", "", errno: error)
        }
        pthread_join(thread, nil)
        guard let result = work.result else { preconditionFailure("a joined thread has run") }
        return try result.get()
    }
}

// Handed to exactly one other thread, and read after that was joined.
// `@unchecked` because `result` is written by that thread, and read by another after the join.
private class AnyWork: @unchecked Sendable {
    func run() {}
}
// `@unchecked` as its superclass.
private final class Work<Value: Sendable>: AnyWork, @unchecked Sendable {
    private let body: @Sendable () throws -> Value
    private(set) var result: Result<Value, any Error>?
    init(_ body: @escaping @Sendable () throws -> Value) { self.body = body }
    override func run() { result = Result { try body() } }
}
