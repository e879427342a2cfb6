import Glibc
import Kernel
import OCI

/// Makes the mounts of a configuration, in its order, before the root is changed to.
///
/// Each is made detached, gets its flags while nobody can see it, and is attached to a descriptor of its place
/// (CVE-2021-30465, CVE-2024-45310: no moment at which a path is checked and then used).
struct ContainerMounts: ~Copyable {
    let root: RootedDirectory
    /// Relative sources are below it.
    let bundle: String
    /// Whether the container has a cgroup namespace of its own.
    let hasCgroupNamespace: Bool
    private let prepared: PreparedMounts?
    /// Those of the configuration.
    private let devices: [LinuxDevice]

    init(
        root: consuming RootedDirectory, bundle: String, hasCgroupNamespace: Bool, devices: [LinuxDevice]?,
        prepared: PreparedMounts?
    ) {
        self.root = root
        self.bundle = bundle
        self.hasCgroupNamespace = hasCgroupNamespace
        self.devices = devices ?? []
        self.prepared = prepared
    }

    consuming func takeRoot() -> RootedDirectory { root }

    func make(_ mount: MountSpec) throws(RuntimeError) {
        let options = MountOptions(mount.options ?? [])
        let destination = mount.destination.hasPrefix("/") ? mount.destination : "/" + mount.destination
        guard destination.split(separator: "/").contains(where: { $0 != "." }) else {
            throw RuntimeError(.mounts, "nothing can be mounted at /: that is root.path's place")
        }
        // runtime-spec: a bind option makes it a bind mount, whatever the type says.
        if options.isRemount { return try remount(mount, destination, options) }
        if options.isBind || mount.type == "bind" { return try bind(mount, destination, options) }
        guard let type = mount.type, !type.isEmpty else {
            throw RuntimeError(.mounts, "the mount at \(destination) has neither a type nor the option bind or rbind")
        }
        if mount.uidMappings != nil || mount.gidMappings != nil || options.idMapped != nil {
            throw RuntimeError(.mounts, "id mappings of the mount at \(destination): only bind mounts can have them")
        }
        if type == "cgroup" || type == "cgroup2" {
            return try CgroupMount(destination: destination, options: options, isNamespaced: hasCgroupNamespace).make(
                in: root)
        }
        try fileSystem(mount, type, destination, options)
    }

    // MARK: New file systems

    private func fileSystem(_ mount: MountSpec, _ type: String, _ destination: String, _ options: MountOptions)
        throws(RuntimeError)
    {
        let target = try open(destination, directory: true)
        if let tree = prepared?.take(mount, devices: devices) {
            return try attempt(.mounts, "mounting \(type) at \(destination)") { () throws(SyscallError) in
                try Mounts.attach(tree.descriptor, onto: target.raw)
            }
        }
        if options.parameters.contains(where: { ($0.value?.utf8.count ?? 0) > 255 }) {
            return try mountByData(mount, type, target, destination, options)
        }
        let tree = try FileSystemMount.makeDetached(
            type, source: mount.source, options, name: "mounting \(type) at \(destination)")
        try attempt(.mounts, "mounting \(type) at \(destination)") { () throws(SyscallError) in
            if options.copiesUp && type == "tmpfs" {
                let image = try root.open(destination, O_RDONLY | O_DIRECTORY)
                try TreeCopy.copyContent(of: image, to: tree)
            }
            try setPropagation(tree, options)
            try Mounts.attach(tree, onto: target.raw)
        }
    }

    /// A parameter of fsconfig(2) holds 255 bytes, one of mount(2) a page. The flags and the place are the same.
    private func mountByData(
        _ mount: MountSpec, _ type: String, _ target: borrowing FileDescriptor, _ destination: String,
        _ options: MountOptions
    ) throws(RuntimeError) {
        let data = options.parameters.map { $0.text }
        let path = target.procPath
        try attempt(.mounts, "mounting \(type) at \(destination)") { () throws(SyscallError) in
            try Mounts.mount(mount.source ?? type, path, type: type, data: data.joined(separator: ","))
            let mounted = try root.open(destination, Sys.openPath)
            try applyAttributes(mounted, options)
            try setPropagation(mounted, options)
        }
    }

    // MARK: Bind mounts

    private func bind(_ mount: MountSpec, _ destination: String, _ options: MountOptions) throws(RuntimeError) {
        guard let source = mount.source, !source.isEmpty else {
            throw RuntimeError(.mounts, "the bind mount at \(destination) has no source")
        }
        let path = source.hasPrefix("/") ? source : "\(bundle)/\(source)"
        let name = "binding \(path) to \(destination)"
        if let parameter = options.parameters.first(where: { !Self.meaninglessForBind.contains($0.key) }) {
            throw RuntimeError(.mounts, "\(name): unknown mount option «\(parameter.key)»")
        }
        let tree: FileDescriptor
        let isDirectory: Bool
        do {
            let origin = try Self.openSource(path)
            isDirectory = try origin.status().kind == .directory
            tree = try Mounts.cloneTree(at: origin.raw, "", recursive: options.isRecursiveBind)
        } catch let error where error.errno == ENOENT {
            throw RuntimeError(.mounts, "bind source path does not exist: \(path)", errno: ENOENT)
        } catch {
            throw RuntimeError(.mounts, name, error)
        }
        try checkProc(destination, tree)
        let target = try open(destination, directory: isDirectory)
        guard (try? target.status().kind == .directory) == isDirectory else {
            throw RuntimeError(
                .mounts,
                "\(name): not a directory: a directory can be mounted only onto a directory, and a file only "
                    + "onto a file", errno: ENOTDIR)
        }
        try IDMappedMount.apply(mount, options, to: tree, name: name)
        do {
            try applyAttributes(tree, options)
            try setPropagation(tree, options)
            try Mounts.attach(tree, onto: target.raw)
        } catch {
            throw RuntimeError(.mounts, name, error)
        }
    }

