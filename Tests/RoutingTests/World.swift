import Basics
import Database
import Deployment
import Glibc
import Kernel
import Netlink
import Networking
import Routing
import Synchronization
import Testing

let isRoot = getuid() == 0
let hostAddress = IPAddress("192.0.2.1")!
let loopback = IPAddress("127.0.0.1")!

/// A host of its own in a private network namespace, with the containers' networks as they are in earnest:
///
///     LAN (another host, 192.0.2.2) ---- lan0 (192.0.2.1) host ---- bridge ---- backends
final class World: Sendable {
    let networking: Networking
    let router: NFTRouter
    let lan: SharedDescriptor
    let host: SharedDescriptor
    let filter: NetlinkSocket
    let events = Condition<[RouterEvent]>([])
    private let servers = Mutex<[Server]>([])

    static let table = "box-tbox0-services"

    /// Runs `body` on the host.
    static func run(_ body: @escaping @Sendable (World) throws -> Void) throws {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            let directory = "/tmp/box-routing-\(Identifier().short)"
            try Sys.makeDirectories(directory, mode: 0o700)
            defer { try? Sys.removeTree(directory) }
            let world = try World(directory)
            try world.networking.start(running: [:])
            try world.router.start { [events = world.events] event in
                events.withLock { $0.append(event) }
                events.broadcast()
            }
            defer {
                world.router.close()
                world.networking.close()
            }
            try body(world)
        }
    }

    private init(_ directory: String) throws {
        let route = try NetlinkSocket(.route)
        filter = try NetlinkSocket(.netfilter)
        host = SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        lan = try NamespaceThread.run {
            try Namespaces.unshare(.network)
            return SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        }
        try route.perform(.change(link: "lo", LinkChange(isUp: true)))
        try route.perform(.createPair("lan0", LinkChange(isUp: true), peerName: "eth0", namespace: lan.raw))
        let link = try #require(try route.link("lan0"))
        try route.perform(.add(InterfaceAddress(link: link.index, address: hostAddress, prefix: 24)))
        let outside = try NetlinkSocket.open(.route, inNamespace: lan.raw)
        let eth0 = try #require(try outside.link("eth0"))
        try outside.perform([
            .change(link: 1, LinkChange(isUp: true)), .change(link: eth0.index, LinkChange(isUp: true)),
            .add(InterfaceAddress(link: eth0.index, address: IPAddress("192.0.2.2")!, prefix: 24)),
        ])
        networking = try Networking(
            NetworkingOptions(bridgeName: "tbox0", runDirectory: directory, preparedNamespaces: 0),
            database: try Database(path: "\(directory)/box.db", migrations: []), log: Logger("test", minimum: .error))
        router = try NFTRouter(table: Self.table, ports: networking, log: Logger("test", minimum: .error))
    }

    /// A container that answers what it is asked with its name.
    func backend(_ name: String, answering: Bool = true, network: String = "bridge") throws -> Backend {
        let attachment = try networking.attach(
            ContainerIdentity(id: Identifier().hex, name: name), [EndpointRequest(network: network)], ports: [])
        let endpoint = attachment.endpoints[0]
        let backend = Backend(
            name: name, address: network == "bridge" ? endpoint.v4! : endpoint.v6!, namespace: attachment.namespace)
        if answering {
            let server = try Server(backend.namespace, name: name)
            servers.withLock { $0.append(server) }
        }
        return backend
    }

    func inLAN<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        try within(lan, body)
    }
    func within<Value: Sendable>(_ namespace: SharedDescriptor, _ body: @escaping @Sendable () throws -> Value) throws
        -> Value
    {
        try NamespaceThread.run {
            try Namespaces.enter(namespace.raw, .network)
            return try body()
        }
    }
}

struct Backend: Sendable {
    let name: String
    let address: IPAddress
    let namespace: SharedDescriptor
    var member: RouterTable.Member { .init(instance: name, address: address.description) }
}

let web = RoutedPort(name: "http", port: 8080, target: 3000)
let dns = RoutedPort(name: "dns", transport: .udp, port: 5353, target: 3001)

/// One group for each share, in percent.
func route(_ groups: [(Double, [Backend])], ports: [RoutedPort] = [web, dns], service: String = "web") -> ServiceRoute {
    var table = RouterTable(service: service)
    for (index, group) in groups.enumerated() {
        table.groups.append(
            .init(revision: index + 1, share: .percent(group.0), members: group.1.map(\.member)))
    }
    return ServiceRoute(ports: ports, table: table)
}

