import Glibc
package import APIModel
package import Basics

/// `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container.
///
/// Whatever goes into a line is checked first, so that no value can make a line of its own.
package struct HostFiles: Hashable, Sendable {
    package var hosts: String
    package var hostname: String
    package var resolver: String

    /// Where the name server of a container on networks with names is.
    static let nameServer = "127.0.0.11"

    /// - Parameters:
    ///   - hostname, domainname: the container's, checked; the latter may be empty.
    ///   - addresses: the container's own, in the order of its interfaces.
    ///   - nameServer: its programs ask the one that it has for itself.
    ///   - gateway: the host's address on the default network, for `host-gateway`.
    ///   - hostHosts, hostResolver: the host's own /etc/hosts and /etc/resolv.conf.
    package init(
        _ config: HostConfig, hostname: String, domainname: String, network: NamespaceModes.Network,
        addresses: [IPAddress] = [], nameServer: Bool = false, gateway: IPAddress? = nil, hostHosts: String,
        hostResolver: String
    ) throws(SpecError) {
        self.hostname = hostname + "\n"
        // On the host's network the host's names are as good as ever.
        var hosts =
            network == .host
            ? Self.lines(hostHosts).map { $0 + "\n" }.joined()
            : """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::\tip6-localnet
            ff00::\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        let names = domainname.isEmpty ? hostname : "\(hostname).\(domainname) \(hostname)"
        for address in addresses { hosts += Self.line(address, names) }
        // A container that is alone finds at least itself.
        if network.isOwn, addresses.isEmpty { hosts += "127.0.0.1\t\(names)\n" }
        for entry in try Self.extraHosts(config.extraHosts ?? [], gateway: gateway) {
            hosts += "\(entry.address)\t\(entry.name)\n"
        }
        self.hosts = hosts
        resolver = try Self.resolver(config, hostResolver, keepLoopback: network == .host, nameServer: nameServer)
    }

    /// What /etc/hosts says of an address of the container's.
    static func line(_ address: IPAddress, _ names: String) -> String { "\(address)\t\(names)\n" }

    /// `name:address` or `name=address`; the address may be in brackets.
    ///
    /// - Parameter gateway: what `host-gateway` stands for.
    static func extraHosts(_ entries: [String], gateway: IPAddress?) throws(SpecError)
        -> [(name: String, address: String)]
    {
        var result: [(name: String, address: String)] = []
        for entry in entries {
            guard let separator = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else {
                throw .invalid("bad format for add-host: \(entry.quoted)")
            }
            let name = String(entry[..<separator])
            var address = entry[entry.index(after: separator)...]
            if address == "host-gateway" {
                guard let gateway else {
                    throw .unsupported(
                        "--add-host \(name.quoted):host-gateway", "there is no network \(NetworkPlan.defaultNetwork)")
                }
                address = gateway.description[...]
            }
            if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
            guard isWord(name), name.utf8.count <= 255 else {
                throw .invalid("bad format for add-host: \(entry.quoted)")
            }
            guard isAddress(String(address)) else {
                throw .invalid("invalid IP address in add-host: \(String(address).quoted)")
            }
            result.append((name, String(address)))
        }
        return result
    }

    private static func resolver(_ config: HostConfig, _ host: String, keepLoopback: Bool, nameServer: Bool)
        throws(SpecError) -> String
    {
        for address in config.dns ?? [] where !isAddress(address) {
            throw .invalid("bad parameters: --dns \(address.quoted) is not an IP address")
        }
        for domain in config.dnsSearch ?? [] where !isWord(domain) {
            throw .invalid("bad parameters: --dns-search \(domain.quoted) is not a valid domain")
        }
        for option in config.dnsOptions ?? [] where !isWord(option) {
            throw .invalid("bad parameters: --dns-option \(option.quoted) is not an option")
        }
        var servers: [String] = []
        var search: [String] = []
        var options: [String] = []
        for line in lines(host) {
            let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
            guard words.count > 1, words.allSatisfy(isWord) else { continue }
            switch words[0] {
            // Inside the container loopback is another one, where nobody answers.
            case "nameserver":
                if isAddress(words[1]), keepLoopback || !isLoopback(words[1]) { servers.append(words[1]) }
            case "search", "domain": search = Array(words.dropFirst())
            case "options": options += words.dropFirst()
            default: break
            }
        }
        if let own = config.dns, !own.isEmpty { servers = own }
        if let own = config.dnsOptions, !own.isEmpty { options = own }
        // One dot alone is Docker's way to say: search nowhere.
        if let own = config.dnsSearch, !own.isEmpty { search = own == ["."] ? [] : own }
        if nameServer {
            servers = [Self.nameServer]
            // Names of containers have no dots; and a name with one may be a container's all the same.
            if !options.contains(where: { $0.hasPrefix("ndots:") }) { options.append("ndots:0") }
        }
        var text = servers.map { "nameserver \($0)\n" }.joined()
        if !search.isEmpty { text += "search \(search.joined(separator: " "))\n" }
        if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
        return text
    }

    /// Whom the name server of a container asks for what no container is called: those of `--dns`, else the host's.
    /// It asks as a process of the host, where the host's loopback addresses are as good as others.
    static func upstreams(_ config: HostConfig, hostResolver: String) -> [IPAddress] {
        if let own = config.dns, !own.isEmpty { return own.compactMap { IPAddress($0) } }
        return lines(hostResolver).compactMap { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            return words.count > 1 && words[0] == "nameserver" ? IPAddress(words[1]) : nil
        }
    }

    /// Whether all of the host's name servers are at its loopback addresses, where no container reaches them.
    static func needsHost(hostResolver: String) -> Bool {
        let servers = upstreams(HostConfig(), hostResolver: hostResolver)
        return !servers.isEmpty && servers.allSatisfy(\.isLoopback)
    }

    private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "#") }
    }

    private static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }

    /// IPv4 or IPv6, the latter with an interface after `%` or without.
    static func isAddress(_ text: String) -> Bool {
        var address = in6_addr()
        guard isWord(text) else { return false }
        if inet_pton(AF_INET, text, &address) == 1 { return true }
        let bare = String(text.prefix { $0 != "%" })
        return inet_pton(AF_INET6, bare, &address) == 1 && !text.hasSuffix("%")
    }
}
