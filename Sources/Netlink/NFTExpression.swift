/// A register of nftables' machine: one of 16 slots of 4 bytes. What is longer takes the slots behind it too.
package struct NFTRegister: Sendable, Hashable {
    package let slot: UInt32
    package init(_ slot: UInt32) {
        precondition(slot < 16, "there are 16 slots")
        self.slot = slot
    }
    /// `NFT_REG32_00` and up.
    var raw: UInt32 { 8 + slot }
}

/// What becomes of a packet.
package enum NFTVerdict: Sendable, Hashable {
    case drop, accept
    /// On with the next rule.
    case proceed
    case jump(String)
    case goto(String)
    case back

    func encode(into buffer: inout NetlinkBuffer) {
        // NFTA_DATA_VERDICT { NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN }
        buffer.nested(2) {
            $0.network(1, UInt32(bitPattern: code))
            if case .jump(let chain) = self { $0.text(2, chain) }
            if case .goto(let chain) = self { $0.text(2, chain) }
        }
    }

    /// NFTA_VERDICT_CODE and NFTA_VERDICT_CHAIN, from a dump.
    init?(_ attributes: NetlinkAttributes) {
        guard let raw: UInt32 = attributes.network(1) else { return nil }
        switch (Int32(bitPattern: raw), attributes.text(2)) {
        case (0, _): self = .drop
        case (1, _): self = .accept
        case (-1, _): self = .proceed
        case (-3, let chain?): self = .jump(chain)
        case (-4, let chain?): self = .goto(chain)
        case (-5, _): self = .back
        default: return nil
        }
    }

    private var code: Int32 {
        switch self {
        case .drop: 0
        case .accept: 1
        case .proceed: -1
        case .jump: -3
        case .goto: -4
        case .back: -5
        }
    }
}

