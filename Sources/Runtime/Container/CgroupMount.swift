import Cgroups
import Glibc
import Kernel

/// A mount of type `cgroup`: what the container sees of its cgroups.
struct CgroupMount {
    let destination: String
    let options: MountOptions
    /// Then the container's own cgroup is the root of what it sees.
    let isNamespaced: Bool

    func make(in root: borrowing RootedDirectory) throws(RuntimeError) {
        let layout: CgroupHost.Layout
        do { layout = try ContainerCgroup.host().layout } catch {
            throw RuntimeError(.mounts, "mounting cgroups at \(destination): \(error)", errno: error.errno)
        }
        do {
            let target = try root.openMountTarget(destination, directory: true, withoutSymlinks: true)
            switch layout {
            case .v2:
                try Mounts.attach(try fileSystem("cgroup2", controllers: []), onto: target.raw)
            case .v1(let hierarchies):
                try makeHierarchies(hierarchies, root, target)
            }
        } catch {
            throw RuntimeError(.mounts, "mounting cgroups at \(destination)", error)
        }
    }

    /// v1: a small tmpfs with a directory for each hierarchy, as hosts have it.
    private func makeHierarchies(
        _ hierarchies: [CgroupHost.Hierarchy], _ root: borrowing RootedDirectory, _ target: borrowing FileDescriptor
    ) throws(SyscallError) {
        let context = try Mounts.openFileSystem("tmpfs")
        try Mounts.configure(context, "mode", "755")
        try Mounts.configure(context, "size", "64k")
        try Mounts.create(context)
        let base = try Mounts.makeDetached(context, [.noSuid, .noDev, .noExec])
        try Mounts.attach(base, onto: target.raw)
        for hierarchy in hierarchies {
            let name = hierarchy.mount.split(separator: "/").last.map(String.init) ?? "cgroup"
            try Sys.mkdir(at: base.raw, name)
            for controller in hierarchy.controllers where controller != name {
                try Sys.symlink(name, at: base.raw, controller)
            }
            let place = try Sys.open(at: base.raw, name, Sys.openPath | O_DIRECTORY | O_NOFOLLOW)
            let tree: FileDescriptor
            if isNamespaced {
                tree = try fileSystem("cgroup", controllers: hierarchy.controllers.sorted())
            } else {
                tree = try Mounts.cloneTree(
                    at: Sys.currentDirectory, hierarchy.mount + ownPath(hierarchy.controllers), recursive: false)
                try Mounts.setAttributes(tree.raw, set: options.own.set.union([.noSuid, .noDev, .noExec]))
            }
            try Mounts.attach(tree, onto: place.raw)
        }
        if options.own.set.contains(.readOnly) { try Mounts.setAttributes(base.raw, set: .readOnly) }
    }

    private func fileSystem(_ type: String, controllers: [String]) throws(SyscallError) -> FileDescriptor {
        let context = try Mounts.openFileSystem(type)
        try Mounts.configure(context, "source", "cgroup")
        for controller in controllers { try Mounts.configure(context, controller, nil) }
        try Mounts.create(context)
        return try Mounts.makeDetached(context, options.own.set.union([.noSuid, .noDev, .noExec]))
    }

    /// Where this process is in a hierarchy: `/proc/self/cgroup`, cgroups(7).
    private func ownPath(_ controllers: Set<String>) throws(SyscallError) -> String {
        for line in try Sys.readText("/proc/self/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if fields.count == 3, Set(fields[1].split(separator: ",").map(String.init)) == controllers {
                return String(fields[2])
            }
        }
        return "/"
    }
}
