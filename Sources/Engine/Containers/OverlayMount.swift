import Storage
import Glibc
import Kernel

/// An overlay of a container's layers that is attached nowhere: gone when its descriptor is closed.
///
/// For looking into containers that do not run (`cp`, `export`, `diff`), and into any container's files from
/// outside its namespaces.
enum OverlayMount {
    /// - Parameters:
    ///   - lowers: directories of the image's layers, the top one first.
    ///   - upper: the container's own; nil for what the image holds.
    ///   - work: of the same file system; nil mounts `upper` read-only as one more layer, which may be done
    ///     while the container runs.
    /// Blocks.
    static func open(lowers: [String], upper: String?, work: String?) throws -> RootedDirectory {
        var layers = lowers
        if let upper, work == nil { layers.insert(upper, at: 0) }
        if let single = layers.first, layers.count == 1, work == nil {
            // An overlay wants two layers to be read-only; one alone needs no overlay.
            return RootedDirectory(try Sys.open(single, O_DIRECTORY | O_RDONLY | O_NOFOLLOW))
        }
        do {
            return try openDetached(layers, upper, work)
        } catch {
            guard error.errno == EINVAL else { throw error }
            // Linux before 6.8 has no `lowerdir+`, and fsconfig(2) takes strings of 255 bytes at most.
            return try openByMountCall(layers, upper, work)
        }
    }

    /// Mounts the layers over a directory, in the mount namespace of the calling thread: other than below a detached
    /// mount, something can be mounted below this one. Blocks.
    static func mount(lowers: [String], upper: String, work: String, over place: String) throws {
        let target = try Sys.open(place, Sys.openDirectory)
        if lowers.isEmpty {
            // An overlay wants a layer below; alone, the container's own is the whole.
            let tree = try Mounts.cloneTree(at: Sys.currentDirectory, upper, recursive: false)
            return try Mounts.attach(tree, onto: target.raw)
        }
        do {
            return try Mounts.attach(try detached(lowers, upper, work), onto: target.raw)
        } catch {
            guard error.errno == EINVAL else { throw error }
        }
        try mountByCall(lowers, upper, work, over: place)
    }

    private static func openDetached(_ layers: [String], _ upper: String?, _ work: String?) throws(SyscallError)
        -> RootedDirectory
    {
        let mount = try detached(layers, upper, work)
        // A descriptor of the mount itself is O_PATH; this one can be listed, and keeps the mount alive.
        return RootedDirectory(try Sys.open(at: mount.raw, ".", O_DIRECTORY | O_RDONLY))
    }

    private static func detached(_ layers: [String], _ upper: String?, _ work: String?) throws(SyscallError)
        -> FileDescriptor
    {
        let engine = try Mounts.openFileSystem("overlay")
        for layer in layers { try Mounts.configure(engine, "lowerdir+", layer) }
        if let upper, let work {
            try Mounts.configure(engine, "upperdir", upper)
            try Mounts.configure(engine, "workdir", work)
        }
        try Mounts.create(engine)
        return try Mounts.makeDetached(engine, [.noDev, .noSuid])
    }

    private static func openByMountCall(_ layers: [String], _ upper: String?, _ work: String?) throws
        -> RootedDirectory
    {
        let raw = try NamespaceThread.run { () throws -> Int32 in
            try Namespaces.unshare([.mount])
            try Mounts.setPropagation("/", [.private, .recursive])
            // Any directory will do: the mount is seen by this thread alone.
            try mountByCall(layers, upper, work, over: "/tmp")
            return try Sys.open("/tmp", O_DIRECTORY | O_RDONLY).release()
        }
        return RootedDirectory(FileDescriptor(owning: raw))
    }

    private static func mountByCall(_ layers: [String], _ upper: String?, _ work: String?, over place: String) throws {
        // Layers by descriptor: 4,096 bytes of options hold some 200 of them, whatever their paths.
        var held: [SharedDescriptor] = []
        for layer in layers { held.append(SharedDescriptor(try Sys.open(layer, O_DIRECTORY | Sys.openPath))) }
        var options = "lowerdir=" + held.map { $0.descriptor.procPath }.joined(separator: ":")
        if let upper, let work { options += ",upperdir=\(upper),workdir=\(work)" }
        try Mounts.mount("overlay", place, type: "overlay", [.noDev, .noSuid], data: options)
    }
}
