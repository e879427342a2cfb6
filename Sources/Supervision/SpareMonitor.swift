package import Kernel

/// How boxd gets a monitor without executing one: `box-runtime monitor --nursery` forks spare ones, each of which waits
/// for its container.
///
///     boxd                                   nursery
///     kind, a socket's end      ---------->  forks a spare monitor, with that as its connection
///     end of the connection     ---------->  ends
///
///     boxd                                   spare monitor
///     order [standard error, network] ---->  becomes the monitor of a container, as if executed with its arguments
///     end of the connection     ---------->  ends
package enum SpareMonitor {
    /// What a spare monitor has ready. One of either kind can have any container.
    package enum Kind: UInt8, Sendable {
        /// For a container whose network namespace comes with the order, or is somebody else's.
        case anyNetwork = 1
        /// For one with an empty network namespace of its own, which is made ahead.
        case emptyNetwork = 2
    }

    /// Asks the nursery for one. Does not wait for it: what is sent to the other end of `connection` waits.
    ///
    /// - Returns: false when the nursery has not kept up with what it was asked before.
    package static func request(_ nursery: Int32, _ kind: Kind, connection: Int32) throws(SyscallError) -> Bool {
        try Sys.send(nursery, [kind.rawValue], descriptors: [connection]) != nil
    }

    /// The nursery's side of it: waits for the next request; nil at the connection's end.
    package static func receiveRequest(_ connection: Int32) throws(SyscallError) -> Request? {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
        defer { space.deallocate() }
        while let (count, descriptors) = try Sys.receive(connection, into: space), count > 0 {
            var owned = descriptors[...]
            let connection = owned.popFirst().map { FileDescriptor(owning: $0) }
            for surplus in owned { _ = FileDescriptor(owning: surplus) }
            if let connection, let kind = Kind(rawValue: space[0]) { return Request(kind, connection) }
        }
        return nil
    }

    package struct Request: ~Copyable {
        package let kind: Kind
        /// The connection of the monitor that is wanted.
        package let connection: FileDescriptor

        init(_ kind: Kind, _ connection: consuming FileDescriptor) {
            self.kind = kind
            self.connection = connection
        }
        package consuming func takeConnection() -> FileDescriptor { connection }
    }

    /// The arguments of a monitor with its options, each with a NUL behind it.
    ///
    /// - Returns: nil when one of them holds a NUL, or all do not fit a packet.
    package static func order(_ options: MonitorOptions) -> [UInt8]? {
        var packet: [UInt8] = []
        for argument in options.arguments.dropFirst() {
            packet += argument.utf8
            packet.append(0)
        }
        let isWhole = packet.count(where: { $0 == 0 }) == options.arguments.count - 1
        return isWhole && packet.count <= MonitorChannel.maximumPacket ? packet : nil
    }

    /// - Returns: false when the other side does not take it.
    package static func send(
        _ order: [UInt8], to connection: Int32, standardError: Int32, network: Int32?
    ) throws(SyscallError) -> Bool {
        try Sys.send(connection, order, descriptors: [standardError] + (network.map { [$0] } ?? [])) != nil
    }

    /// Waits for the order; nil at the connection's end.
    package static func receiveOrder(_ connection: Int32) throws(SyscallError) -> Received? {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: MonitorChannel.maximumPacket, alignment: 16)
        defer { space.deallocate() }
        guard let (count, descriptors) = try Sys.receive(connection, into: space), count > 0 else { return nil }
        return Received([UInt8](space[..<count]), descriptors)
    }

    package static func arguments(_ order: ArraySlice<UInt8>) -> [String] {
        order.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    package struct Received: ~Copyable {
        /// As it was sent.
        package let packet: [UInt8]
        package let arguments: [String]
        package var standardError: FileDescriptor?
        package var network: FileDescriptor?
        /// The number of `network`.
        package let networkDescriptor: Int32?

        init(_ packet: [UInt8], _ descriptors: [Int32]) {
            self.packet = packet
            arguments = SpareMonitor.arguments(packet[...])
            var owned = descriptors[...]
            standardError = owned.popFirst().map { FileDescriptor(owning: $0) }
            networkDescriptor = owned.first
            network = owned.popFirst().map { FileDescriptor(owning: $0) }
            for surplus in owned { _ = FileDescriptor(owning: surplus) }
        }
    }
}
