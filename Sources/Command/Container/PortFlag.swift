import APIModel
import Basics

/// `--expose PORT[-PORT][/PROTO]` and `-p [[IP:]HOSTPORT:]PORT[-PORT][/PROTO]`: Docker's forms, as go-connections'
/// `nat.ParsePortSpec` reads them.
enum PortFlag {
    /// The ports of one option, as the API names them: `80/tcp`.
    static func expose(_ text: String) throws(CommandError) -> [String] {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--expose\" flag: \(reason)")
        }
        if text.contains(":") { throw invalid("it must be PORT[-PORT][/PROTO]") }
        let (ports, proto) = try split(text, invalid)
        guard let range = range(ports), range.lowerBound > 0 else {
            throw invalid("a port is a number from 1 to 65535, or a range of them")
        }
        return range.map { "\($0)/\(proto)" }
    }

    /// The bindings of one option, in order.
    static func publish(_ text: String) throws(CommandError) -> [(port: String, binding: PortBinding)] {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"-p, --publish\" flag: \(reason)")
        }
        let (ports, proto) = try split(text.contains("=") ? try longForm(text, invalid) : text, invalid)
        var rest = Substring(ports)
        let insideText = takeLast(&rest)
        if insideText.isEmpty { throw invalid("no port specified") }
        guard let inside = range(insideText), inside.lowerBound > 0 else {
            throw invalid("invalid containerPort: \(insideText)")
        }
        let hostText = takeLast(&rest)
        let ip = try address(of: rest, invalid)
        if hostText.isEmpty { return inside.map { ("\($0)/\(proto)", PortBinding(hostIP: ip)) } }
        guard let outside = range(hostText) else { throw invalid("invalid hostPort: \(hostText)") }
        if inside.count == outside.count {
            return zip(inside, outside).map { ("\($0)/\(proto)", PortBinding(hostIP: ip, hostPort: "\($1)")) }
        }
        // One port of the container may take any free one of a range.
        guard inside.count == 1 else {
            throw invalid("invalid ranges specified for container and host Ports: \(insideText) and \(hostText)")
        }
        return [("\(inside.lowerBound)/\(proto)", PortBinding(hostIP: ip, hostPort: hostText))]
    }

    /// `published=8080,target=80,protocol=udp` in the short form.
    private static func longForm(_ text: String, _ invalid: (String) -> CommandError) throws(CommandError) -> String {
        var fields: [Substring: Substring] = [:]
        for field in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[1].isEmpty else {
                throw invalid("invalid publish opts format (should be name=value but got '\(field)')")
            }
            guard ["published", "target", "protocol"].contains(pair[0]) else {
                throw invalid("\"\(pair[0])\" is not one of published, target and protocol")
            }
            fields[pair[0]] = pair[1]
        }
        guard let target = fields["target"] else { throw invalid("no target is given, the container's port") }
        return "\(fields["published"] ?? ""):\(target)/\(fields["protocol"] ?? "tcp")"
    }

    /// What stands before the two ports: nothing, or an address of the host, IPv6 in brackets or not.
    private static func address(of text: Substring, _ invalid: (String) -> CommandError) throws(CommandError) -> String
    {
        if text.isEmpty { return "" }
        var bare = text
        if bare.hasPrefix("["), bare.hasSuffix("]"), bare.contains(":") { bare = bare.dropFirst().dropLast() }
        guard IPAddress(bare) != nil else { throw invalid("invalid IP address: \(text)") }
        return String(bare)
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
        let proto = parts.count == 2 && !parts[1].isEmpty ? parts[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw invalid("invalid proto: \(proto)") }
        return (String(ports), proto)
    }

    /// 0 on the host means any free port.
    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part -> UInt16? in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(part) : nil
        }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last else {
            return nil
        }
        return first...last
    }
}