// MARK: - Traffic

/// TCP on port 3000: each byte that comes is answered with the name and a line's end. UDP on port 3001: the same.
final class Server: Sendable {
    private let listener: Int32
    private let datagrams: Int32

    init(_ namespace: SharedDescriptor, name: String) throws {
        (listener, datagrams) = try NamespaceThread.run {
            try Namespaces.enter(namespace.raw, .network)
            let tcp = try Sys.listenTCP(port: 3000, backlog: 512).release()
            let udp = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            #expect(Address(.anyV4, 3001).call { bind(udp, $0, $1) } == 0)
            return (tcp, udp)
        }
        let (listener, datagrams) = (listener, datagrams)
        let reply = Array("\(name)\n".utf8)
        try Thread.start(name: "tcp") {
            while (try? Sys.poll(listener, for: .reading)) != nil {
                guard let accepted = try? Sys.accept(from: listener) else {
                    if fcntl(listener, F_GETFD) < 0 { return }
                    continue
                }
                let connection = accepted.release()
                try? Thread.start(name: "connection") {
                    defer { close(connection) }
                    var byte: UInt8 = 0
                    while (try? Sys.poll(connection, for: .reading)) == true, recv(connection, &byte, 1, 0) == 1 {
                        send(connection, reply, reply.count, Int32(MSG_NOSIGNAL))
                    }
                }
            }
        }
        try Thread.start(name: "udp") {
            var peer = sockaddr_storage()
            var byte: UInt8 = 0
            while true {
                var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                let isSent = withUnsafeMutablePointer(to: &peer) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        guard recvfrom(datagrams, &byte, 1, 0, $0, &length) > 0 else { return false }
                        sendto(datagrams, reply, reply.count, 0, $0, length)
                        return true
                    }
                }
                if !isSent { return }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        shutdown(datagrams, Int32(SHUT_RDWR))
        close(listener)
        close(datagrams)
    }
}

struct Address {
    private var name = sockaddr_in()
    init(_ address: IPAddress, _ port: UInt16) {
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address.bytes) }
    }
    func call(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}

/// A client's connection, or what became of it. In the network namespace of the thread.
final class Client: Sendable {
    enum Outcome: Equatable, Sendable { case open, refused, silent, failed(Int32) }
    let outcome: Outcome
    private let socket: Int32

    init(_ address: IPAddress, _ port: UInt16, milliseconds: Int32 = 5000) throws {
        (outcome, socket) = try Self.connect(address, port, milliseconds)
    }

    private static func connect(_ address: IPAddress, _ port: UInt16, _ milliseconds: Int32) throws -> (Outcome, Int32)
    {
        var raw: Int32 = -1
        do throws(SyscallError) {
            raw = try Sys.beginConnection(to: address.bytes, port: port).release()
            guard try Sys.poll(raw, for: .writing, timeout: milliseconds) else { return (.silent, raw) }
            guard let error = try Sys.connectionError(of: raw) else { return (.open, raw) }
            throw error
        } catch {
            return (error.errno == ECONNREFUSED ? .refused : .failed(error.errno), raw)
        }
    }

    deinit { if socket >= 0 { close(socket) } }

    var raw: Int32 { socket }

    /// The name of whoever answers; nil when nobody does.
    func ask(milliseconds: Int32 = 5000) -> String? {
        guard outcome == .open, send(socket, "x", 1, Int32(MSG_NOSIGNAL)) == 1,
            (try? Sys.poll(socket, for: .reading, timeout: milliseconds)) == true
        else { return nil }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(socket, &buffer, 64, 0)
        return count > 0 ? String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self) : nil
    }

    /// `errno` of a read after the other end went.
    func ending(milliseconds: Int32 = 2000) -> Int32? {
        guard (try? Sys.poll(socket, for: .reading, timeout: milliseconds)) == true else { return nil }
        return (try? Sys.connectionError(of: socket))?.errno
    }
}

/// Datagrams from one port.
final class DatagramClient: Sendable {
    private let socket: Int32
    init() { socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
    deinit { close(socket) }

    func ask(_ address: IPAddress, _ port: UInt16, milliseconds: Int32 = 1000) -> String? {
        let sent = Address(address, port).call { Int32(sendto(socket, "x", 1, 0, $0, $1)) }
        guard sent == 1, (try? Sys.poll(socket, for: .reading, timeout: milliseconds)) == true else { return nil }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(socket, &buffer, 64, 0)
        return count > 0 ? String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self) : nil
    }
}
