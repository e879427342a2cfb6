import APIModel
import Basics
import Networking
import Testing

@testable import Engine

@Suite("Networks and ports that a container asks for")
struct NetworkPlanTests {
    private func wishes(_ mode: String, _ endpoints: [String: EndpointSettings?], _ config: ContainerConfig = .init())
        throws -> [NetworkWish]
    {
        let host = HostConfig { $0.networkMode = mode }
        let request = ContainerCreateRequest(
            config: config, hostConfig: host, networkingConfig: NetworkingConfig(endpointsConfig: endpoints))
        return try NetworkPlan.wishes(request, try NamespaceModes(host))
    }

    @Test func networks() throws {
        for mode in ["", "default", "bridge"] {
            #expect(try wishes(mode, [:]).map(\.network) == ["bridge"])
            #expect(try wishes(mode, ["default": nil]).map(\.network) == ["bridge"], "\(mode)")
            #expect(try wishes(mode, ["bridge": EndpointSettings()]).map(\.network) == ["bridge"])
        }
        // That of the mode first, the others by name.
        let both = try wishes("web", ["db": nil, "web": EndpointSettings(aliases: ["a", "a", "b"]), "a": nil])
        #expect(both.map(\.network) == ["web", "a", "db"])
        #expect(both[0].aliases == ["a", "b"])
        #expect(try wishes("none", ["none": nil]) == [] && wishes("host", [:]) == [])
        #expect(try wishes("container:x", [:]) == [])
        #expect(try wishes("", [:], ContainerConfig(networkDisabled: true)) == [])
        let settings = EndpointSettings(
            ipamConfig: EndpointIPAMConfig(ipv4Address: "10.0.0.5", ipv6Address: "fd00::5"))
        let addressed = try wishes("web", ["web": settings], ContainerConfig(macAddress: "02:00:00:00:00:01"))
        #expect(
            addressed == [
                NetworkWish(
                    network: "web", name: "web", v4: IPAddress("10.0.0.5"), v6: IPAddress("fd00::5"),
                    mac: MACAddress("02:00:00:00:00:01"))
            ])
    }

    @Test func ports() throws {
        let config = ContainerConfig(exposedPorts: ["80/tcp": EmptyObject(), "8000-8001/udp": EmptyObject()])
        let bound = HostConfig {
            $0.portBindings = [
                "80/tcp": [PortBinding(hostIP: "127.0.0.1", hostPort: "8080"), PortBinding(hostPort: "0")],
                "81": [], "82/sctp": nil,
            ]
        }
        #expect(
            try NetworkPlan.published(config, bound) == [
                PortRequest(port: 80, transport: .tcp, address: IPAddress("127.0.0.1"), hostPorts: 8080...8080),
                PortRequest(port: 80, transport: .tcp),
            ])
        #expect(
            try NetworkPlan.exposed(config, bound).sorted().map(\.description) == [
                "80/tcp", "81/tcp", "82/sctp", "8000/udp", "8001/udp",
            ])
        var all = bound
        all.publishAllPorts = true
        // Each that has no binding gets one of its own.
        #expect(try NetworkPlan.published(config, all).dropFirst(2).map(\.port) == [81, 82, 8000, 8001])
    }

    @Test func records() throws {
        var record = ContainerRecord(
            id: "a", name: "b", created: Timestamp(nanosecondsSince1970: 1),
            image: Digest(sha256: [UInt8](repeating: 1, count: 32)), imageName: "c", config: ContainerConfig(),
            hostConfig: HostConfig(), mounts: [], topLayer: nil)
        #expect(try ContainerRecord(decoding: record.encoded()).networks == nil)
        record.networks = try wishes(
            "web",
            [
                "web": EndpointSettings(
                    ipamConfig: EndpointIPAMConfig(ipv4Address: "10.0.0.5"), aliases: ["x"],
                    macAddress: "02:00:00:00:00:01")
            ])
        #expect(try ContainerRecord(decoding: record.encoded()).networks == record.networks)
    }
}
