import Glibc
import Kernel

/// How this machine's cgroups are mounted.
package struct CgroupHost: Sendable, Equatable {
    /// One v1 hierarchy: the controllers that share a tree.
    package struct Hierarchy: Sendable, Equatable {
        package var mount: String
        package var controllers: Set<String>
    }

    package enum Layout: Sendable, Equatable {
        /// Any number of v1 hierarchies. A v2 tree beside them (`hybrid`) is left alone: controllers that are bound to
        /// v1 are not in it.
        case v1([Hierarchy])
        case v2(mount: String)
    }

    package let layout: Layout

    package init(layout: Layout) { self.layout = layout }

    /// Docker's number for it: `1` or `2`.
    package var version: Int {
        switch layout {
        case .v1: 1
        case .v2: 2
        }
    }

    /// Looks at what is mounted for the calling process.
    package static func detect() throws(CgroupError) -> CgroupHost {
        try parse(
            mountInfo: try attempt("looking for cgroup mounts") { () throws(SyscallError) in
                try Sys.readText("/proc/self/mountinfo")
            })
    }

    /// From the text of proc_pid_mountinfo(5).
    package static func parse(mountInfo text: String) throws(CgroupError) -> CgroupHost {
        var hierarchies: [Hierarchy] = []
        var unified: [String] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            // Most lines are no cgroup's: found without taking them apart.
            guard let found = Mount(line) else { continue }
            if found.isV2 {
                unified.append(found.point)
            } else if !found.controllers.isEmpty, !hierarchies.contains(where: { $0.controllers == found.controllers })
            {
                hierarchies.append(Hierarchy(mount: found.point, controllers: found.controllers))
            }
        }
        if !hierarchies.isEmpty { return CgroupHost(layout: .v1(hierarchies)) }
        if let mount = unified.first(where: { $0 == "/sys/fs/cgroup" }) ?? unified.first {
            return CgroupHost(layout: .v2(mount: mount))
        }
        throw CgroupError(
            "no cgroup file system is mounted; mount one, for example: mount -t cgroup2 none /sys/fs/cgroup")
    }

    /// The cgroup at an absolute path below the mount points.
    package func cgroup(_ path: String) throws(CgroupError) -> any Cgroup {
        let path = try Self.checked(path)
        switch layout {
        case .v1(let hierarchies): return CgroupV1(path: path, hierarchies: hierarchies)
        case .v2(let mount): return CgroupV2(path: path, mount: mount)
        }
    }

    /// Removes a directory, such as the parent of all containers', if nothing is in it; else does nothing.
    package func removeIfEmpty(_ path: String) throws(CgroupError) {
        let path = try Self.checked(path)
        let mounts =
            switch layout {
            case .v1(let hierarchies): hierarchies.map(\.mount)
            case .v2(let mount): [mount]
            }
        for mount in mounts { try? Sys.unlink(mount + path, directory: true) }
    }

    /// Whether swap can be limited here: not without the kernel's accounting for it.
    package var limitsSwap: Bool {
        switch layout {
        case .v1(let hierarchies):
            hierarchies.contains {
                $0.controllers.contains("memory") && Sys.exists("\($0.mount)/memory.memsw.limit_in_bytes")
            }
        // The root has no such file; without swap in the kernel there is no /proc/swaps.
        case .v2: Sys.exists("/proc/swaps")
        }
    }

    /// Whether a controller can be used here.
    package func has(controller: String) -> Bool {
        switch layout {
        case .v1(let hierarchies): hierarchies.contains { $0.controllers.contains(controller) }
        case .v2(let mount): CgroupV2.controllers(CgroupFiles(directory: mount)).contains(controller)
        }
    }

    private static func checked(_ path: String) throws(CgroupError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard path.hasPrefix("/"), !parts.isEmpty, path.utf8.count < 3000,
            parts.allSatisfy({ $0 != "." && $0 != ".." && $0.utf8.count <= 255 && !$0.utf8.contains(0) })
        else {
            throw CgroupError("cgroup path \"\(path.prefix(100))\": must be absolute, below the root, without . or ..")
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// One line of mountinfo, if it is a cgroup's.
private struct Mount {
    var point: String
    var isV2: Bool
    var controllers: Set<String>

    /// Other words may stand beside controllers in the options of a v1 hierarchy. No `Set` of them: making the first
    /// one of a type costs a process that lives for one start more than all of these comparisons.
    private static func isController(_ option: Substring) -> Bool {
        switch option {
        case "rw", "ro", "xattr", "clone_children", "noprefix", "none": false
        default: !option.contains("=")
        }
    }

    init?(_ line: Substring.UTF8View.SubSequence) {
        let fields = line.split(separator: UInt8(ascii: " "))
        guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash >= 6, fields.count > dash + 2
        else {
            return nil
        }
        let type = String(fields[dash + 1])
        guard type == "cgroup" || type == "cgroup2" else { return nil }
        isV2 = type == "cgroup2"
        point = Self.unescape(fields[4])
        controllers = []
        guard !isV2, fields.count > dash + 3 else { return }
        for option in String(Substring(fields[dash + 3])).split(separator: ",") {
            if Self.isController(option) { controllers.insert(String(option)) }
        }
    }

    /// Blanks are written as `\040` there.
    private static func unescape(_ field: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = field[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let value = UInt8(String(Substring(rest.prefix(3))), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
