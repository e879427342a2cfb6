import CLinux
import Glibc

/// A thread of our own: for work that blocks, which must never run on Swift's own few threads.
package enum Thread {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a detached thread; `name` is cut to 15 bytes by the kernel. Its signal mask is the caller's.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SyscallError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let error = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                Processes.setName(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        if error != 0 {
            start.release()
            throw SyscallError("pthread_create", name, errno: error)
        }
    }
}
