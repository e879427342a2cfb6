import APIModel
import Basics
import HTTP

/// `network create`.
enum NetworkCreateCommand {
    static let spec = CommandSpec(
        "network create", usage: "NETWORK", operands: 1...1, "Create a network",
        flags: {
            [
                .bool("attachable", nil, "Let containers be attached by hand"),
                .many("aux-address", nil, "map", "Addresses that no container may get: NAME=ADDRESS"),
                .one("driver", "d", "string", default: "bridge", "The network's driver"),
                .many("gateway", nil, "strings", "The host's address in a subnet"),
                .bool("internal", nil, "No way into the network from outside, and none out of it"),
                .many("ip-range", nil, "strings", "Give containers addresses of this part of a subnet"),
                .one("ipam-driver", nil, "string", default: "default", "What gives addresses"),
                .many("ipam-opt", nil, "map", "Set an option of the IPAM driver"),
                .bool("ipv4", nil, default: true, "Give IPv4 addresses"),
                .bool("ipv6", nil, "Give IPv6 addresses"),
                .many("label", nil, "list", "Set a label"),
                .many("opt", "o", "map", "Set an option of the driver"),
                .many("subnet", nil, "strings", "A subnet of the network, as in 10.1.0.0/24"),
                .refused("config-from", nil, "give the options themselves"),
                .refused("config-only", nil, takesValue: false, "give the options themselves"),
                .refused("ingress", nil, takesValue: false, "it is for clusters"),
                .refused("scope", nil, "networks are of this host"),
            ]
        },
        run: { call in
            let body = try JSONValue(encoding: try request(call.arguments))
            let answer = try call.client.value(.post, "/networks/create", body: body)
            if !answer["Warning"].text.isEmpty {
                Output.complain("WARNING: " + Escaping.visible(answer["Warning"].text))
            }
            try Output.line(Escaping.visible(answer["Id"].text))
            return 0
        })

    static func request(_ arguments: ParsedArguments) throws(CommandError) -> NetworkCreateRequest {
        var request = NetworkCreateRequest(
            name: arguments.operands[0], driver: arguments.optionalText("driver") ?? "bridge",
            isInternal: arguments.bool("internal"), attachable: arguments.bool("attachable"),
            options: pairs(arguments.list("opt")),
            labels: try KeyValueFile.labels(files: [], options: arguments.list("label")))
        if arguments.isSet("ipv4") { request.enableIPv4 = arguments.bool("ipv4") }
        if arguments.isSet("ipv6") { request.enableIPv6 = arguments.bool("ipv6") }
        request.ipam = IPAM(
            driver: arguments.optionalText("ipam-driver") ?? "default", options: pairs(arguments.list("ipam-opt")),
            config: try pools(arguments))
        return request
    }

    /// `NAME=VALUE`; a name alone has an empty value.
    private static func pairs(_ options: [String]) -> [String: String] {
        var result: [String: String] = [:]
        for option in options {
            let name = option.prefix { $0 != "=" }
            result[String(name)] = String(option.dropFirst(name.count + 1))
        }
        return result
    }

    /// Each subnet with the range, the gateway and the reserved addresses that lie in it.
    private static func pools(_ arguments: ParsedArguments) throws(CommandError) -> [IPAMPool] {
        let texts = arguments.words("subnet")
        let ranges = arguments.words("ip-range")
        let gateways = arguments.words("gateway")
        guard ranges.count <= texts.count, gateways.count <= texts.count else {
            throw CommandError("every ip-range or gateway must have a corresponding subnet")
        }
        var subnets: [Subnet] = []
        var pools: [IPAMPool] = []
        for text in texts {
            guard let subnet = Subnet(text) else {
                throw CommandError("invalid subnet \"\(text)\": it must be ADDRESS/BITS, as in 10.1.0.0/24")
            }
            if subnets.contains(where: { $0.overlaps(subnet) }) {
                throw CommandError("multiple overlapping subnet configuration is not supported")
            }
            subnets.append(subnet)
            pools.append(IPAMPool(subnet: text))
        }
        for text in ranges {
            guard let range = Subnet(text) else {
                throw CommandError("invalid ip-range \"\(text)\": it must be ADDRESS/BITS, as in 10.1.0.128/25")
            }
            guard let index = subnets.firstIndex(where: { $0.contains(range) }) else {
                throw CommandError("no matching subnet for range \(text)")
            }
            if let other = pools[index].ipRange {
                throw CommandError(
                    "cannot configure multiple ranges (\(text), \(other)) on the same subnet (\(texts[index]))")
            }
            pools[index].ipRange = text
        }
        for text in gateways {
            let index = try place(of: text, "gateway", subnets)
            if let other = pools[index].gateway {
                throw CommandError(
                    "cannot configure multiple gateways (\(text), \(other)) for the same subnet (\(texts[index]))")
            }
            pools[index].gateway = text
        }
        for (name, text) in pairs(arguments.list("aux-address")).sorted(by: { $0.key < $1.key }) {
            let index = try place(of: text, "aux-address", subnets)
            pools[index].auxiliaryAddresses = (pools[index].auxiliaryAddresses ?? [:]).merging([name: text]) { $1 }
        }
        return pools
    }

    private static func place(of text: String, _ option: String, _ subnets: [Subnet]) throws(CommandError) -> Int {
        guard let address = IPAddress(text) else {
            throw CommandError("invalid \(option) \"\(text)\": it is no IP address")
        }
        guard let index = subnets.firstIndex(where: { $0.contains(address) }) else {
            throw CommandError("no matching subnet for \(option) \(text)")
        }
        return index
    }
}
