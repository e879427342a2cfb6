import Glibc
import Kernel
import OCI

/// Which namespaces a container has of its own, which it joins, and which it shares with its launcher.
struct NamespacePlan {
    private var new: [LinuxNamespaceType] = []
    private var joined: [(type: LinuxNamespaceType, path: String)] = []

    init(_ namespaces: [LinuxNamespace]?) throws(RuntimeError) {
        var seen: [LinuxNamespaceType] = []
        for namespace in namespaces ?? [] {
            let type = namespace.type
            guard !seen.contains(type) else {
                throw RuntimeError(.config, "linux.namespaces has the \(type.rawValue) namespace twice")
            }
            seen.append(type)
            guard let path = namespace.path, !path.isEmpty else {
                new.append(type)
                continue
            }
            guard path.hasPrefix("/") else {
                throw RuntimeError(.config, "the path \(path) of the \(type.rawValue) namespace is not absolute")
            }
            joined.append((type, path))
        }
        guard new.contains(.mount) || joined.contains(where: { $0.type == .mount }) else {
            throw RuntimeError(
                .config,
                "linux.namespaces has no mount namespace; without one the container's mounts would be the host's")
        }
    }

    /// New, or joined: in either case not the launcher's.
    func isPrivate(_ type: LinuxNamespaceType) -> Bool { new.contains(type) || joined.contains { $0.type == type } }
    func isNew(_ type: LinuxNamespaceType) -> Bool { new.contains(type) }

    func areNew(_ kinds: Namespaces.Kinds) -> Bool {
        Namespaces.Kinds(new.map(Self.kind)).isSuperset(of: kinds)
    }

    /// What the launcher must have done about the pid namespace before it forked.
    var pid: PidNamespace {
        if new.contains(.pid) { return .new }
        return joined.first { $0.type == .pid }.map { .path($0.path) } ?? .inherit
    }

    static func kind(of type: LinuxNamespaceType) -> Namespaces.Kinds {
        switch type {
        case .mount: .mount
        case .pid: .pid
        case .network: .network
        case .uts: .uts
        case .ipc: .ipc
        case .user: .user
        case .cgroup: .cgroup
        case .time: .time
        }
    }

    /// Enters all but the pid namespace, which the process was born into.
    ///
    /// - Parameters:
    ///   - network: a prepared namespace that stands for a new one.
    ///   - entered: new ones that the process is in already.
    func enter(network: Int32?, except entered: Namespaces.Kinds = []) throws(RuntimeError) {
        // All are opened before the first is entered: after the mount namespace the paths would lead elsewhere.
        var opened: [(LinuxNamespaceType, String, Int32)] = []
        defer { for (_, _, fd) in opened { _ = close(fd) } }
        for (type, path) in joined where type != .pid {
            let fd = try attempt(.namespaces, "joining the \(type.rawValue) namespace \(path)") {
                () throws(SyscallError) in try Sys.open(path, O_RDONLY | O_NONBLOCK).release()
            }
            opened.append((type, path, fd))
        }
        for (type, path, fd) in opened {
            do {
                try Namespaces.enter(fd, Self.kind(of: type))
            } catch let error where error.errno == EINVAL {
                throw RuntimeError(.namespaces, "\(path) is no \(type.rawValue) namespace", errno: EINVAL)
            } catch {
                throw RuntimeError(.namespaces, "joining the \(type.rawValue) namespace \(path)", error)
            }
        }
        var kinds: Namespaces.Kinds = []
        for type in new where type != .pid { kinds.insert(Self.kind(of: type)) }
        kinds.subtract(entered)
        try attempt(.namespaces, "making the namespaces") { () throws(SyscallError) in
            if let network, kinds.contains(.network) {
                try Namespaces.enter(network, .network)
                kinds.remove(.network)
            }
            try Namespaces.unshare(kinds)
            // A namespace begins with its loopback interface down. A prepared one was given all it needs.
            if kinds.contains(.network) { try Sys.interfaceUp("lo") }
        }
    }

    /// `linux.timeOffsets`, time_namespaces(7). The new namespace holds from the exec on.
    func setClocks(_ offsets: LinuxTimeOffsets?, _ proc: borrowing HostProc) throws(RuntimeError) {
        guard let offsets else { return }
        guard isNew(.time) else {
            throw RuntimeError(.config, "linux.timeOffsets needs a new time namespace in linux.namespaces")
        }
        var text = ""
        for (clock, offset) in [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)] {
            if let offset { text += "\(clock) \(offset.secs ?? 0) \(offset.nanosecs ?? 0)\n" }
        }
        if text.isEmpty { return }
        do { try Sys.writeControl("/proc/self/timens_offsets", text) } catch {
            throw RuntimeError(.namespaces, "setting the clocks of the time namespace", error)
        }
    }
}
