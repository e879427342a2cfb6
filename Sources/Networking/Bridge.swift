import Basics
import Glibc
import Kernel
import Netlink

/// The host's side of a network: the bridge with its address, and the sysctls that go with it. Works in the
/// calling thread's network namespace.
struct Bridge {
    let route: NetlinkSocket

    /// Makes what is missing, and leaves what is there. Returns the interface's index, and whether it was made.
    @discardableResult
    func ensure(_ network: StoredNetwork) throws -> (index: Int32, isNew: Bool) {
        var isNew = false
        if try route.link(network.bridge) == nil {
            // Else the bridge takes the lowest address of its ports, a new one with many a container: neighbours
            // would send to the old one.
            let mac = (network.v4 ?? network.v6).map { MACAddress(for: $0.gateway) }
            let create = NetlinkRequest.createBridge(
                network.bridge, LinkChange(mtu: network.mtu, hardwareAddress: mac))
            isNew = try route.perform([create], unless: \.isExisting)
        }
        guard let link = try route.link(network.bridge) else {
            throw NetworkingError.failed("the bridge \(network.bridge) disappeared while it was set up")
        }
        guard link.kind == "bridge" else {
            throw NetworkingError.conflict("the interface \(network.bridge) is no bridge: choose another name")
        }
        // Before it is up, so that it never has a link-local address of IPv6 where there is no IPv6.
        try setSysctls(network)
        let present = try route.addresses(link: link.index)
        var requests: [NetlinkRequest] = []
        for pool in network.pools {
            let address = InterfaceAddress(link: link.index, address: pool.gateway, prefix: pool.subnet.prefix)
            if !present.contains(address) { requests.append(.add(address)) }
        }
        if !link.isUp { requests.append(.change(link: link.index, LinkChange(isUp: true))) }
        try route.perform(requests, unless: \.isExisting)
        return (link.index, isNew)
    }

    /// Puts an interface on the bridge with the given index.
    ///
    /// Where the kernel passes bridged packets through the rules for routed ones (`br_netfilter`, which other
    /// engines turn on), a packet for a published port does not leave the bridge to come back: it is sent on to the
    /// container's port at once, also when it came from there, and the rules keep containers apart, not the ports.
    static func join(_ link: Int32, _ bridge: Int32, _ network: StoredNetwork, mtu: UInt32? = nil) -> [NetlinkRequest] {
        let filtered =
            Sysctl.get("bridge/bridge-nf-call-iptables") == "1"
            && (network.v6 == nil || Sysctl.get("bridge/bridge-nf-call-ip6tables") == "1")
        var requests = [NetlinkRequest.change(link: link, LinkChange(isUp: true, mtu: mtu, master: bridge))]
        if filtered || !network.letsContainersTalk {
            requests.append(
                .setPort(link, isolated: !filtered && !network.letsContainersTalk, reflects: filtered))
        }
        return requests
    }

    func remove(_ network: StoredNetwork) throws {
        guard !network.keepsBridge, !network.bridge.isEmpty else { return }
        try route.perform([.delete(link: network.bridge)], unless: \.isMissing)
    }

    private func setSysctls(_ network: StoredNetwork) throws {
        let name = network.bridge
        // Connections from 127.0.0.1 to a published port leave by the bridge; what a container sends in the name of
        // such an address is dropped by the first chain of the rules.
        try Sysctl.set("ipv4/conf/\(name)/route_localnet", "1")
        // A container cannot send in the name of an address of another network.
        try Sysctl.set("ipv4/conf/\(name)/rp_filter", "1")
        if network.v6 == nil {
            try Sysctl.set("ipv6/conf/\(name)/disable_ipv6", "1")
        } else {
            try Sysctl.set("ipv6/conf/\(name)/disable_ipv6", "0")
            // A container is no router of the host's.
            try Sysctl.set("ipv6/conf/\(name)/accept_ra", "0")
            try Sysctl.set("ipv6/conf/\(name)/accept_dad", "0")
        }
    }
}

/// Files below `/proc/sys/net`: those of the calling thread's network namespace.
enum Sysctl {
    static func get(_ name: String) -> String? {
        (try? Sys.readText("/proc/sys/net/\(name)")).map { String($0.prefix { !$0.isWhitespace }) }
    }

    /// Fine where the kernel has no such thing: then there is nothing to set.
    static func set(_ name: String, _ value: String) throws(SyscallError) {
        do { try Sys.writeControl("/proc/sys/net/\(name)", value) } catch  where error.errno == ENOENT {}
    }

    /// Turns forwarding on. Returns whether it was off for IPv4.
    static func enableForwarding(_ family: IPAddress.Family) throws -> Bool {
        let name = family == .v4 ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding"
        if get(name) == "1" { return false }
        if family == .v6 {
            // A router believes no advertisements, unless it is told to: the host would lose its own address.
            for entry in (try? Sys.list("/proc/sys/net/ipv6/conf")) ?? []
            where get("ipv6/conf/\(entry.name)/accept_ra") == "1" {
                try set("ipv6/conf/\(entry.name)/accept_ra", "2")
            }
        }
        try set(name, "1")
        return true
    }
}
