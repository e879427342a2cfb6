import Basics
import Testing

@testable import Netlink

@Suite struct CodecTests {
    private func encoded(_ request: NetlinkRequest) -> [UInt8] {
        var bytes: [UInt8] = []
        request.encode(into: &bytes, sequence: 7, .acknowledge)
        return bytes
    }

    @Test func addressRequest() {
        let address = InterfaceAddress(link: 3, address: IPAddress("10.1.2.3")!, prefix: 24)
        // As `ip address add 10.1.2.3/24 broadcast 10.1.2.255 dev …` sends it.
        let expected: [UInt8] =
            [48, 0, 0, 0, 20, 0, 0x05, 0x06, 7, 0, 0, 0, 0, 0, 0, 0]
            + [2, 24, 0, 0, 3, 0, 0, 0]
            + [8, 0, 2, 0, 10, 1, 2, 3]
            + [8, 0, 1, 0, 10, 1, 2, 3]
            + [8, 0, 4, 0, 10, 1, 2, 255]
        #expect(encoded(.add(address)) == expected)
    }

    @Test func attributesArePaddedAndNested() {
        var buffer = NetlinkBuffer()
        buffer.nested(18) {
            $0.text(1, "veth")
            $0.host(5, UInt8(1))
        }
        #expect(
            buffer.bytes == [24, 0, 18, 0x80, 9, 0, 1, 0, 0x76, 0x65, 0x74, 0x68, 0, 0, 0, 0, 5, 0, 5, 0, 1, 0, 0, 0])
        let read = NetlinkAttributes(buffer.bytes[...]).nested(18)
        #expect(read?.text(1) == "veth")
        #expect(read?.host(5) == UInt8(1))
    }

    @Test func brokenMessagesAreNoTrap() {
        for length in 0..<64 {
            var bytes = [UInt8](repeating: 0xff, count: length)
            _ = NetlinkMessage.split(bytes[...])
            _ = NetlinkAttributes(bytes[...])
            if length >= 4 { bytes.replaceSubrange(0..<4, with: [UInt8(length), 0, 0, 0]) }
            for message in NetlinkMessage.split(bytes[...]) {
                _ = Link(message)
                _ = Route(message)
                _ = InterfaceAddress(message)
                _ = TrackedConnection(message)
            }
        }
    }

    @Test func rangesHaveAnEndElement() {
        var buffer = NetlinkBuffer()
        NFTElement([.address(IPAddress("10.0.0.0")!)], last: [.address(IPAddress("10.0.0.255")!)])
            .encode(into: &buffer, ranges: true)
        let elements = NetlinkAttributes(buffer.bytes[...]).all.map { NetlinkAttributes($0.value) }
        #expect(elements.count == 2)
        #expect(elements[0].nested(1)?[1].map { Array($0) } == [10, 0, 0, 0])
        #expect(elements[1].nested(1)?[1].map { Array($0) } == [10, 0, 1, 0])
        #expect(elements[1].network(3) == UInt32(1))
        // Nothing lies behind the very last key.
        buffer = NetlinkBuffer()
        NFTElement([.address(IPAddress("255.0.0.0")!)], last: [.address(IPAddress("255.255.255.255")!)])
            .encode(into: &buffer, ranges: true)
        #expect(NetlinkAttributes(buffer.bytes[...]).all.count == 1)
    }

    @Test func names() {
        #expect(Link.isName("br-0123456789ab"))
        for name in ["", ".", "..", "a/b", "a b", "a:1", "veth%d", "0123456789abcdef", "ä"] {
            #expect(!Link.isName(name))
        }
    }
}

@Suite struct AddressTests {
    @Test(arguments: [
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "1::", "fe80::1", "2001:db8::1:0:0:1",
        "1:2:3:4:5:6:7:8",
        "2001:db8:0:1:1:1:1:1",
    ])
    func roundTrip(_ text: String) {
        #expect(IPAddress(text)?.description == text)
        #expect(IPAddress(text).flatMap { IPAddress(bytes: $0.bytes) } == IPAddress(text))
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.-4", "+1.2.3.4", ":", ":::", "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "1.2.3.4::", "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7:8::",
        "-1::",
    ])
    func refused(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test func embeddedIPv4() { #expect(IPAddress("::ffff:1.2.3.4") == IPAddress("::ffff:102:304")) }

    @Test func subnets() {
        let subnet = Subnet("172.17.5.1/16")!
        #expect(subnet.description == "172.17.0.0/16")
        #expect(subnet.last.description == "172.17.255.255")
        #expect(subnet.contains(IPAddress("172.17.0.0")!) && !subnet.contains(IPAddress("172.18.0.0")!))
        #expect(subnet.overlaps(Subnet("172.16.0.0/12")!) && !subnet.overlaps(Subnet("172.18.0.0/16")!))
        #expect(Subnet("10.0.0.0/8")!.part(3, prefix: 16)?.description == "10.3.0.0/16")
        #expect(Subnet("10.0.0.0/8")!.part(256, prefix: 16) == nil)
        #expect(Subnet("::/0")!.contains(IPAddress("ffff::")!))
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "/8", "10.0.0.0/"] {
            #expect(Subnet(text) == nil)
        }
    }

    @Test func hardwareAddresses() {
        #expect(MACAddress("02:42:ac:11:00:02")?.description == "02:42:ac:11:00:02")
        #expect(MACAddress(for: IPAddress("172.17.0.2")!).description == "02:42:ac:11:00:02")
        for text in ["", "01:00:00:00:00:00", "00:00:00:00:00:00", "02:42:ac:11:00", "02:42:ac:11:00:0g"] {
            #expect(MACAddress(text) == nil)
        }
    }
}
