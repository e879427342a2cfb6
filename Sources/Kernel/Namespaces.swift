import CLinux
import Glibc

/// namespaces(7)
package enum Namespaces {
    package struct Kinds: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
        package static let mount = Kinds(rawValue: BOX_CLONE_NEWNS)
        package static let uts = Kinds(rawValue: BOX_CLONE_NEWUTS)
        package static let ipc = Kinds(rawValue: BOX_CLONE_NEWIPC)
        package static let user = Kinds(rawValue: BOX_CLONE_NEWUSER)
        package static let pid = Kinds(rawValue: BOX_CLONE_NEWPID)
        package static let network = Kinds(rawValue: BOX_CLONE_NEWNET)
        package static let cgroup = Kinds(rawValue: BOX_CLONE_NEWCGROUP)
        package static let time = Kinds(rawValue: BOX_CLONE_NEWTIME)
        /// Not a namespace: a root and working directory of the thread's own, which `enter(.mount)` needs.
        package static let fileSystemAttributes = Kinds(rawValue: BOX_CLONE_FS)
    }

    /// unshare(2), for the calling thread; `.pid` and `.time` take effect for its children.
    package static func unshare(_ kinds: Kinds) throws(SyscallError) {
        _ = try check("unshare", "0x\(String(kinds.rawValue, radix: 16))") { box_unshare(kinds.rawValue) }
    }

    /// setns(2) with a namespace file or a pidfd; `kinds` must match.
    package static func enter(_ fd: Int32, _ kinds: Kinds) throws(SyscallError) {
        _ = try check("setns", "0x\(String(kinds.rawValue, radix: 16))") { box_setns(fd, kinds.rawValue) }
    }
}
