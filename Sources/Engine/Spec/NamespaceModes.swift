package import APIModel

/// Which namespaces a container has of its own, and whose it shares: `--pid --ipc --uts --network`.
package struct NamespaceModes: Hashable, Sendable {
    package enum Pid: Hashable, Sendable { case `private`, host, container(String) }
    package enum IPC: Hashable, Sendable { case `private`, shareable, none, host, container(String) }
    package enum UTS: Hashable, Sendable { case `private`, host }
    package enum Network: Hashable, Sendable {
        /// Its own, with nothing but the loopback interface.
        case none
        /// Its own, and in it the networks that the container's record names; this is the one of `NetworkMode`.
        case network(String)
        case host, container(String)

        /// A network namespace that nobody else has.
        package var isOwn: Bool {
            switch self {
            case .none, .network: true
            case .host, .container: false
            }
        }
    }
    package var pid: Pid
    package var ipc: IPC
    package var uts: UTS
    package var network: Network

    /// Throws for modes that are none, or that Box does not have.
    package init(_ host: HostConfig) throws(SpecError) {
        pid = try Self.pid(host.pidMode)
        ipc = try Self.ipc(host.ipcMode)
        switch host.utsMode {
        case "", "private": uts = .private
        case "host": uts = .host
        default: throw .invalid("invalid UTS mode: \(host.utsMode.quoted)")
        }
        network = try Self.network(host.networkMode)
        switch host.cgroupnsMode {
        case "", "private": break
        case "host": throw .unsupported("--cgroupns host", "every container has a cgroup namespace of its own")
        default: throw .invalid("invalid cgroup namespace mode: \(host.cgroupnsMode.quoted)")
        }
        switch host.usernsMode {
        case "", "host": break
        default: throw .unsupported("--userns \(host.usernsMode)", "containers share the user namespace of the host")
        }
    }

    private static func pid(_ text: String) throws(SpecError) -> Pid {
        switch text {
        case "", "private": return .private
        case "host": return .host
        default:
            guard let other = container(text) else { throw .invalid("invalid PID mode: \(text.quoted)") }
            return .container(other)
        }
    }

    private static func ipc(_ text: String) throws(SpecError) -> IPC {
        switch text {
        case "", "private": return .private
        case "shareable": return .shareable
        case "none": return .none
        case "host": return .host
        default:
            guard let other = container(text) else { throw .invalid("invalid IPC mode: \(text.quoted)") }
            return .container(other)
        }
    }

    private static func network(_ text: String) throws(SpecError) -> Network {
        switch text {
        // What clients send when the user named no network.
        case "", "default": return .network(NetworkPlan.defaultNetwork)
        case "none": return .none
        case "host": return .host
        default:
            if let other = container(text) { return .container(other) }
            if text.hasPrefix("container:") {
                throw .invalid("invalid container format container:<name|id>: \(text.quoted)")
            }
            return .network(text)
        }
    }

    private static func container(_ text: String) -> String? {
        guard text.hasPrefix("container:"), text.utf8.count > 10 else { return nil }
        return String(text.dropFirst(10))
    }

    /// The container that each mode names, for looking up: each must be running at start.
    package var sharedContainers: Set<String> {
        var names: Set<String> = []
        if case .container(let name) = pid { names.insert(name) }
        if case .container(let name) = ipc { names.insert(name) }
        if case .container(let name) = network { names.insert(name) }
        return names
    }
}
