import Glibc
import Kernel
import OCI

/// Device nodes and the usual links in the container's `/dev`.
struct DeviceNodes {
    /// runtime-spec `config-linux.md`, "Default Devices".
    static let defaults: [LinuxDevice] = [
        ("/dev/null", 1, 3), ("/dev/zero", 1, 5), ("/dev/full", 1, 7), ("/dev/random", 1, 8), ("/dev/urandom", 1, 9),
        ("/dev/tty", 5, 0),
    ].map { LinuxDevice(type: "c", path: $0.0, major: $0.1, minor: $0.2, fileMode: 0o666, uid: 0, gid: 0) }

    /// Resources whose device rules, if there are any, let the container use the devices that it is given: the default
    /// ones, its own, and its terminals; and make any node, which by itself gives no access.
    static func allowing(_ extra: [LinuxDevice]?, in resources: LinuxResources?) -> LinuxResources? {
        guard var resources, let rules = resources.devices, !rules.isEmpty else { return resources }
        var added = ["c", "b"].map { LinuxDeviceRule(allow: true, type: $0, access: "m") }
        // Console and ptmx, and every terminal of devpts.
        let terminals: [(Int64, Int64?)] = [(5, 1), (5, 2), (136, nil)]
        for device in defaults + (extra ?? []) where device.type != "p" {
            let type = device.type == "u" ? "c" : device.type
            added.append(
                LinuxDeviceRule(allow: true, type: type, major: device.major, minor: device.minor, access: "rwm"))
        }
        for (major, minor) in terminals {
            added.append(LinuxDeviceRule(allow: true, type: "c", major: major, minor: minor, access: "rwm"))
        }
        // Rules are applied in order: what is allowed behind the last denial is so already.
        let behind = rules.lastIndex { !$0.allow }.map { rules[($0 + 1)...] } ?? rules[...]
        resources.devices = rules + added.filter { !behind.contains($0) }
        return resources
    }

    private static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ]

    /// The default devices and the links in a `/dev` that is not in its place yet.
    static func makeDefaults(in dev: borrowing FileDescriptor) throws(SyscallError) {
        for device in defaults {
            let name = String(device.path.dropFirst("/dev/".count))
            try Sys.mknod(
                at: dev.raw, name, mode: UInt32(S_IFCHR) | 0o666, major: UInt32(device.major ?? 0),
                minor: UInt32(device.minor ?? 0))
            // Whatever the mask for new files is.
            try Sys.chmod(at: dev.raw, name, mode: 0o666)
        }
        for (name, target) in links { try link(name, to: target, in: dev) }
    }

    /// - Parameter hasDefaults: the default ones and the links are there already.
    static func make(_ extra: [LinuxDevice]?, hasDefaults: Bool = false, in root: borrowing RootedDirectory)
        throws(RuntimeError)
    {
        let extra = extra ?? []
        let given = Set(extra.map(\.path))
        let defaults = hasDefaults ? [] : Self.defaults.filter { !given.contains($0.path) }
        for device in defaults + extra { try make(device, in: root) }
        do {
            let dev = try root.makeDirectories("/dev")
            if !hasDefaults { for (name, target) in links { try link(name, to: target, in: dev) } }
            // The terminals of this container, and never the host's: its own devpts decides.
            if Sys.exists(at: dev.raw, "pts/ptmx") {
                do { try Sys.unlink(at: dev.raw, "ptmx") } catch let error where error.errno == ENOENT {}
                try Sys.symlink("pts/ptmx", at: dev.raw, "ptmx")
            }
        } catch {
            throw RuntimeError(.devices, "making the links in /dev", error)
        }
    }

    private static func link(_ name: String, to target: String, in dev: borrowing FileDescriptor) throws(SyscallError) {
        do { try Sys.symlink(target, at: dev.raw, name) } catch let error where error.errno == EEXIST {}
    }

    private static func make(_ device: LinuxDevice, in root: borrowing RootedDirectory) throws(RuntimeError) {
        let type: Int32
        switch device.type {
        case "c", "u": type = Int32(S_IFCHR)
        case "b": type = Int32(S_IFBLK)
        case "p": type = Int32(S_IFIFO)
        default:
            throw RuntimeError(.devices, "device \(device.path): the type «\(device.type)» is none of c, b, u and p")
        }
        let major = UInt32(exactly: device.major ?? 0)
        let minor = UInt32(exactly: device.minor ?? 0)
        guard let major, let minor else {
            throw RuntimeError(.devices, "device \(device.path): its numbers are out of range")
        }
        if type != S_IFIFO && (device.major == nil || device.minor == nil) {
            throw RuntimeError(.devices, "device \(device.path): major and minor are missing")
        }
        do {
            let mode = (device.fileMode ?? 0o666) & 0o7777
            try make(
                Node(
                    path: device.path, mode: UInt32(type) | mode, major: major, minor: minor,
                    uid: device.uid ?? 0, gid: device.gid ?? 0), in: root)
        } catch let error where error.errno == EEXIST {
            throw RuntimeError(.devices, "device \(device.path): something else is there already", errno: EEXIST)
        } catch {
            throw RuntimeError(.devices, "making the device \(device.path)", error)
        }
    }

    private struct Node {
        let path: String
        let mode: UInt32
        let major: UInt32
        let minor: UInt32
        let uid: UInt32
        let gid: UInt32
    }

    private static func make(_ node: Node, in root: borrowing RootedDirectory) throws(SyscallError) {
        let components = node.path.split(separator: "/").filter { $0 != "." }
        guard let name = components.last.map(String.init), name != ".." else {
            throw SyscallError("mknodat", node.path, errno: EINVAL)
        }
        let parent = try root.makeDirectories("/" + components.dropLast().joined(separator: "/"))
        do {
            try Sys.mknod(at: parent.raw, name, mode: node.mode, major: node.major, minor: node.minor)
        } catch let error where error.errno == EEXIST {
            // What an image brings, or the host's in a bound /dev, is fine when it is the same device.
            let status = try Sys.status(at: parent.raw, name)
            let format = UInt32(S_IFMT)
            guard status.mode & format == node.mode & format, status.deviceMajor == node.major,
                status.deviceMinor == node.minor
            else { throw error }
            return
        } catch let error where error.errno == EPERM {
            // Not allowed to make nodes, as in a user namespace: the host's own is bound instead.
            return try bind(node, parent, name)
        }
        try Sys.chown(at: parent.raw, name, uid: node.uid, gid: node.gid)
        try Sys.chmod(at: parent.raw, name, mode: node.mode & 0o7777)
    }

    private static func bind(_ node: Node, _ parent: borrowing FileDescriptor, _ name: String) throws(SyscallError) {
        let host = try Sys.open(node.path, Sys.openPath)
        let status = try host.status()
        guard status.deviceMajor == node.major, status.deviceMinor == node.minor else {
            throw SyscallError("mknodat", node.path, errno: EPERM)
        }
        do {
            try Sys.mknod(at: parent.raw, name, mode: UInt32(S_IFREG) | 0o600)
        } catch let error where error.errno == EEXIST {
        }
        let place = try Sys.open(at: parent.raw, name, Sys.openPath | O_NOFOLLOW)
        try Mounts.attach(try Mounts.cloneTree(at: host.raw, "", recursive: false), onto: place.raw)
    }
}
