import APIModel
import Testing

@testable import Command

/// Options of networks and ports; the expected results are those of Docker's command line 28, but where it says
/// otherwise.
@Suite struct NetworkTests {
    private static let publications: [(String, [String])] = [
        ("80", ["80/tcp  "]), ("80/", ["80/tcp  "]), ("80/UDP", ["80/udp  "]), ("80/sctp", ["80/sctp  "]),
        (":80", ["80/tcp  "]), ("8080:80", ["80/tcp  8080"]), ("0:80", ["80/tcp  0"]), ("080:080", ["80/tcp  80"]),
        ("127.0.0.1:8080:80/udp", ["80/udp 127.0.0.1 8080"]), ("127.0.0.1::80", ["80/tcp 127.0.0.1 "]),
        ("0.0.0.0:8080:80", ["80/tcp 0.0.0.0 8080"]), (":8080:80", ["80/tcp  8080"]),
        ("[::1]::80", ["80/tcp ::1 "]), ("[2001:db8::1]:8080:80", ["80/tcp 2001:db8::1 8080"]),
        ("::1:8080:80", ["80/tcp ::1 8080"]), ("[::]:1-2:3-4", ["3/tcp :: 1", "4/tcp :: 2"]),
        ("80-82", ["80/tcp  ", "81/tcp  ", "82/tcp  "]), ("8000-8001:80-81", ["80/tcp  8000", "81/tcp  8001"]),
        ("8000-8010:80", ["80/tcp  8000-8010"]), ("10.0.0.1:5-6:5-6/udp", ["5/udp 10.0.0.1 5", "6/udp 10.0.0.1 6"]),
        ("65535:65535", ["65535/tcp  65535"]), ("published=8080,target=80", ["80/tcp  8080"]),
        ("target=80,protocol=udp", ["80/udp  "]),
    ]

    @Test(arguments: publications)
    func publish(_ text: String, _ expected: [String]) throws {
        let found = try PortFlag.publish(text).map { "\($0.port) \($0.binding.hostIP) \($0.binding.hostPort)" }
        #expect(found == expected)
    }

