import APIModel

/// `port`.
package enum PortCommand {
    static let spec = CommandSpec(
        "port", aliases: ["container port"], usage: "CONTAINER [PRIVATE_PORT[/PROTO]]", operands: 1...2,
        "List port mappings or a specific mapping for the container",
        run: { call in
            let name = call.arguments.operands[0]
            let wanted = call.arguments.operands.dropFirst().first
            let container = try call.client.get(Path.container(name, "json"))
            for line in try lines(container["NetworkSettings"]["Ports"], of: name, only: wanted) {
                try Output.line(Escaping.visible(line))
            }
            return 0
        })

    /// `80/tcp -> 0.0.0.0:8080`; of one port, given as `80` or `80/udp`, what stands behind the arrow.
    package static func lines(_ ports: JSONValue, of container: String, only wanted: String?) throws(CommandError)
        -> [String]
    {
        guard let wanted else {
            return ports.members.flatMap { port in addresses(port.value).map { "\(port.key) -> \($0)" } }.sorted(
                by: NaturalOrder.isLess)
        }
        let parts = wanted.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard UInt16(parts[0]) != nil else { throw CommandError("invalid port (\(parts[0]))") }
        let proto = parts.count == 2 && !parts[1].isEmpty ? parts[1] : "tcp"
        let found = addresses(ports["\(parts[0])/\(proto)"])
        if found.isEmpty { throw CommandError("No public port '\(wanted)' published for \(container)") }
        return found.sorted(by: NaturalOrder.isLess)
    }

    private static func addresses(_ bindings: JSONValue) -> [String] {
        bindings.array.map { PortText.joined($0["HostIp"].text, $0["HostPort"].text) }
    }
}

/// The ports of a container as `ps` shows them.
package enum PortText {
    /// `0.0.0.0:80`, `[::]:80`.
    static func joined(_ ip: String, _ port: String) -> String {
        ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }

    private struct Port {
        let ip: String
        let inside: Int64
        let outside: Int64
        let proto: String

        /// Ports of one kind are shown as a range when they follow each other.
        var kind: Kind { Kind(ip: ip, proto: proto, distance: ip.isEmpty ? 0 : outside - inside) }
    }
    private struct Kind: Hashable {
        let ip: String
        let proto: String
        let distance: Int64
    }
    private struct Range {
        let kind: Kind
        let first: Int64
        var last: Int64

        var text: String {
            func span(_ from: Int64, _ to: Int64) -> String { from == to ? "\(from)" : "\(from)-\(to)" }
            let inside = "\(span(first, last))/\(kind.proto)"
            if kind.ip.isEmpty { return inside }
            return "\(joined(kind.ip, span(first + kind.distance, last + kind.distance)))->\(inside)"
        }
    }

    /// `5432/tcp, 0.0.0.0:8000-8002->80-82/tcp`. The order is Docker's: by the container's port, first those that have
    /// the same number outside or none, then the others. Docker shows every port of the latter alone, without ranges.
    package static func summary(_ ports: [JSONValue]) -> String {
        let sorted = ports.map {
            Port(
                ip: $0["IP"].text, inside: $0["PrivatePort"].integer ?? 0, outside: $0["PublicPort"].integer ?? 0,
                proto: $0["Type"].text)
        }.sorted { ($0.inside, $0.ip, $0.outside, $0.proto) < ($1.inside, $1.ip, $1.outside, $1.proto) }
        var closed: [String] = []
        var open: [Range] = []
        for port in sorted where port.kind.distance == 0 {
            guard let index = open.firstIndex(where: { $0.kind == port.kind }) else {
                open.append(Range(kind: port.kind, first: port.inside, last: port.inside))
                continue
            }
            if port.inside > open[index].last + 1 {
                closed.append(open[index].text)
                open[index] = Range(kind: port.kind, first: port.inside, last: port.inside)
            }
            open[index].last = port.inside
        }
        var moved: [Range] = []
        for port in sorted where port.kind.distance != 0 {
            if let index = moved.lastIndex(where: { $0.kind == port.kind }), port.inside <= moved[index].last + 1 {
                moved[index].last = port.inside
            } else {
                moved.append(Range(kind: port.kind, first: port.inside, last: port.inside))
            }
        }
        return (closed + (open + moved).map(\.text)).joined(separator: ", ")
    }
}
