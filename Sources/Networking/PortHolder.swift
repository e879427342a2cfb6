import Basics
import Glibc
import Kernel
import Synchronization

/// Sockets on the published ports of the host, so that other programs find them taken.
///
/// Packets never reach them: the kernel sends them on to the container before it looks for a socket. A socket that
/// listens also throws away whatever does reach it, without an answer, so that a client tries again instead of
/// being refused while rules are being repaired. They go with the daemon and are made again when it starts; what
/// flows to containers does not depend on them.
final class PortHolder: Sendable {
    private struct Key: Hashable {
        let transport: Transport
        let address: IPAddress
        let port: UInt16
    }
    private let sockets = Mutex<[Key: SharedDescriptor]>([:])
    /// Those that were given back. A process that is being made has a copy of each socket until it executes its program,
    /// so for a moment the port may look taken.
    private let released = Mutex<Set<Key>>([])
    private let keeps: Bool

    init(keeps: Bool) { self.keeps = keeps }

    /// Throws when a program of the host has the port.
    func hold(_ transport: Transport, _ address: IPAddress, _ port: UInt16) throws {
        // The kernel's SCTP is a module that few have: it is published without a look.
        guard transport != .sctp else { return }
        let key = Key(transport: transport, address: address, port: port)
        if sockets.withLock({ $0[key] }) != nil { return }
        do throws(SyscallError) {
            let socket = SharedDescriptor(try open(key))
            if keeps { sockets.withLock { $0[key] = socket } }
        } catch {
            let text = address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
            switch error.errno {
            case EADDRINUSE:
                let holder = PortOwner.find(transport, port).map { " by \($0)" } ?? ""
                throw NetworkingError.conflict(
                    "failed to bind host port \(text)/\(transport): address already in use\(holder)")
            case EADDRNOTAVAIL:
                throw NetworkingError.invalid(
                    "failed to bind host port \(text)/\(transport): the host has no address \(address)")
            default: throw error
            }
        }
    }

    private func open(_ key: Key) throws(SyscallError) -> FileDescriptor {
        let mayWait = released.withLock { $0.contains(key) }
        for _ in 0..<4 where mayWait {
            do { return try Sys.holdPort(key.address.bytes, key.port, isStream: key.transport == .tcp) } catch {
                guard error.errno == EADDRINUSE else { throw error }
                Clock.sleep(nanoseconds: 5_000_000)
            }
        }
        return try Sys.holdPort(key.address.bytes, key.port, isStream: key.transport == .tcp)
    }

    func release(_ transport: Transport, _ address: IPAddress, _ port: UInt16) {
        let key = Key(transport: transport, address: address, port: port)
        let had = sockets.withLock { $0.removeValue(forKey: key) }
        if had != nil { released.withLock { _ = $0.insert(key) } }
    }

    func releaseAll() { sockets.withLock { $0 = [:] } }
}

/// Which program has a port of the host.
enum PortOwner {
    /// `nginx (pid 42)`; nil when it cannot be told.
    static func find(_ transport: Transport, _ port: UInt16) -> String? {
        let tables = transport == .tcp ? ["tcp", "tcp6"] : ["udp", "udp6"]
        for table in tables {
            guard let text = try? Sys.readText("/proc/thread-self/net/\(table)") else { continue }
            for line in text.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                // sl, local_address:port, rem_address, st, …, inode; 0A: listening.
                guard fields.count > 9, let colon = fields[1].lastIndex(of: ":"),
                    UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port,
                    transport != .tcp || fields[3] == "0A", let owner = process(withSocket: fields[9])
                else { continue }
                return owner
            }
        }
        return nil
    }

    private static func process(withSocket inode: Substring) -> String? {
        let link = "socket:[\(inode)]"
        for entry in (try? Sys.list("/proc")) ?? [] {
            guard let pid = Int32(entry.name) else { continue }
            for descriptor in (try? Sys.list("/proc/\(pid)/fd")) ?? [] {
                guard (try? Sys.readlink("/proc/\(pid)/fd/\(descriptor.name)")) == link else { continue }
                let name = ((try? Sys.readText("/proc/\(pid)/comm")) ?? "").prefix { $0 != "\n" }
                return "\(name) (pid \(pid))"
            }
        }
        return nil
    }
}
