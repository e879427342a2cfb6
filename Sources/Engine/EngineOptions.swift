package import Basics

/// Every place and name that one boxd uses: two with different options never meet.
package struct EngineOptions: Sendable {
    package var dataRoot = "/var/lib/box"
    package var runDirectory = "/run/box"
    /// Below the root of every cgroup hierarchy.
    package var cgroupParent = "/box"
    /// The default network's bridge, and its address with the prefix length of its subnet.
    package var bridgeName = "box0"
    package var bridgeAddress = "172.30.0.1/16"
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

    func containerDirectory(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }
    func containerRunDirectory(_ id: String) -> String { "\(runDirectory)/containers/\(id)" }
    func cgroupPath(_ id: String) -> String { "\(cgroupParent)/\(id)" }
}
