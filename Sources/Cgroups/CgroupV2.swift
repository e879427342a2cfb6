import Glibc
import Kernel

/// A cgroup of cgroup v2: one directory.
package struct CgroupV2: Cgroup {
    package let path: String
    private let mount: String

    /// What containers' parents pass down, of what there is.
    private static let wanted = ["cpu", "cpuset", "memory", "pids", "io", "hugetlb", "rdma"]

    package init(path: String, mount: String) {
        self.path = path
        self.mount = mount
    }

    var files: CgroupFiles { CgroupFiles(directory: mount + path) }

    package var exists: Bool { Sys.exists(files.directory) }

    /// The controllers that a directory has for itself.
    static func controllers(_ files: CgroupFiles) -> Set<String> {
        Set(files.lines("cgroup.controllers").flatMap { $0.split(separator: " ").map(String.init) })
    }

    package func create() throws(CgroupError) {
        if exists {
            guard try processes().isEmpty, try !isFrozen() else {
                throw CgroupError("cgroup \(path) is in use: it is frozen, or processes are in it")
            }
            try remove()
        }
        var above = mount
        for part in path.split(separator: "/") {
            passDown(CgroupFiles(directory: above))
            above += "/" + part
            try attempt("creating cgroup \(path)") { () throws(SyscallError) in
                try Self.make(above)
            }
        }
    }

    private static func make(_ directory: String) throws(SyscallError) {
        do { try Sys.mkdir(directory) } catch let error where error.errno == EEXIST {}
    }

    /// Has a parent give its controllers to its children. One that it cannot give, because processes are in the
    /// parent itself, is missing below; a limit that needs it then says so.
    private func passDown(_ parent: CgroupFiles) {
        let passed = Set(parent.lines("cgroup.subtree_control").flatMap { $0.split(separator: " ").map(String.init) })
        let available = Self.controllers(parent)
        let missing = Self.wanted.filter { available.contains($0) && !passed.contains($0) }
        if missing.isEmpty { return }
        if (try? parent.write("cgroup.subtree_control", missing.map { "+" + $0 }.joined(separator: " "))) != nil {
            return
        }
        // All at once is all or nothing.
        for controller in missing { try? parent.write("cgroup.subtree_control", "+" + controller) }
    }

    package func join() throws(CgroupError) { try add(0) }

    package func add(_ pid: Int32) throws(CgroupError) {
        try attempt("moving \(pid == 0 ? "this process" : "process \(pid)") to cgroup \(path)") {
            () throws(SyscallError) in
            try files.write("cgroup.procs", "\(pid)")
        }
    }

    package func processes() throws(CgroupError) -> [Int32] {
        try attempt("listing the processes of cgroup \(path)") { () throws(SyscallError) in try files.processes() }
    }

    @available(*, noasync)
    package func freeze() throws(CgroupError) {
        let frozen = try attempt("pausing cgroup \(path)") { () throws(SyscallError) in
            try files.write("cgroup.freeze", "1")
            return try CgroupFiles.wait(until: CgroupFiles.deadline(seconds: 10)) { () throws(SyscallError) in
                files.number("frozen", in: "cgroup.events") == 1
            }
        }
        if !frozen {
            try? files.write("cgroup.freeze", "0")
            throw CgroupError("pausing cgroup \(path): a process did not stop within 10 s; nothing is paused")
        }
    }

    package func thaw() throws(CgroupError) {
        try attempt("resuming cgroup \(path)") { () throws(SyscallError) in try files.write("cgroup.freeze", "0") }
    }

    package func isFrozen() throws(CgroupError) -> Bool { files.number("cgroup.freeze") == 1 }

    @available(*, noasync)
    package func kill() throws(CgroupError) {
        let files = files
        let done = try attempt("killing the processes of cgroup \(path)") { () throws(SyscallError) in
            guard exists else { return true }
            let atOnce = files.has("cgroup.kill")  // Linux 5.14
            return try CgroupFiles.wait(until: CgroupFiles.deadline(seconds: 10)) { () throws(SyscallError) in
                if files.number("populated", in: "cgroup.events") == 0 { return true }
                if atOnce {
                    try files.write("cgroup.kill", "1")
                    return false
                }
                return try !files.killOnce()
            }
        }
        if !done { throw CgroupError("killing the processes of cgroup \(path): some are still there after 10 s") }
    }

    package func oomKills() -> UInt64 { files.number("oom_kill", in: "memory.events") ?? 0 }

    @available(*, noasync)
    package func remove() throws(CgroupError) {
        try attempt("removing cgroup \(path)") { () throws(SyscallError) in
            try files.remove(until: CgroupFiles.deadline(seconds: 2))
        }
    }
}
