import Basics
import Database
import Glibc
import Kernel
import Netlink
import Networking
import Testing

let isRoot = getuid() == 0

/// A host of its own in a private network namespace: nothing of the machine's own network is touched.
///
///     LAN (another host, 192.0.2.2, 2001:db8::2) ---- lan0 (192.0.2.1, 2001:db8::1) host ---- bridges ---- containers
final class World: Sendable {
    let networking: Networking
    let directory: String
    /// The namespace of the other host.
    let lan: SharedDescriptor
    /// The host's own namespace.
    let host: SharedDescriptor
    let route: NetlinkSocket
    let filter: NetlinkSocket

    /// Runs `body` on the host.
    static func run(
        prepared: Int = 0, start: Bool = true, change: @escaping @Sendable (inout NetworkingOptions) -> Void = { _ in },
        _ body: @escaping @Sendable (World) throws -> Void
    ) throws {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            // A new namespace begins as the machine's own is, where a daemon may have turned it on.
            try Sys.writeControl("/proc/sys/net/ipv4/ip_forward", "0")
            let directory = "/tmp/box-networking-\(Identifier().short)"
            try Sys.makeDirectories(directory, mode: 0o700)
            defer { try? Sys.removeTree(directory) }
            var options = NetworkingOptions(bridgeName: "tbox0", runDirectory: directory, preparedNamespaces: prepared)
            change(&options)
            let world = try World(directory, options)
            if start { try world.networking.start(running: [:]) }
            defer { world.networking.close() }
            try body(world)
        }
    }

    private init(_ directory: String, _ options: NetworkingOptions) throws {
        self.directory = directory
        route = try NetlinkSocket(.route)
        filter = try NetlinkSocket(.netfilter)
        host = SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        lan = try World.namespace()
        try route.perform(.change(link: "lo", LinkChange(isUp: true)))
        try route.perform(
            .createPair("lan0", LinkChange(isUp: true), peerName: "eth0", namespace: lan.raw))
        let link = try #require(try route.link("lan0"))
        try route.perform([
            .add(InterfaceAddress(link: link.index, address: IPAddress("192.0.2.1")!, prefix: 24)),
            .add(InterfaceAddress(link: link.index, address: IPAddress("2001:db8::1")!, prefix: 64)),
        ])
        let outside = try NetlinkSocket.open(.route, inNamespace: lan.raw)
        let eth0 = try #require(try outside.link("eth0"))
        try outside.perform([
            .change(link: 1, LinkChange(isUp: true)), .change(link: eth0.index, LinkChange(isUp: true)),
            .add(InterfaceAddress(link: eth0.index, address: IPAddress("192.0.2.2")!, prefix: 24)),
            .add(InterfaceAddress(link: eth0.index, address: IPAddress("2001:db8::2")!, prefix: 64)),
            // An attacker: it sends everything it does not know through our host.
            .add(Route.standard(via: IPAddress("192.0.2.1")!, link: eth0.index)!),
            .add(Route.standard(via: IPAddress("2001:db8::1")!, link: eth0.index)!),
        ])
        networking = try Networking(
            options, database: try World.database(directory), log: Logger("test", minimum: .error))
    }

    static func database(_ directory: String) throws -> Database {
        try Database(path: "\(directory)/box.db", migrations: [])
    }

    static func namespace() throws -> SharedDescriptor {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            return SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        }
    }

    /// A container in some networks, with ports as the API writes them: `80/tcp` to bindings.
    func container(
        _ name: String, _ networks: [EndpointRequest] = [EndpointRequest(network: "bridge")],
        ports: [(String, ip: String, host: String)] = []
    ) throws -> Container {
        let identity = ContainerIdentity(id: Identifier().hex, name: name)
        let attachment = try networking.attach(
            identity, networks, ports: try ports.map { try PortRequest($0.0, hostIP: $0.ip, hostPort: $0.host) })
        return Container(identity: identity, attachment: attachment)
    }

    /// What of ours is on the host: interfaces, and elements of the maps of ports.
    func links() throws -> Set<String> { Set(try route.links().map(\.name)).subtracting(["lo", "lan0"]) }
}

struct Container: Sendable {
    let identity: ContainerIdentity
    let attachment: NetworkAttachment
    var namespace: SharedDescriptor { attachment.namespace }
    var v4: IPAddress { attachment.endpoints[0].v4! }
    var v6: IPAddress { attachment.endpoints[0].v6! }
}

// MARK: - Traffic

