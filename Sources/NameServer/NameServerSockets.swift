import Glibc
import Kernel
import Netlink

/// Where a container's questions arrive: 127.0.0.11, port 53, inside its network namespace.
///
/// The container may have a name server of its own, which listens on port 53 of all addresses. So these sockets have
/// a port that the kernel chose, and packets to and from port 53 of the address are changed on their way through the
/// loopback interface: by rules that look at nothing but these packets, and at no other interface.
package struct NameServerSockets {
    let datagrams: SharedDescriptor
    let listener: SharedDescriptor

    private static let address: [UInt8] = [127, 0, 0, 11]
    private static let port: UInt16 = 53
    private static let table = "box-names"

    /// In the network namespace of the calling thread, whose loopback interface must be up.
    package static func open() throws -> NameServerSockets {
        let sockets = try NameServerSockets(port: 0)
        if (try? sockets.redirect()) != nil { return sockets }
        // A kernel without nftables for interfaces: the port itself, if it is free.
        return try NameServerSockets(port: port)
    }

    private init(port: UInt16) throws(SyscallError) {
        datagrams = SharedDescriptor(try Sys.bindInternet(.datagram, Self.address, port: port))
        listener = SharedDescriptor(try Sys.bindInternet(.stream, Self.address, port: port, backlog: 64))
    }

    /// In another network namespace, which the calling thread leaves again.
    ///
    /// - Parameter namespace: its descriptor, or a pidfd of a process in it.
    package static func open(in namespace: Int32) throws -> NameServerSockets {
        let home = try Sys.open("/proc/thread-self/ns/net", O_RDONLY)
        try Namespaces.enter(namespace, .network)
        do {
            let sockets = try open()
            try Namespaces.enter(home.raw, .network)
            return sockets
        } catch {
            // Whoever cannot return must not go on in the container's network: that is the worse failure.
            try Namespaces.enter(home.raw, .network)
            throw error
        }
    }

    /// Both ways, without a memory of connections, which would cost all of the container's packets.
    private func redirect() throws(NetlinkError) {
        let netlink = try NetlinkSocket(.netfilter)
        let chain = "loopback"
        var change = NFTTransaction(table: Self.table, family: .netdev)
        change.createTable()
        change.createChain(chain, .init(.filter, .ingress, priority: 0, device: "lo"))
        change.flushChain(chain)
        // UDP and TCP, with the places of their checksums.
        for (transport, checksum, socket) in [(UInt8(17), UInt32(6), datagrams.raw), (6, 16, listener.raw)] {
            let chosen: UInt16
            do throws(SyscallError) { chosen = try Sys.localPort(socket) } catch {
                throw NetlinkError(error.description, errno: error.errno)
            }
            change.addRule(
                chain, Self.rewrite(transport, addressAt: 16, portAt: 2, from: Self.port, to: chosen, checksum))
            change.addRule(
                chain, Self.rewrite(transport, addressAt: 12, portAt: 0, from: chosen, to: Self.port, checksum))
        }
        try netlink.commit(change)
    }

    private static func rewrite(
        _ transport: UInt8, addressAt address: UInt32, portAt port: UInt32, from: UInt16, to: UInt16,
        _ checksum: UInt32
    ) -> [NFTExpression] {
        func bytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
        let register = NFTRegister(0)
        return [
            // ETH_P_IP
            .meta(.link, to: register), .compare(.equal, register, [0x08, 0x00]),
            .payload(.network, offset: address, length: 4, to: register),
            .compare(.equal, register, Self.address),
            .meta(.transport, to: register), .compare(.equal, register, [transport]),
            .payload(.transport, offset: port, length: 2, to: register), .compare(.equal, register, bytes(from)),
            .immediate(bytes(to), to: register),
            .setTransport(offset: port, length: 2, from: register, checksum: checksum),
        ]
    }
}
