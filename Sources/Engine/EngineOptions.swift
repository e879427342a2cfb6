package import Basics
import Networking

/// Every place and name that one boxd uses: two with different options never meet.
package struct EngineOptions: Sendable {
    package var dataRoot = "/var/lib/box"
    package var runDirectory = "/run/box"
    /// Below the root of every cgroup hierarchy.
    package var cgroupParent = "/box"
    /// The default network's bridge, and its address with the prefix length of its subnet.
    package var bridgeName = "box0"
    package var bridgeAddress = "172.30.0.1/16"
    /// Where networks without a subnet of their own get one: ranges with the prefix length of each part, such as
    /// `10.80.0.0/16:24`. Empty: Docker's.
    package var addressPools: [String] = []
    /// The program that runs containers.
    package var runtimePath: String
    package var logLevel = Logger.Level.info

    package init(runtimePath: String) { self.runtimePath = runtimePath }

    /// Whether a text is an IPv4 address with the prefix length of a subnet that has room for containers.
    package static func isBridgeAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let prefix = Int(parts[1]), (8...30).contains(prefix) else { return false }
        let bytes = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        return bytes.count == 4 && bytes.allSatisfy { !$0.isEmpty && UInt8($0) != nil }
    }

    /// Whether a text is a range with the prefix length of its parts, `10.80.0.0/16:24`.
    package static func isAddressPool(_ text: String) -> Bool { pool(text) != nil }

    private static func pool(_ text: String) -> NetworkingOptions.Pool? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let base = Subnet(parts[0]), base.family == .v4, let size = Int(parts[1]),
            (base.prefix...30).contains(size)
        else { return nil }
        return NetworkingOptions.Pool(base: base, size: size)
    }

    var networking: NetworkingOptions {
        var options = NetworkingOptions(bridgeName: bridgeName, runDirectory: runDirectory)
        let address = bridgeAddress.split(separator: "/").first.flatMap { IPAddress($0) }
        if let address, let subnet = Subnet(bridgeAddress) { options.bridgeAddress = (address, subnet) }
        if !addressPools.isEmpty { options.pools = addressPools.compactMap(Self.pool) }
        return options
    }

    func containerDirectory(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }
    func containerRunDirectory(_ id: String) -> String { "\(runDirectory)/containers/\(id)" }
    func cgroupPath(_ id: String) -> String { "\(cgroupParent)/\(id)" }
}
