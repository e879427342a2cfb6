import Glibc
import Kernel

/// A cgroup in the hierarchies of cgroup v1, a directory in each.
package struct CgroupV1: Cgroup {
    package let path: String
    let hierarchies: [CgroupHost.Hierarchy]

    /// Every container is in these: for limits, for statistics, to be stopped and found. Each costs a start some
    /// 100 µs, so that the others are joined only when something is asked of them.
    private static let always: Set<String> = ["memory", "cpu", "cpuacct", "pids", "freezer", "devices", "blkio"]

    init(path: String, hierarchies: [CgroupHost.Hierarchy]) {
        self.path = path
        self.hierarchies = hierarchies
    }

    /// The directory of a controller, whether it exists or not; nil when this machine lacks the controller.
    func files(_ controller: String) -> CgroupFiles? {
        guard let hierarchy = hierarchies.first(where: { $0.controllers.contains(controller) }) else { return nil }
        return CgroupFiles(directory: hierarchy.mount + path)
    }

    /// The hierarchies that every container is in.
    private var own: [CgroupHost.Hierarchy] { hierarchies.filter { !$0.controllers.isDisjoint(with: Self.always) } }

    /// In all hierarchies, whether it exists there or not.
    private var all: [CgroupFiles] { hierarchies.map { CgroupFiles(directory: $0.mount + path) } }

    private var present: [CgroupFiles] { all.filter { Sys.exists($0.directory) } }

    package var exists: Bool { !present.isEmpty }

    package func create() throws(CgroupError) {
        if try makeAll() { return }
        guard try processes().isEmpty, try !isFrozen() else {
            throw CgroupError("cgroup \(path) is in use: it is frozen, or processes are in it")
        }
        try remove()
        guard try makeAll() else {
            throw CgroupError("cgroup \(path) is in use: somebody else makes it at the same time")
        }
    }

    /// False when a part of it was there already: then nothing was made.
    private func makeAll() throws(CgroupError) -> Bool {
        let others = hierarchies.filter { $0.controllers.isDisjoint(with: Self.always) }
        if others.contains(where: { Sys.exists($0.mount + path) }) { return false }
        var made: [CgroupHost.Hierarchy] = []
        do {
            // Made without looking first: each look takes half as long.
            for hierarchy in own {
                let isNew = try attempt("creating cgroup \(path)") { () throws(SyscallError) in try make(hierarchy) }
                guard isNew else {
                    for hierarchy in made { try? Sys.unlink(hierarchy.mount + path, directory: true) }
                    return false
                }
                made.append(hierarchy)
            }
        } catch {
            try? remove()
            throw error
        }
        return true
    }

    /// Whether it is new.
    @discardableResult
    private func make(_ hierarchy: CgroupHost.Hierarchy) throws(SyscallError) -> Bool {
        let directory = hierarchy.mount + path
        if !hierarchy.controllers.contains("cpuset"), !hierarchy.controllers.contains("memory") {
            return try Sys.makeDirectories(directory)
        }
        if hierarchy.controllers.contains("memory"), !hierarchy.controllers.contains("cpuset"), passesOn(hierarchy) {
            return try Sys.makeDirectories(directory)
        }
        var above = hierarchy.mount
        var isNew = false
        for part in path.split(separator: "/") {
            let parent = CgroupFiles(directory: above)
            above += "/" + part
            do {
                try Sys.mkdir(above)
                isNew = true
            } catch let error where error.errno == EEXIST {
                isNew = false
            }
            let files = CgroupFiles(directory: above)
            if hierarchy.controllers.contains("cpuset") {
                // A new one has no CPU and no memory node, and takes no process before it does.
                for file in ["cpuset.cpus", "cpuset.mems"] where try files.text(file).allSatisfy(\.isWhitespace) {
                    try files.write(file, try parent.text(file))
                }
            }
            // Before Linux 5.11 what is below a cgroup counts for it only if it says so.
            if hierarchy.controllers.contains("memory"), files.number("memory.use_hierarchy") == 0 {
                try files.write("memory.use_hierarchy", "1")
            }
        }
        return isNew
    }

    /// Whether what is made in a hierarchy counts for what is above it without being told: a new cgroup has that of its
    /// parent.
    private func passesOn(_ hierarchy: CgroupHost.Hierarchy) -> Bool {
        CgroupFiles(directory: hierarchy.mount).number("memory.use_hierarchy") == 1
    }

    package func join() throws(CgroupError) {
        for files in all {
            // Not `cgroup.procs`: to move a process, the kernel waits until no other forks or exits (up to 15 ms
            // measured), to move the calling thread it need not. With one thread both are the same.
            try attempt("joining cgroup \(path)") { () throws(SyscallError) in
                do throws(SyscallError) { try files.write("tasks", "0") } catch
                    where error.errno == ENOENT && !Sys.exists(files.directory)
                {}
            }
        }
    }

    package func add(_ pid: Int32) throws(CgroupError) {
        for files in present {
            try attempt("moving process \(pid) to cgroup \(path)") { () throws(SyscallError) in
                try files.write("cgroup.procs", "\(pid)")
            }
        }
    }

    /// The directory of a controller that not every container uses: made, and all processes moved to it, on first use.
    func joined(_ controller: String) throws(CgroupError) -> CgroupFiles {
        guard let hierarchy = hierarchies.first(where: { $0.controllers.contains(controller) }) else {
            throw CgroupError("this machine's cgroups have no \(controller) controller; it cannot keep such a limit")
        }
        let files = CgroupFiles(directory: hierarchy.mount + path)
        if Sys.exists(files.directory) { return files }
        // Nothing is made for one that is gone, as a container's is with its end: nobody would remove it.
        guard exists else { throw CgroupError("there is no cgroup \(path)", errno: ENOENT) }
        try attempt("creating cgroup \(path)") { () throws(SyscallError) in
            try make(hierarchy)
            // Again until nothing was forked in the meantime.
            for _ in 0..<100 {
                let there = Set(try files.processes())
                let missing = try allProcesses().filter { !there.contains($0) }
                if missing.isEmpty { break }
                for pid in missing { try move(pid, files) }
            }
        }
        return files
    }

    private func move(_ pid: Int32, _ files: CgroupFiles) throws(SyscallError) {
        do { try files.write("cgroup.procs", "\(pid)") } catch let error where error.errno == ESRCH {}
    }

    // MARK: Processes

    /// The hierarchy that tells what processes there are.
    private func allProcesses() throws(SyscallError) -> [Int32] {
        guard let files = files("freezer") ?? files("pids") ?? files("memory") ?? present.first else { return [] }
        return try files.processes()
    }

    package func processes() throws(CgroupError) -> [Int32] {
        try attempt("listing the processes of cgroup \(path)") { () throws(SyscallError) in try allProcesses() }
    }

    private func freezer() throws(CgroupError) -> CgroupFiles {
        guard let files = files("freezer") else {
            throw CgroupError("this machine's cgroups have no freezer controller: containers cannot be paused")
        }
        return files
    }

    @available(*, noasync)
    package func freeze() throws(CgroupError) {
        let files = try freezer()
        let frozen = try attempt("pausing cgroup \(path)") { () throws(SyscallError) in
            // A process that forks just then escapes the first attempt: said again until it is true of all.
            try CgroupFiles.wait(until: CgroupFiles.deadline(seconds: 10)) { () throws(SyscallError) in
                try files.write("freezer.state", "FROZEN")
                return try files.text("freezer.state").hasPrefix("FROZEN")
            }
        }
        if !frozen {
            try? files.write("freezer.state", "THAWED")
            throw CgroupError("pausing cgroup \(path): a process did not stop within 10 s; nothing is paused")
        }
    }

    package func thaw() throws(CgroupError) {
        let files = try freezer()
        try attempt("resuming cgroup \(path)") { () throws(SyscallError) in try files.write("freezer.state", "THAWED") }
    }

    package func isFrozen() throws(CgroupError) -> Bool {
        guard let files = files("freezer") else { return false }
        return try attempt("looking whether cgroup \(path) is paused") { () throws(SyscallError) in
            try Self.isFrozen(files)
        }
    }

    private static func isFrozen(_ files: CgroupFiles) throws(SyscallError) -> Bool {
        do { return try !files.text("freezer.state").hasPrefix("THAWED") } catch let error where error.errno == ENOENT {
            return false
        }
    }

    @available(*, noasync)
    package func kill() throws(CgroupError) {
        let done = try attempt("killing the processes of cgroup \(path)") { () throws(SyscallError) in
            guard let files = files("freezer") ?? present.first else { return true }
            return try CgroupFiles.wait(until: CgroupFiles.deadline(seconds: 10)) { () throws(SyscallError) in
                if try !files.killOnce() { return true }
                // A frozen process dies when it is thawed.
                if files.has("freezer.state") { try files.write("freezer.state", "THAWED") }
                return false
            }
        }
        if !done { throw CgroupError("killing the processes of cgroup \(path): some are still there after 10 s") }
    }

    @available(*, noasync)
    package func remove() throws(CgroupError) {
        let deadline = CgroupFiles.deadline(seconds: 2)
        var failure: CgroupError?
        for files in all {
            do { try files.remove(until: deadline) } catch { failure = CgroupError("removing cgroup \(path)", error) }
        }
        if let failure { throw failure }
    }

    package func oomKills() -> UInt64 { files("memory")?.number("oom_kill", in: "memory.oom_control") ?? 0 }
}
