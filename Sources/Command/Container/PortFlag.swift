import APIModel

/// `--expose PORT[-PORT][/PROTO]` and `-p [[IP:]HOSTPORT:]PORT[-PORT][/PROTO]`.
enum PortFlag {
    /// The ports of one option, as the API names them: `80/tcp`.
    static func expose(_ text: String) throws(CommandError) -> [String] {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--expose\" flag: \(reason)")
        }
        if text.contains(":") { throw invalid("it must be PORT[-PORT][/PROTO]") }
        let (ports, proto) = try split(text, invalid)
        guard let range = range(ports) else { throw invalid("a port is a number from 1 to 65535, or a range of them") }
        return range.map { "\($0)/\(proto)" }
    }

    /// The bindings of one option, in order.
    static func publish(_ text: String) throws(CommandError) -> [(port: String, binding: PortBinding)] {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"-p, --publish\" flag: \(reason)")
        }
        let (address, proto) = try split(text, invalid)
        var rest = Substring(address)
        guard let inside = range(takeLast(&rest)) else {
            throw invalid("the container's port is no port or range of ports")
        }
        let hostText = rest.isEmpty ? "" : takeLast(&rest)
        var ip = String(rest)
        if ip.hasPrefix("["), ip.hasSuffix("]") { ip = String(ip.dropFirst().dropLast()) }
        if hostText.isEmpty {
            return inside.map { ("\($0)/\(proto)", PortBinding(hostIP: ip, hostPort: "")) }
        }
        guard let outside = range(hostText) else { throw invalid("the host's port is no port or range of ports") }
        if inside.count == outside.count {
            return zip(inside, outside).map { ("\($0)/\(proto)", PortBinding(hostIP: ip, hostPort: "\($1)")) }
        }
        // One port of the container may take any free one of a range.
        guard inside.count == 1 else { throw invalid("the ranges are of different lengths") }
        return [("\(inside.lowerBound)/\(proto)", PortBinding(hostIP: ip, hostPort: hostText))]
    }

    private static func takeLast(_ rest: inout Substring) -> String {
        guard let colon = rest.lastIndex(of: ":") else {
            defer { rest = "" }
            return String(rest)
        }
        defer { rest = rest[..<colon] }
        return String(rest[rest.index(after: colon)...])
    }

    private static func split(_ text: String, _ invalid: (String) -> CommandError) throws(CommandError) -> (
        String, String
    ) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let ports = parts.first else { throw invalid("it must be PORT[-PORT][/PROTO]") }
        let proto = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw invalid("unknown protocol \"\(proto)\"") }
        return (String(ports), proto)
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first > 0,
            first <= last
        else { return nil }
        return first...last
    }
}
