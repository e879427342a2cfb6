package import Basics
import Database
import Kernel
import Netlink
import Synchronization

/// Ports of the host that lead into containers.
extension Networking {
    /// Of all containers, by number. Blocks.
    package func publishedPorts() throws -> [PublishedPort] { try database.read { try PortRows.all($0) } }

    /// Publishes ports of an endpoint: all of them, or none when it throws.
    func publish(
        _ requests: [PortRequest], _ container: ContainerIdentity, _ endpoint: Endpoint, _ network: StoredNetwork
    ) throws -> [PublishedPort] {
        guard !requests.isEmpty else { return [] }
        return try rules.withLock { rules in
            var chosen: [PublishedPort] = []
            do {
                for request in requests {
                    chosen += try choose(request, container, endpoint, network, chosen, &rules)
                }
                let ports = chosen
                try database.transaction { db in for port in ports { try PortRows.insert(port, db) } }
                if try !filter.commit(rules.ruleset.publish(ports), unless: { _ in true }) {
                    // Somebody took the table away, or put something into it: the database knows what belongs there.
                    try rebuild(&rules)
                }
            } catch {
                for port in chosen { holder.release(port.transport, port.hostAddress, port.hostPort) }
                try? database.transaction { try PortRows.delete(container: container.id, $0) }
                throw error
            }
            return chosen
        }
    }

    func unpublish(container id: String) throws {
        try rules.withLock { rules in
            let ports = try database.read { try PortRows.ofContainer(id, $0) }
            guard !ports.isEmpty else { return }
            try database.transaction { try PortRows.delete(container: id, $0) }
            for port in ports { holder.release(port.transport, port.hostAddress, port.hostPort) }
            if try !filter.commit(rules.ruleset.unpublish(ports), unless: { _ in true }) { try rebuild(&rules) }
        }
    }

    /// The port of the host for one request, held, at each address it is to be had at.
    private func choose(
        _ request: PortRequest, _ container: ContainerIdentity, _ endpoint: Endpoint, _ network: StoredNetwork,
        _ taken: [PublishedPort], _ rules: inout Rules
    ) throws -> [PublishedPort] {
        let places = try places(request, endpoint, network)
        func ports(_ number: UInt16) -> [PublishedPort] {
            places.map { place in
                PublishedPort(
                    transport: request.transport, hostAddress: place.host, hostPort: number, target: place.target,
                    port: request.port, container: container.id, containerName: container.name)
            }
        }
        if let range = request.hostPorts {
            var failure: (any Error)?
            for number in range {
                let wanted = ports(number)
                do {
                    try hold(wanted, taken, rules)
                    return wanted
                } catch let error as NetworkingError {
                    // The first one is what the user thinks of.
                    failure = failure ?? error
                }
            }
            if range.count > 1 {
                throw NetworkingError.conflict(
                    "no free host port among \(range.lowerBound)-\(range.upperBound)/\(request.transport): \(failure.map { "\($0)" } ?? "")"
                )
            }
            throw failure ?? NetworkingError.failed("no host port was tried")
        }
        let range = Self.ephemeralPorts()
        var number = range.contains(rules.lastPort) ? rules.lastPort : range.upperBound
        for _ in range {
            number = number == range.upperBound ? range.lowerBound : number + 1
            let wanted = ports(number)
            do {
                try hold(wanted, taken, rules)
                rules.lastPort = number
                return wanted
            } catch NetworkingError.conflict { continue }
        }
        throw NetworkingError.conflict(
            "all host ports of \(range.lowerBound)-\(range.upperBound)/\(request.transport) are taken")
    }

    /// `net.ipv4.ip_local_port_range`, where Docker takes random ports from.
    private static func ephemeralPorts() -> ClosedRange<UInt16> {
        let text = (try? Sys.readText("/proc/sys/net/ipv4/ip_local_port_range")) ?? ""
        let ends = text.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
        guard ends.count == 2, ends[0] > 0, ends[0] <= ends[1] else { return 32768...60999 }
        return ends[0]...ends[1]
    }

    /// The addresses of the host that a port is to be had at, and the container's behind each.
    private func places(_ request: PortRequest, _ endpoint: Endpoint, _ network: StoredNetwork) throws(NetworkingError)
        -> [(host: IPAddress, target: IPAddress)]
    {
        let given = request.address ?? network.publishAddress
        if let given {
            if given.family == .v6, given.isLoopback {
                // The kernel routes nothing that comes from ::1, where for IPv4 it can be told to.
                throw .unsupported(
                    "ports cannot be published at ::1: publish at 127.0.0.1, or at an address of the host's")
            }
            guard let target = given.family == .v4 ? endpoint.v4 : endpoint.v6 else {
                throw .invalid(
                    "port \(request.port)/\(request.transport) cannot be published at \(given): the container has no IPv\(given.family.rawValue) address in network \(network.name)"
                )
            }
            return [(given, target)]
        }
        var places: [(host: IPAddress, target: IPAddress)] = []
        if let v4 = endpoint.v4 { places.append((options.publishAddress, v4)) }
        if let v6 = endpoint.v6, options.publishAddress.isAny { places.append((.anyV6, v6)) }
        return places
    }

    /// Takes the ports, all or none.
    private func hold(_ ports: [PublishedPort], _ taken: [PublishedPort], _ rules: Rules) throws {
        var held: [PublishedPort] = []
        do {
            for port in ports {
                let own = taken.first {
                    HeldPort(transport: $0.transport, address: $0.hostAddress, port: $0.hostPort, owner: "")
                        .blocks(port.transport, port.hostAddress, port.hostPort)
                }
                try hold(port.transport, port.hostAddress, port.hostPort, own?.owner, rules)
                held.append(port)
            }
        } catch {
            for port in held { holder.release(port.transport, port.hostAddress, port.hostPort) }
            throw error
        }
    }

    private func hold(
        _ transport: Transport, _ address: IPAddress, _ port: UInt16, _ known: String?, _ rules: Rules
    ) throws {
        let other =
            try known ?? database.read { try PortRows.holder(transport, address, port, $0) }?.owner
            ?? rules.held.first { $0.blocks(transport, address, port) }?.owner
        if let other {
            let text = address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
            throw NetworkingError.conflict("Bind for \(text) failed: port is already allocated to \(other)")
        }
        try holder.hold(transport, address, port)
    }

    /// Keeps a port of the host for somebody who is no container, and leads it elsewhere: nobody else gets it. It is
    /// forgotten with the daemon.
    ///
    /// - Parameter owner: as who wants the port too is to hear it, `service "web"`.
    package func hold(_ transport: Transport, _ address: IPAddress, _ port: UInt16, for owner: String) throws {
        try rules.withLock { rules in
            let wanted = HeldPort(transport: transport, address: address, port: port, owner: owner)
            if rules.held.contains(wanted) { return }
            try hold(transport, address, port, nil, rules)
            rules.held.append(wanted)
        }
    }

    /// Gives back what `hold` took. Fine when it was not held.
    package func release(_ transport: Transport, _ address: IPAddress, _ port: UInt16, for owner: String) {
        rules.withLock { rules in
            let held = HeldPort(transport: transport, address: address, port: port, owner: owner)
            guard let index = rules.held.firstIndex(of: held) else { return }
            rules.held.remove(at: index)
            holder.release(transport, address, port)
        }
    }
}

extension PortRequest {
    /// The same port of the host once more.
    init(again port: PublishedPort) {
        // Those at both families' own are one request.
        self.init(
            port: port.port, transport: port.transport, address: port.hostAddress.isAny ? nil : port.hostAddress,
            hostPorts: port.hostPort...port.hostPort)
    }
}
