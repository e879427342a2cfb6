import Glibc
import Kernel

/// Runs a test in a network namespace of its own, on a thread of its own: the host's network is never touched.
func inPrivateNetwork<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    try NamespaceThread.run {
        try Namespaces.unshare(.network)
        return try body()
    }
}

/// A new network namespace, alive as long as the descriptor.
func newNamespace() throws -> SharedDescriptor {
    try NamespaceThread.run {
        try Namespaces.unshare(.network)
        return SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
    }
}

let isRoot = getuid() == 0