    /// A source given as somebody's descriptor, `/proc/PID/fd/N`, is a place in that process's mount namespace, which
    /// nothing can be bound from in ours: it is found again here by its path, through no symlink that was put there
    /// meanwhile, and has to be the same file.
    private static func openSource(_ path: String) throws(SyscallError) -> FileDescriptor {
        let origin = try Sys.open(path, Sys.openPath)
        let parts = path.split(separator: "/")
        guard parts.count == 4, parts[0] == "proc", parts[2] == "fd" else { return origin }
        let place = try Sys.readlink(path)
        let wanted = try origin.status()
        let found = try Sys.open(at: Sys.currentDirectory, place, Sys.openPath, resolve: .noSymlinks)
        let status = try found.status()
        guard status.inode == wanted.inode, status.device == wanted.device else {
            throw SyscallError("open", place, errno: ENOENT)
        }
        return found
    }

    /// Flags of a file system that exists already; mount(2) does not look at them either.
    private static let meaninglessForBind: Set<String> = ["sync", "dirsync", "lazytime", "mand", "iversion"]

    /// CVE-2019-16884, CVE-2019-19921: what is written to /proc for the container's sake, and what is masked there, must
    /// be the kernel's. These few files may be given by somebody else, as lxcfs does.
    private static let replaceableInProc: Set<String> = [
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
        "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
    ]

    private func checkProc(_ destination: String, _ tree: borrowing FileDescriptor) throws(RuntimeError) {
        let components = destination.split(separator: "/").filter { $0 != "." }
        guard components.first == "proc" else { return }
        if components.count == 1 {
            // The host's own, as with the pid namespace of the host.
            if let status = try? tree.fileSystemStatus(), status.type == FileSystemStatus.proc { return }
        }
        if Self.replaceableInProc.contains(components.dropFirst().joined(separator: "/")) { return }
        throw RuntimeError(
            .mounts,
            "binding to \(destination): nothing may be bound inside /proc but "
                + Self.replaceableInProc.sorted().joined(separator: ", "))
    }

    private func remount(_ mount: MountSpec, _ destination: String, _ options: MountOptions) throws(RuntimeError) {
        if let parameter = options.parameters.first {
            throw RuntimeError(
                .mounts,
                "remounting \(destination): the option «\(parameter.key)» of a file system cannot be changed; "
                    + "only flags of the mount can")
        }
        try attempt(.mounts, "remounting \(destination)") { () throws(SyscallError) in
            let target = try root.open(destination, Sys.openPath)
            try applyAttributes(target, options)
            try setPropagation(target, options)
        }
    }

    // MARK: Parts

    private func open(_ destination: String, directory: Bool) throws(RuntimeError) -> FileDescriptor {
        // An image that has /proc, /sys or /dev as a symlink would move what is masked, or made read-only, later.
        let top = destination.split(separator: "/").first { $0 != "." }
        let strict = top == "proc" || top == "sys" || top == "dev"
        do {
            return try root.openMountTarget(destination, directory: directory, withoutSymlinks: strict)
        } catch let error where strict && error.errno == ELOOP {
            throw RuntimeError(
                .mounts,
                "mounting at \(destination): the image has a symlink on the way there, and none is followed "
                    + "in /proc, /sys and /dev", errno: ELOOP)
        } catch let error where error.errno == ELOOP {
            throw RuntimeError(
                .mounts,
                "mounting at \(destination): the way there goes through too many symlinks, or through one of "
                    + "/proc that leads out of the container", errno: ELOOP)
        } catch {
            throw RuntimeError(.mounts, "making the mount point \(destination)", error)
        }
    }

    private func applyAttributes(_ mount: borrowing FileDescriptor, _ options: MountOptions) throws(SyscallError) {
        let raw = mount.raw
        if !options.recursive.isEmpty {
            try Mounts.setAttributes(raw, set: options.recursive.set, clear: options.recursive.clear, recursive: true)
        }
        if !options.own.isEmpty { try Mounts.setAttributes(raw, set: options.own.set, clear: options.own.clear) }
    }

    private func setPropagation(_ mount: borrowing FileDescriptor, _ options: MountOptions) throws(SyscallError) {
        let raw = mount.raw
        for change in options.propagation {
            try Mounts.setAttributes(raw, propagation: change.kind, recursive: change.recursive)
        }
    }
}
