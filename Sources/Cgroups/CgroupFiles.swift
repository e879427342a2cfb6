import Glibc
import Kernel

/// Reading and writing the control files of one directory.
struct CgroupFiles: Sendable {
    let directory: String

    func has(_ file: String) -> Bool { Sys.exists("\(directory)/\(file)") }

    func write(_ file: String, _ value: String) throws(SyscallError) {
        try Sys.writeControl("\(directory)/\(file)", value)
    }

    func text(_ file: String) throws(SyscallError) -> String { try Sys.readText("\(directory)/\(file)") }

    /// The lines of a file that a machine may lack.
    func lines(_ file: String) -> [Substring] {
        guard let text = try? text(file) else { return [] }
        return text.split(separator: "\n")
    }

    /// nil when there is no such file, or no number in it (`max`).
    func number(_ file: String) -> UInt64? {
        guard let text = try? text(file) else { return nil }
        return UInt64(text.prefix { $0 != "\n" })
    }

    /// One number of a file of lines `name number`; nil when there is none of that name.
    func number(_ name: String, in file: String) -> UInt64? {
        for line in lines(file) where line.hasPrefix(name) {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == name { return UInt64(fields[1]) }
        }
        return nil
    }

    /// A file of lines `name number`.
    func table(_ file: String) -> [String: UInt64] {
        var table: [String: UInt64] = [:]
        for line in lines(file) {
            let fields = line.split(separator: " ")
            if fields.count == 2, let value = UInt64(fields[1]) { table[String(fields[0])] = value }
        }
        return table
    }

    /// The processes of this directory and those below; none when it does not exist.
    func processes() throws(SyscallError) -> [Int32] {
        var found: [Int32] = []
        do {
            found = try text("cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
        } catch let error where error.errno == ENOENT || error.errno == ENODEV {
            return []
        } catch let error where error.errno == EOPNOTSUPP {
            // Inside a threaded subtree; its threads' processes are listed at the subtree's root.
        }
        for child in try children() { found += try CgroupFiles(directory: "\(directory)/\(child)").processes() }
        return found
    }

    private func children() throws(SyscallError) -> [String] {
        do {
            return try Sys.list(at: Sys.currentDirectory, directory).filter(\.isDirectory).map(\.name)
        } catch let error where error.errno == ENOENT {
            return []
        }
    }

    /// Removes the directory and those below. A directory whose last process is just ending is busy for a while.
    func remove(until deadline: Int64) throws(SyscallError) {
        var pause: Int64 = 200_000
        while true {
            do {
                try Sys.unlink(directory, directory: true)
                return
            } catch let error where error.errno == ENOENT {
                return
            } catch let error where error.errno == EBUSY || error.errno == ENOTEMPTY {
                for child in try children() {
                    try CgroupFiles(directory: "\(directory)/\(child)").remove(until: deadline)
                }
                do { try Sys.unlink(directory, directory: true); return } catch
                    where error.errno == EBUSY || error.errno == ENOENT
                {}
                guard Clock.boottime() < deadline else { throw error }
                Clock.sleep(nanoseconds: pause)
                pause = min(pause * 2, 20_000_000)
            }
        }
    }

    /// Kills the processes of this directory and those below once. False when there was none.
    func killOnce() throws(SyscallError) -> Bool {
        let found = try processes()
        if found.isEmpty { return false }
        // In batches, for each holds a descriptor; and looked up again once that is held, for the number may
        // have become another process's in between.
        var rest = found[...]
        while !rest.isEmpty {
            let batch = rest.prefix(256)
            rest = rest.dropFirst(256)
            var held: [(Int32, SharedDescriptor)] = []
            for pid in batch {
                do { held.append((pid, SharedDescriptor(try Processes.openPid(pid)))) } catch
                    where error.errno == ESRCH
                {}
            }
            let still = Set(try processes())
            for (pid, pidfd) in held where still.contains(pid) { try Processes.signal(pidfd.descriptor, SIGKILL) }
        }
        return true
    }

    /// Calls `attempt` until it is true, with growing pauses; false when `deadline` passed.
    static func wait(until deadline: Int64, _ attempt: () throws(SyscallError) -> Bool) throws(SyscallError) -> Bool {
        var pause: Int64 = 100_000
        while true {
            if try attempt() { return true }
            if Clock.boottime() >= deadline { return false }
            Clock.sleep(nanoseconds: pause)
            pause = min(pause * 2, 20_000_000)
        }
    }

    static func deadline(seconds: Int64) -> Int64 { Clock.boottime() + seconds * 1_000_000_000 }
}