/// Answers every connection with the address that it came from.
final class EchoServer: Sendable {
    let port: UInt16
    private let socket: Int32
    private let isUDP: Bool

    /// Listens everywhere in a namespace.
    init(_ namespace: SharedDescriptor, port: UInt16, udp: Bool = false, v6: Bool = true) throws {
        self.port = port
        isUDP = udp
        socket = try NamespaceThread.run {
            try Namespaces.enter(namespace.raw, .network)
            let fd = Glibc.socket(v6 ? AF_INET6 : AF_INET, Int32((udp ? SOCK_DGRAM : SOCK_STREAM).rawValue), 0)
            try #require(fd >= 0)
            var one: Int32 = 1
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            let address = SocketAddress(v6 ? .anyV6 : .anyV4, port)
            guard address.bind(fd) else {
                close(fd)
                throw SyscallError("bind", "port \(port)", errno: EADDRINUSE)
            }
            if !udp { try #require(listen(fd, 64) == 0) }
            return fd
        }
        let (fd, isUDP) = (socket, udp)
        try Thread.start(name: "echo") { EchoServer.serve(fd, isUDP) }
    }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    private static func serve(_ fd: Int32, _ isUDP: Bool) {
        var peer = sockaddr_storage()
        var byte: UInt8 = 0
        while true {
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let size = length
            let result = withUnsafeMutablePointer(to: &peer) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    isUDP ? Int32(recvfrom(fd, &byte, 1, 0, $0, &length)) : accept(fd, $0, &length)
                }
            }
            guard result > 0 else { return }
            let text = Array(SocketAddress.text(peer).utf8)
            if isUDP {
                _ = withUnsafePointer(to: &peer) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        sendto(fd, text, text.count, 0, $0, min(length, size))
                    }
                }
            } else {
                send(result, text, text.count, Int32(MSG_NOSIGNAL))
                close(result)
            }
        }
    }
}

enum Client {
    /// As `ask`, for what is to succeed: a packet that was lost is sent again after a second.
    static func reach(
        _ namespace: SharedDescriptor, _ address: IPAddress, _ port: UInt16, udp: Bool = false, from: IPAddress? = nil
    ) throws -> String? {
        try ask(namespace, address, port, udp: udp, from: from, milliseconds: 4000)
    }

    /// What a server answers to somebody in a namespace; nil when it does not. `from`: the source to claim.
    static func ask(
        _ namespace: SharedDescriptor, _ address: IPAddress, _ port: UInt16, udp: Bool = false, from: IPAddress? = nil,
        milliseconds: Int32 = 400
    ) throws -> String? {
        try NamespaceThread.run {
            try Namespaces.enter(namespace.raw, .network)
            let kind = Int32((udp ? SOCK_DGRAM : SOCK_STREAM).rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let fd = Glibc.socket(address.family == .v4 ? AF_INET : AF_INET6, kind, 0)
            defer { close(fd) }
            if let from {
                let source = SocketAddress(from, 0)
                try #require(source.bind(fd))
            }
            let target = SocketAddress(address, port)
            target.connect(fd)
            if udp { guard send(fd, "x", 1, 0) == 1 else { return nil } }
            var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, milliseconds) == 1 else { return nil }
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = recv(fd, &buffer, 256, 0)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }
}

private struct SocketAddress {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    init(_ address: IPAddress, _ port: UInt16) {
        if address.family == .v4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address.bytes) }
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &storage) { to in withUnsafeBytes(of: &name) { to.copyMemory(from: $0) } }
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.bytes) }
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            withUnsafeMutableBytes(of: &storage) { to in withUnsafeBytes(of: &name) { to.copyMemory(from: $0) } }
        }
    }

    func bind(_ fd: Int32) -> Bool {
        var copy = storage
        let result = withUnsafePointer(to: &copy) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(fd, $0, length) }
        }
        return result == 0
    }

    /// Of a socket that does not wait.
    func connect(_ fd: Int32) {
        var copy = storage
        _ = withUnsafePointer(to: &copy) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(fd, $0, length) }
        }
    }

    /// Without the port; IPv4 as IPv4.
    static func text(_ storage: sockaddr_storage) -> String {
        withUnsafeBytes(of: storage) { bytes in
            if Int32(storage.ss_family) == AF_INET { return IPAddress(bytes: Array(bytes[4..<8]))!.description }
            let all = Array(bytes[8..<24])
            if all.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255] {
                return IPAddress(bytes: Array(all[12...]))!.description
            }
            return IPAddress(bytes: all)!.description
        }
    }
}
