import Kernel
import OCI

/// `linux.sysctl`: only what a namespace of the container's own holds.
enum KernelParameters {
    private static let ipc: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    /// The file below `/proc/sys`, or why the parameter is refused.
    static func path(of name: String, _ namespaces: NamespacePlan) throws(RuntimeError) -> String {
        // Both ways of writing are accepted, as sysctl(8) does; a dot in an interface's name is a slash then.
        let separator: Character = name.firstIndex(where: { $0 == "." || $0 == "/" }).map { name[$0] } ?? "."
        let components = name.split(separator: separator, omittingEmptySubsequences: false).map { part in
            separator == "." ? String(part.map { $0 == "/" ? "." : $0 }) : String(part)
        }
        let legal = components.allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") }
        }
        guard components.count > 1, legal else {
            throw RuntimeError(.sysctl, "sysctl «\(name)»: this is no name of a kernel parameter")
        }
        let dotted = components.joined(separator: ".")
        func demand(_ has: Bool, _ kind: String) throws(RuntimeError) {
            guard has else {
                throw RuntimeError(
                    .sysctl,
                    "sysctl \(name): the container shares the host's \(kind) namespace, so setting it would "
                        + "change the host")
            }
        }
        if components[0] == "net" {
            try demand(namespaces.isPrivate(.network), "network")
        } else if ipc.contains(dotted) || dotted.hasPrefix("fs.mqueue.") {
            try demand(namespaces.isPrivate(.ipc), "IPC")
        } else if dotted == "kernel.hostname" || dotted == "kernel.domainname" {
            try demand(namespaces.isPrivate(.uts), "UTS")
        } else {
            throw RuntimeError(
                .sysctl,
                "sysctl \(name): it is not separate for each container; those are net.*, fs.mqueue.*, "
                    + ipc.sorted().joined(separator: ", ") + ", kernel.hostname and kernel.domainname")
        }
        return "sys/" + components.joined(separator: "/")
    }

    static func apply(_ values: [String: String]?, _ namespaces: NamespacePlan, _ proc: borrowing HostProc)
        throws(RuntimeError)
    {
        for (name, value) in (values ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = try path(of: name, namespaces)
            guard !value.utf8.contains(where: { $0 == 0 || $0 == 10 }) else {
                throw RuntimeError(.sysctl, "sysctl \(name): the value has a line break or a NUL in it")
            }
            do { try proc.write(path, value) } catch {
                throw RuntimeError(.sysctl, "setting \(name) to \(value)", error)
            }
        }
    }
}
