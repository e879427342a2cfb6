package import Kernel

/// What could not be done with a cgroup, or what a machine's cgroups cannot do.
package struct CgroupError: Error, CustomStringConvertible, Equatable, Sendable {
    package let description: String
    /// 0 when no system call failed.
    package let errno: Int32

    package init(_ description: String, errno: Int32 = 0) {
        self.description = description
        self.errno = errno
    }

    package init(_ what: String, _ error: SyscallError) {
        self.init("\(what): \(error)", errno: error.errno)
    }
}

func attempt<Value: ~Copyable>(_ what: @autoclosure () -> String, _ body: () throws(SyscallError) -> Value)
    throws(CgroupError) -> Value
{
    do { return try body() } catch { throw CgroupError(what(), error) }
}