/// One step of a rule: loads something, compares, or acts. Names are those of `nft` where it has one.
package enum NFTExpression: Sendable, Hashable {
    package enum Base: UInt32, Sendable {
        case link = 0, network = 1, transport = 2
    }
    package enum Meta: UInt32, Sendable {
        /// Of Ethernet, two bytes.
        case link = 1
        case mark = 3, inputIndex = 4, outputIndex = 5, inputName = 6, outputName = 7
        /// `NFPROTO_IPV4` 2, `NFPROTO_IPV6` 10; one byte.
        case family = 15
        /// One byte.
        case transport = 16
        /// The kind of an interface, as a name of 16 bytes: `bridge`.
        case inputKind = 26, outputKind = 27
    }
    package enum Connection: UInt32, Sendable {
        /// `NF_CT_STATE_BIT`: invalid 1, established 2, related 4, new 8.
        case state = 0
        case direction = 1
        /// `IPS_*`: destination rewritten 0x20, source rewritten 0x10.
        case status = 2
        case mark = 3
    }
    /// Of a connection's first packet, before anything was rewritten.
    package enum Original: UInt32, Sendable {
        /// Two bytes, as in the packet.
        case destinationPort = 12
        case destinationV4 = 20, destinationV6 = 22
    }
    package enum Comparison: UInt32, Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    }
    package enum FIBResult: UInt32, Sendable {
        /// Index of the interface that the address is reached by; 0: none.
        case outputIndex = 1
        /// `RTN_*`: unicast 1, local 2.
        case addressType = 3
    }
    package struct FIBFlags: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let source = FIBFlags(rawValue: 1)
        package static let destination = FIBFlags(rawValue: 2)
        package static let inputInterface = FIBFlags(rawValue: 8)
    }

    case payload(Base, offset: UInt32, length: UInt32, to: NFTRegister)
    /// Into the transport header; `checksum`: where that header has its checksum, which is brought up to date.
    case setTransport(offset: UInt32, length: UInt32, from: NFTRegister, checksum: UInt32)
    case meta(Meta, to: NFTRegister)
    case setMeta(Meta, from: NFTRegister)
    case connection(Connection, to: NFTRegister)
    case setConnection(Connection, from: NFTRegister)
    case original(Original, to: NFTRegister)
    case fib(FIBResult, FIBFlags, to: NFTRegister)
    case compare(Comparison, NFTRegister, [UInt8])
    /// `register & mask ^ xor`, all of one length.
    case bits(NFTRegister, to: NFTRegister, mask: [UInt8], xor: [UInt8])
    /// Bytes of each 4 turned from the machine's order to the network's, which ranges are compared in.
    case toNetworkOrder(NFTRegister, to: NFTRegister)
    case lookup(set: String, NFTRegister, inverted: Bool = false)
    /// The value under a key of a map; the rule ends when there is none.
    case map(set: String, NFTRegister, to: NFTRegister)
    /// The verdict under a key of a map.
    case verdictMap(set: String, NFTRegister)
    case immediate([UInt8], to: NFTRegister)
    case verdict(NFTVerdict)
    case counter
    /// A new destination: address and port from registers. `family` is `NFPROTO_*`.
    case destinationNAT(family: UInt8, address: NFTRegister, port: NFTRegister?)
    case sourceNAT(family: UInt8, address: NFTRegister)
    case masquerade
    /// A number below the modulus: random, or each in turn.
    case number(modulus: UInt32, random: Bool, to: NFTRegister)
    /// The packet is dropped, and its sender told: by a TCP reset, or by "port unreachable".
    case reject(reset: Bool)
    /// A number below the modulus, the same for the same bytes.
    case hash(NFTRegister, length: UInt32, modulus: UInt32, seed: UInt32, to: NFTRegister)

    var name: String {
        switch self {
        case .payload, .setTransport: "payload"
        case .meta, .setMeta: "meta"
        case .connection, .setConnection, .original: "ct"
        case .fib: "fib"
        case .compare: "cmp"
        case .bits: "bitwise"
        case .toNetworkOrder: "byteorder"
        case .lookup, .map, .verdictMap: "lookup"
        case .immediate, .verdict: "immediate"
        case .counter: "counter"
        case .destinationNAT, .sourceNAT: "nat"
        case .masquerade: "masq"
        case .reject: "reject"
        case .number: "numgen"
        case .hash: "hash"
        }
    }

    /// NFTA_LIST_ELEM { NFTA_EXPR_NAME, NFTA_EXPR_DATA }
    func encode(into buffer: inout NetlinkBuffer) {
        buffer.nested(1) {
            $0.text(1, name)
            $0.nested(2) { encodeData(into: &$0) }
        }
    }

    private func encodeData(into buffer: inout NetlinkBuffer) {
        switch self {
        case .payload(let base, let offset, let length, let register):
            buffer.numbers([(1, register.raw), (2, base.rawValue), (3, offset), (4, length)])
        case .setTransport(let offset, let length, let register, let checksum):
            // NFT_PAYLOAD_CSUM_INET
            buffer.numbers([
                (5, register.raw), (2, Base.transport.rawValue), (3, offset), (4, length), (6, 1), (7, checksum),
            ])
        case .meta(let key, let register): buffer.numbers([(2, key.rawValue), (1, register.raw)])
        case .setMeta(let key, let register): buffer.numbers([(2, key.rawValue), (3, register.raw)])
        case .connection(let key, let register): buffer.numbers([(2, key.rawValue), (1, register.raw)])
        case .setConnection(let key, let register): buffer.numbers([(2, key.rawValue), (4, register.raw)])
        case .original(let key, let register):
            buffer.numbers([(1, register.raw), (2, key.rawValue)])
            // NFTA_CT_DIRECTION: IP_CT_DIR_ORIGINAL
            buffer.host(3, UInt8(0))
        case .fib(let result, let flags, let register):
            buffer.numbers([(1, register.raw), (2, result.rawValue), (3, flags.rawValue)])
        case .compare(let comparison, let register, let data):
            buffer.numbers([(1, register.raw), (2, comparison.rawValue)])
            buffer.data(3, data)
        case .bits(let source, let destination, let mask, let xor):
            buffer.numbers([(1, source.raw), (2, destination.raw), (3, UInt32(mask.count))])
            buffer.data(4, mask)
            buffer.data(5, xor)
        case .toNetworkOrder(let source, let destination):
            buffer.numbers([(1, source.raw), (2, destination.raw), (3, 1), (4, 4), (5, 4)])
        case .immediate(let data, let register):
            buffer.numbers([(1, register.raw)])
            buffer.data(2, data)
        case .verdict(let verdict):
            // NFT_REG_VERDICT
            buffer.numbers([(1, 0)])
            buffer.nested(2) { verdict.encode(into: &$0) }
        case .number(let modulus, let random, let register):
            buffer.numbers([(1, register.raw), (2, modulus), (3, random ? 1 : 0), (4, 0)])
        case .hash(let source, let length, let modulus, let seed, let register):
            buffer.numbers([(1, source.raw), (2, register.raw), (3, length), (4, modulus), (5, seed), (6, 0), (7, 0)])
        case .reject(let reset):
            // NFTA_REJECT_TYPE: NFT_REJECT_TCP_RST, NFT_REJECT_ICMPX_UNREACH; NFTA_REJECT_ICMP_CODE: PORT_UNREACH
            buffer.numbers([(1, reset ? 1 : 2)])
            if !reset { buffer.host(2, UInt8(1)) }
        case .counter, .masquerade: break
        case .lookup, .map, .verdictMap: encodeLookup(into: &buffer)
        case .destinationNAT, .sourceNAT: encodeNAT(into: &buffer)
        }
    }

    private func encodeLookup(into buffer: inout NetlinkBuffer) {
        switch self {
        case .lookup(let set, let register, let inverted):
            buffer.text(1, set)
            buffer.numbers([(2, register.raw), (5, inverted ? 1 : 0)])
        case .map(let set, let register, let destination):
            buffer.text(1, set)
            buffer.numbers([(2, register.raw), (3, destination.raw)])
        case .verdictMap(let set, let register):
            buffer.text(1, set)
            buffer.numbers([(2, register.raw), (3, 0)])
        default: break
        }
    }

    private func encodeNAT(into buffer: inout NetlinkBuffer) {
        switch self {
        case .destinationNAT(let family, let address, let port):
            buffer.numbers([(1, 1), (2, UInt32(family)), (3, address.raw)])
            if let port { buffer.numbers([(5, port.raw)]) }
        case .sourceNAT(let family, let address): buffer.numbers([(1, 0), (2, UInt32(family)), (3, address.raw)])
        default: break
        }
    }
}

extension NetlinkBuffer {
    fileprivate mutating func numbers(_ attributes: [(UInt16, UInt32)]) {
        for (type, number) in attributes { network(type, number) }
    }
    /// NFTA_DATA_VALUE inside an attribute.
    mutating func data(_ type: UInt16, _ value: [UInt8]) {
        nested(type) { $0.bytes(1, value) }
    }
}
