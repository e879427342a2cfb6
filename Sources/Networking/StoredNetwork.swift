package import Basics
import Netlink

/// A network as it is remembered.
package struct StoredNetwork: Sendable, Hashable, Codable {
    package enum Driver: String, Sendable, Codable {
        case bridge
        case host
        /// The network `none`.
        case null
    }

    /// The addresses of one family.
    package struct Pool: Sendable, Hashable, Codable {
        package var subnet: Subnet
        /// Where addresses are chosen from when none is asked for.
        package var range: Subnet?
        package var gateway: IPAddress
        /// Never given out.
        package var auxiliary: [String: IPAddress]
        /// The user chose the subnet, so he may choose addresses too.
        package var isConfigured: Bool

        package init(
            subnet: Subnet, range: Subnet? = nil, gateway: IPAddress, auxiliary: [String: IPAddress] = [:],
            isConfigured: Bool = false
        ) {
            self.subnet = subnet
            self.range = range
            self.gateway = gateway
            self.auxiliary = auxiliary
            self.isConfigured = isConfigured
        }
    }

    package let id: String
    package let name: String
    package let driver: Driver
    package let created: Timestamp
    package var v4: Pool?
    package var v6: Pool?
    package var isInternal: Bool
    package var isAttachable: Bool
    package var labels: [String: String]
    /// As they were given.
    package var options: [String: String]
    /// The interface on the host; empty for `host` and `none`.
    package var bridge: String
    /// The bridge was there before, and stays when the network goes.
    package var keepsBridge: Bool
    package var mtu: UInt32

    package var short: String { String(id.prefix(12)) }
    package var isPredefined: Bool { ["bridge", "host", "none"].contains(name) }
    package var pools: [Pool] { [v4, v6].compactMap { $0 } }

    package func pool(_ family: IPAddress.Family) -> Pool? { family == .v4 ? v4 : v6 }

    /// Containers reach each other without a published port.
    package var letsContainersTalk: Bool { NetworkOption.flag(options, .letsContainersTalk) ?? true }
    package var masquerades: Bool { NetworkOption.flag(options, .masquerade) ?? true }
    /// Where ports are published when nothing is said; nil: as the daemon does.
    package var publishAddress: IPAddress? { options[NetworkOption.publishAddress.rawValue].flatMap { IPAddress($0) } }
    /// Names are looked up on all networks but the default one, as with Docker.
    package var hasNames: Bool { driver == .bridge && name != "bridge" }
}

/// The options of networks that mean something here; the others are refused.
package enum NetworkOption: String, CaseIterable, Sendable {
    case bridgeName = "com.docker.network.bridge.name"
    case letsContainersTalk = "com.docker.network.bridge.enable_icc"
    case masquerade = "com.docker.network.bridge.enable_ip_masquerade"
    case publishAddress = "com.docker.network.bridge.host_binding_ipv4"
    case mtu = "com.docker.network.driver.mtu"

    static func flag(_ options: [String: String], _ option: NetworkOption) -> Bool? {
        switch options[option.rawValue]?.lowercased() {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }

    static func check(_ options: [String: String]) throws(NetworkingError) {
        for (key, value) in options.sorted(by: { $0.key < $1.key }) {
            guard let option = NetworkOption(rawValue: key) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw .unsupported("the network option \(key) is not supported; there are \(known)")
            }
            let isFine =
                switch option {
                case .bridgeName: Link.isName(value)
                case .letsContainersTalk, .masquerade: flag(options, option) != nil
                case .publishAddress: IPAddress(value)?.family == .v4
                case .mtu: UInt32(value).map { (68...65535).contains($0) } ?? false
                }
            guard isFine else { throw .invalid("invalid value \"\(value)\" of the network option \(key)") }
        }
    }
}

/// What a network is to be like: the body of `POST /networks/create`.
package struct NetworkSpec: Sendable, Hashable {
    package struct Pool: Sendable, Hashable {
        package var subnet: String?
        package var range: String?
        package var gateway: String?
        package var auxiliary: [String: String]
        package init(
            subnet: String? = nil, range: String? = nil, gateway: String? = nil, auxiliary: [String: String] = [:]
        ) {
            self.subnet = subnet
            self.range = range
            self.gateway = gateway
            self.auxiliary = auxiliary
        }
    }

    package var name: String
    package var driver: String
    package var pools: [Pool]
    package var enableIPv4: Bool
    /// Without a subnet of IPv6 a unique local one is chosen (RFC 4193).
    package var enableIPv6: Bool
    package var isInternal: Bool
    package var isAttachable: Bool
    package var options: [String: String]
    package var labels: [String: String]

    package init(
        name: String, driver: String = "bridge", pools: [Pool] = [], enableIPv4: Bool = true, enableIPv6: Bool = false,
        isInternal: Bool = false, isAttachable: Bool = false, options: [String: String] = [:],
        labels: [String: String] = [:]
    ) {
        self.name = name
        self.driver = driver
        self.pools = pools
        self.enableIPv4 = enableIPv4
        self.enableIPv6 = enableIPv6
        self.isInternal = isInternal
        self.isAttachable = isAttachable
        self.options = options
        self.labels = labels
    }
}
