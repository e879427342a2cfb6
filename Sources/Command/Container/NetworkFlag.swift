import APIModel
import Basics

/// `--network NAME` and `--network name=NAME,alias=…,ip=…,ip6=…,mac-address=…`.
struct NetworkFlag {
    var name: String
    var aliases: [String] = []
    var ip = ""
    var ip6 = ""
    var mac = ""

    init(name: String) { self.name = name }

    init(parsing text: String) throws(CommandError) {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--network\" flag: \(reason)")
        }
        self.init(name: text)
        guard text.contains("=") else {
            if text.isEmpty { throw invalid("no name is given") }
            return
        }
        name = ""
        for field in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty else { throw invalid("invalid field \(field)") }
            let value = pair[1].trimmed
            switch pair[0].trimmed.lowercased() {
            case "name": name = value
            case "alias": aliases.append(value)
            case "ip": ip = value
            case "ip6": ip6 = value
            case "mac-address": mac = value
            case "driver-opt", "gw-priority", "link-local-ip": throw invalid("\(pair[0]) is not supported yet")
            case let key: throw invalid("invalid field key \(key)")
            }
        }
        if name.isEmpty { throw invalid("network name/id is not specified") }
    }

    /// Whether it is one that `network create` made, and not a mode.
    var isUserDefined: Bool {
        !["default", "bridge", "host", "none"].contains(name) && !name.hasPrefix("container:")
    }

    /// The first network and what is wanted of each, by name. One that nothing is wanted of is there as well, as long
    /// as it is more than a mode.
    static func endpoints(_ arguments: ParsedArguments) throws(CommandError) -> (
        mode: String, endpoints: [String: EndpointSettings]
    ) {
        var networks: [NetworkFlag] = []
        for text in arguments.list("network") { networks.append(try NetworkFlag(parsing: text)) }
        if networks.isEmpty { networks = [NetworkFlag(name: "default")] }
        // Options that stand alone are for the first network.
        try networks[0].take(arguments)
        let isUserDefined = networks[0].isUserDefined
        if networks.contains(where: { $0.isUserDefined != isUserDefined }) {
            throw .usage(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes")
        }
        let mode = networks[0].name
        let first = try networks[0].endpoint()
        // By far the most: a mode alone.
        if networks.count == 1, !isUserDefined, first == EndpointSettings() { return (mode, [:]) }
        var endpoints = [mode: first]
        for network in networks.dropFirst() {
            if endpoints[network.name] != nil {
                throw .usage("network \"\(network.name)\" is specified multiple times")
            }
            endpoints[network.name] = try network.endpoint()
        }
        if networks.count > 1, !isUserDefined {
            throw .usage("--network \(mode) cannot be combined with other networks")
        }
        return (mode, endpoints)
    }

    private mutating func take(_ arguments: ParsedArguments) throws(CommandError) {
        func one(_ option: String, _ own: inout String, _ what: String) throws(CommandError) {
            guard let value = arguments.optionalText(option)?.trimmed, !value.isEmpty else { return }
            if !own.isEmpty {
                throw .usage("conflicting options: cannot specify both --\(option) and per-network \(what)")
            }
            own = value
        }
        let given = arguments.list("network-alias")
        if !given.isEmpty, !aliases.isEmpty {
            throw .usage("conflicting options: cannot specify both --network-alias and per-network alias")
        }
        aliases += given
        try one("ip", &ip, "IPv4 address")
        try one("ip6", &ip6, "IPv6 address")
        try one("mac-address", &mac, "MAC address")
    }

    private func endpoint() throws(CommandError) -> EndpointSettings {
        if !aliases.isEmpty, !isUserDefined {
            throw .usage("network-scoped aliases are only supported for user-defined networks")
        }
        if !mac.isEmpty, MACAddress(mac) == nil { throw .usage("\(mac) is not a valid mac address") }
        return EndpointSettings(
            ipamConfig: try Self.addresses(ip: ip, ip6: ip6), aliases: aliases.isEmpty ? nil : aliases, macAddress: mac)
    }

    /// nil when none is wanted.
    static func addresses(ip: String, ip6: String) throws(CommandError) -> EndpointIPAMConfig? {
        if !ip.isEmpty, IPAddress(ip)?.family != .v4 { throw .usage("--ip: \(ip) is not an IPv4 address") }
        if !ip6.isEmpty, IPAddress(ip6)?.family != .v6 { throw .usage("--ip6: \(ip6) is not an IPv6 address") }
        if ip.isEmpty, ip6.isEmpty { return nil }
        return EndpointIPAMConfig(ipv4Address: ip.isEmpty ? nil : ip, ipv6Address: ip6.isEmpty ? nil : ip6)
    }
}

/// `--add-host NAME:ADDRESS` or `NAME=ADDRESS`; `host-gateway` is the host itself.
enum HostEntryFlag {
    /// As the API has it: `NAME:ADDRESS`, without brackets.
    static func parse(_ text: String) throws(CommandError) -> String {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--add-host\" flag: \(reason)")
        }
        guard let separator = text.firstIndex(of: "=") ?? text.firstIndex(of: ":") else {
            throw invalid("it must be HOST:IP")
        }
        let name = text[..<separator]
        var address = text[text.index(after: separator)...]
        if name.isEmpty || name.contains(":") { throw invalid("it must be HOST:IP") }
        if address == "host-gateway" { return "\(name):host-gateway" }
        if address.count > 2, address.hasPrefix("["), address.hasSuffix("]") {
            address = address.dropFirst().dropLast()
        }
        guard IPAddress(address) != nil else { throw invalid("\"\(address)\" is neither an address nor host-gateway") }
        return "\(name):\(address)"
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
