/// `--sysctl`: only what belongs to a namespace that the container has of its own.
enum Sysctls {
    private static let ofIPC: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    static func check(_ sysctls: [String: String], _ modes: NamespaceModes) throws(SpecError) {
        for (name, value) in sysctls.sorted(by: { $0.key < $1.key }) {
            // Each name is a path below /proc/sys, its dots slashes.
            let plain = name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || "_.-".utf8.contains($0)
            }
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            guard plain, parts.count > 1, !parts.contains("") else {
                throw .invalid("--sysctl \(name.quoted): not a name such as net.core.somaxconn")
            }
            // Some values are numbers apart by tabs.
            guard value.utf8.count < 4096, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 }) else {
                throw .invalid("--sysctl \(name): the value has characters that no value has")
            }
            if ofIPC.contains(name) || name.hasPrefix("fs.mqueue.") {
                if modes.ipc == .host { throw .invalid("sysctl \(name.quoted) not allowed in host ipc namespace") }
            } else if name.hasPrefix("net.") {
                if modes.network == .host {
                    throw .invalid("sysctl \(name.quoted) not allowed in host network namespace")
                }
            } else {
                throw .invalid("sysctl \(name.quoted) is not in a separate kernel namespace")
            }
        }
    }

    /// The container's, and as Docker does what lets its programs listen on low ports and ping without privileges.
    static func ofContainer(_ sysctls: [String: String], _ modes: NamespaceModes) -> [String: String] {
        guard modes.network.isOwn else { return sysctls }
        let defaults = [
            "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647",
        ]
        return defaults.merging(sysctls) { $1 }
    }
}
