import Kernel
import OCI

/// File systems that nearly every container has, made before it is known which: detached, so that all that is left is to
/// put them in their places.
///
/// Of the namespaces of the process that makes them: `/proc` of its pid namespace, the queues of its IPC namespace.
final class PreparedMounts {
    private struct Prepared {
        let spec: MountSpec
        let mount: SharedDescriptor
    }
    private var mounts: [Prepared] = []
    /// What directories are masked with.
    private(set) var emptyDirectory: SharedDescriptor?
    /// Whether the `/dev` that was taken has the default nodes and links.
    private(set) var hasDevices = false

    /// As boxd writes them; a configuration with others has them made when it starts.
    private static let usual: [MountSpec] = {
        let quiet = ["nosuid", "noexec", "nodev"]
        return [
            MountSpec(destination: "/proc", type: "proc", source: "proc", options: quiet),
            MountSpec(
                destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            MountSpec(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            MountSpec(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet),
            MountSpec(
                destination: "/dev/shm", type: "tmpfs", source: "shm", options: quiet + ["mode=1777", "size=67108864"]),
        ]
    }()

    /// What fails here is made, and fails with a reason, when it is needed.
    init() {
        for spec in Self.usual {
            guard let mount = try? Self.make(spec) else { continue }
            if spec.destination == "/dev", (try? DeviceNodes.makeDefaults(in: mount.descriptor)) == nil { continue }
            mounts.append(Prepared(spec: spec, mount: mount))
        }
        emptyDirectory = try? Self.makeEmpty()
    }

    private static func makeEmpty() throws(SyscallError) -> SharedDescriptor {
        SharedDescriptor(try HiddenPaths.emptyDirectory())
    }

    private static func make(_ spec: MountSpec) throws(RuntimeError) -> SharedDescriptor {
        let options = MountOptions(spec.options ?? [])
        let tree = try FileSystemMount.makeDetached(
            spec.type ?? "", source: spec.source, options, name: spec.destination)
        return SharedDescriptor(tree)
    }

    /// The one that a configuration asks for; nil: there is none like that.
    ///
    /// - Parameter devices: what the configuration has in `/dev` besides the default devices.
    func take(_ wanted: MountSpec, devices: [LinuxDevice]) -> SharedDescriptor? {
        guard let index = mounts.firstIndex(where: { $0.spec == wanted }) else { return nil }
        if wanted.destination == "/dev" {
            let defaults = DeviceNodes.defaults.map(\.path)
            guard !devices.contains(where: { defaults.contains($0.path) }) else { return nil }
            hasDevices = true
        }
        return mounts.remove(at: index).mount
    }
}
