import APIModel
import Basics
import Testing

@testable import API

/// What is written by hand is what the encoder would have made of it.
@Suite struct JSONWriterTests {
    private func written(_ value: some JSONWritable) -> String {
        var json = JSONWriter()
        value.write(to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private func encoded(_ value: some Encodable) throws -> String {
        String(decoding: try JSON.encode(value), as: UTF8.self)
    }

    @Test func strings() throws {
        let all = String(String.UnicodeScalarView((0..<0x3000).compactMap { Unicode.Scalar($0 as UInt32) })) + "😀/"
        #expect(try written([all]) == encoded([all]))
    }

    @Test func values() throws {
        #expect(written([[1], [], [-2, Int.min]]) == "[[1],[],[-2,-9223372036854775808]]")
        #expect(written(["b": [true, false], "a": []]) == #"{"a":[],"b":[true,false]}"#)
        // Commas depend on the byte before.
        #expect(written(["[", "{", ":", ""]) == #"["[","{",":",""]"#)
    }

    @Test func shortAnswers() throws {
        for warnings in [[], ["a \"b\"", "c"]] {
            let made = ContainerCreateResponse(id: "12ab", warnings: warnings)
            #expect(try written(made) == encoded(made))
        }
        for error in [nil, ContainerWaitError(message: "gone")] {
            let ended = ContainerWaitResponse(statusCode: 137, error: error)
            #expect(try written(ended) == encoded(ended))
        }
    }

    @Test func summaries() throws {
        let bare = ContainerSummary(
            id: "1", names: [], image: "", imageID: "", command: "", created: 0, state: "created", status: "Created",
            hostConfig: HostConfigSummary(networkMode: "none"))
        let full = ContainerSummary(
            id: "abc", names: ["/web", "/other"], image: "web:v1", imageID: "sha256:12", command: "sh -c \"a/b\"\t",
            created: 1_795_287_773,
            ports: [
                PortSummary(privatePort: 53, type: "udp"),
                PortSummary(ip: "0.0.0.0", privatePort: 80, publicPort: 8080, type: "tcp"),
            ], sizeRw: 5, sizeRootFs: 1 << 40, labels: ["b.c": "d", "a": "é", "B": ""], state: "running",
            status: "Up 2 seconds", hostConfig: HostConfigSummary(networkMode: "n", annotations: ["x": "y"]),
            networkSettings: NetworkSettingsSummary(networks: [
                "n": EndpointSettings(
                    ipamConfig: EndpointIPAMConfig(ipv4Address: "10.0.0.9", ipv6Address: "::9", linkLocalIPs: ["1"]),
                    links: ["a:b"], aliases: [], macAddress: "02:42", driverOptions: ["o": "p"], gatewayPriority: 3,
                    networkID: "id", endpointID: "ep", gateway: "10.0.0.1", ipAddress: "10.0.0.2", ipPrefixLength: 16,
                    ipv6Gateway: "::1", globalIPv6Address: "::2", globalIPv6PrefixLength: 64, dnsNames: ["web"]),
                "m": EndpointSettings(ipamConfig: EndpointIPAMConfig()),
            ]),
            mounts: [
                MountPoint(
                    type: "volume", name: "v", source: "/s", destination: "/d", driver: "local", mode: "z",
                    writable: true, propagation: "rslave"),
                MountPoint(type: "tmpfs", source: "", destination: "/t", writable: false),
            ])
        let list = [bare, full, bare]
        #expect(try written(list) == encoded(list))
    }
}