    private static let wrongPublications: [(String, String)] = [
        ("", "no port specified"), ("8080:", "no port specified"), ("x", "invalid containerPort: x"),
        ("80:x", "invalid containerPort: x"), ("x:80", "invalid hostPort: x"), ("80:0", "invalid containerPort: 0"),
        ("1-2:1-3", "invalid ranges specified for container and host Ports: 1-3 and 1-2"),
        ("1-5:1-3", "invalid ranges specified"), ("80:80-81", "invalid ranges specified"),
        ("80/foo", "invalid proto: foo"), ("70000", "invalid containerPort: 70000"), ("70000:80", "invalid hostPort"),
        ("2-1", "invalid containerPort: 2-1"), ("1-2-3", "invalid containerPort"), ("-1:80", "invalid hostPort: -1"),
        ("+1:80", "invalid hostPort"), ("localhost:80:80", "invalid IP address: localhost"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"), ("[10.0.0.1]:80:80", "invalid IP address: [10.0.0.1]"),
        ("[::1:80:80", "invalid IP address"), ("80/tcp/udp", "it must be PORT"),
        ("target=80,mode=host", "\"mode\" is not one of"), ("published=80", "no target"),
        ("a=", "invalid publish opts"),
    ]

    @Test(arguments: wrongPublications)
    func wrongPublish(_ text: String, _ reason: String) {
        let error = #expect(throws: CommandError.self) { _ = try PortFlag.publish(text) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(error?.status == 125)
    }

    @Test func expose() throws {
        #expect(try PortFlag.expose("80") == ["80/tcp"])
        #expect(try PortFlag.expose("80-81/udp") == ["80/udp", "81/udp"])
        for wrong in ["", "0", "80:80", "x", "3-2", "80/foo"] {
            #expect(throws: CommandError.self) { _ = try PortFlag.expose(wrong) }
        }
    }

    private static func port(_ inside: Int64, _ outside: Int64? = nil, _ ip: String = "", _ type: String = "tcp")
        -> JSONValue
    {
        guard let outside else { return ["PrivatePort": .integer(inside), "Type": .string(type)] }
        return [
            "IP": .string(ip), "PrivatePort": .integer(inside), "PublicPort": .integer(outside), "Type": .string(type),
        ]
    }

    private static let summaries: [([JSONValue], String)] = [
        ([], ""), ([port(80)], "80/tcp"), ([port(80), port(81), port(83)], "80-81/tcp, 83/tcp"),
        ([port(53), port(53, nil, "", "udp")], "53/tcp, 53/udp"),
        ([port(80, 8080, "0.0.0.0"), port(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"),
        (
            [port(9), port(80, 8000, "0.0.0.0"), port(10), port(53, 53, "::", "udp"), port(54, 54, "::", "udp")],
            "9-10/tcp, [::]:53-54->53-54/udp, 0.0.0.0:8000->80/tcp"
        ),
        (
            [port(82, 8002, "0.0.0.0"), port(80, 8000, "0.0.0.0"), port(81, 8001, "0.0.0.0")],
            "0.0.0.0:8000-8002->80-82/tcp"
        ),
        ([port(80, 1, "1.1.1.1"), port(81, 3, "1.1.1.1")], "1.1.1.1:1->80/tcp, 1.1.1.1:3->81/tcp"),
        ([port(1, 1, "1.1.1.1"), port(3, 3, "1.1.1.1")], "1.1.1.1:1->1/tcp, 1.1.1.1:3->3/tcp"),
    ]

    @Test(arguments: summaries)
    func summary(_ ports: [JSONValue], _ expected: String) { #expect(PortText.summary(ports) == expected) }

    @Test func portCommand() throws {
        let ports: JSONValue = [
            "80/tcp": [["HostIp": "0.0.0.0", "HostPort": "8000"], ["HostIp": "::", "HostPort": "8000"]],
            "8/tcp": [["HostIp": "0.0.0.0", "HostPort": "10"]], "99/udp": nil,
        ]
        #expect(
            try PortCommand.lines(ports, of: "a", only: nil)
                == ["8/tcp -> 0.0.0.0:10", "80/tcp -> 0.0.0.0:8000", "80/tcp -> [::]:8000"])
        for spelling in ["80", "80/", "80/tcp"] {
            #expect(try PortCommand.lines(ports, of: "a", only: spelling) == ["0.0.0.0:8000", "[::]:8000"])
        }
        let error = #expect(throws: CommandError.self) { try PortCommand.lines(ports, of: "a", only: "99/udp") }
        #expect(error?.message == "No public port '99/udp' published for a")
        #expect(throws: CommandError.self) { try PortCommand.lines(ports, of: "a", only: "x") }
    }

    @Test func order() {
        let names = ["web10", "web9", "web", "a1b2", "a1b10", "a01b3", "b"]
        #expect(
            names.sorted(by: NaturalOrder.isLess) == ["a1b2", "a01b3", "a1b10", "b", "web", "web9", "web10"])
        #expect(!NaturalOrder.isLess("a", "a"))
    }

    private func network(_ words: [String]) throws -> JSONValue {
        let parsed = try CommandLineParser.parse(words + ["net"], flags: NetworkCreateCommand.spec.flags())
        return try JSONValue(encoding: try NetworkCreateCommand.request(parsed))
    }

    @Test func networkCreate() throws {
        let plain = try network([])
        #expect(plain["Name"] == "net" && plain["Driver"] == "bridge" && plain["EnableIPv6"].isNull)
        #expect(plain["IPAM"]["Config"] == [])
        let full = try network([
            "--subnet", "10.0.0.0/24,fd00::/64", "--subnet", "10.1.0.0/24", "--ip-range", "10.0.0.128/25",
            "--gateway", "10.0.0.1", "--gateway", "fd00::9", "--aux-address", "a=10.1.0.7", "--ipv6", "--ipv4=false",
            "--attachable", "--internal", "-o", "x=y", "--label", "l=m", "--ipam-opt", "q=r", "-d", "macvlan",
        ])
        #expect(
            full["IPAM"] == [
                "Driver": "default", "Options": ["q": "r"],
                "Config": [
                    ["Subnet": "10.0.0.0/24", "IPRange": "10.0.0.128/25", "Gateway": "10.0.0.1"],
                    ["Subnet": "fd00::/64", "Gateway": "fd00::9"],
                    ["Subnet": "10.1.0.0/24", "AuxiliaryAddresses": ["a": "10.1.0.7"]],
                ],
            ])
        #expect(full["EnableIPv4"] == false && full["EnableIPv6"] == true && full["Internal"] == true)
        #expect(full["Attachable"] == true && full["Driver"] == "macvlan")
        #expect(full["Options"] == ["x": "y"] && full["Labels"] == ["l": "m"])
    }

    private static let wrongNetworks: [([String], String)] = [
        (["--gateway", "10.0.0.1"], "every ip-range or gateway must have a corresponding subnet"),
        (["--subnet", "10.0.0.0/24", "--gateway", "10.1.0.1"], "no matching subnet for gateway 10.1.0.1"),
        (["--subnet", "10.0.0.0/24", "--ip-range", "10.1.0.0/24"], "no matching subnet for range 10.1.0.0/24"),
        (["--subnet", "10.0.0.0/24", "--aux-address", "x=10.1.0.0"], "no matching subnet for aux-address 10.1.0.0"),
        (["--subnet", "10.0.0.0/24", "--subnet", "10.0.0.0/16"], "multiple overlapping subnet"),
        (["--subnet", "10.0.0.0"], "invalid subnet"), (["--aux-address", "x"], "invalid aux-address"),
        (
            ["--subnet", "10.0.0.0/24,10.1.0.0/24", "--gateway", "10.0.0.1,10.0.0.2"],
            "cannot configure multiple gateways (10.0.0.2, 10.0.0.1) for the same subnet (10.0.0.0/24)"
        ),
        (
            ["--subnet", "10.0.0.0/24,10.1.0.0/24", "--ip-range", "10.0.0.0/25,10.0.0.0/26"],
            "cannot configure multiple ranges (10.0.0.0/26, 10.0.0.0/25) on the same subnet (10.0.0.0/24)"
        ),
        (["--ingress"], "--ingress is not supported"), (["--config-only"], "--config-only is not supported"),
        (["--scope", "swarm"], "--scope is not supported"),
    ]

    @Test(arguments: wrongNetworks)
    func wrongNetwork(_ words: [String], _ reason: String) {
        let error = #expect(throws: CommandError.self) { _ = try network(words) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
