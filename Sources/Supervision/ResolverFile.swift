package import Basics
import Glibc
package import Kernel

/// What a container's name server answers from, and whom it asks: `RunFiles.resolver`.
///
/// Text, a line each; lines of unknown kinds are passed over:
///
///     box-resolver 1
///     network /run/box/networks/<id>/names
///     upstream 192.0.2.1
///     upstream 192.0.2.2#5353
///     internal
///
/// `network`: the `NameTable` of a network that the container is on; asked in this order. `upstream`: a name server,
/// as the host reaches it; asked in this order, for names that no network has. `internal`: nothing of what the
/// container asks may leave the host, so nobody is asked. The file is replaced as a whole whenever something changes.
package struct ResolverFile: Sendable, Hashable {
    package struct Upstream: Sendable, Hashable, CustomStringConvertible {
        package var address: IPAddress
        package var port: UInt16

        package init(_ address: IPAddress, port: UInt16 = 53) {
            self.address = address
            self.port = port
        }

        package var description: String { port == 53 ? "\(address)" : "\(address)#\(port)" }

        package init?(_ text: some StringProtocol) {
            let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let address = IPAddress(first) else { return nil }
            var port: UInt16 = 53
            if parts.count > 1 {
                guard let number = UInt16(parts[1]), number > 0 else { return nil }
                port = number
            }
            self.init(address, port: port)
        }
    }

    /// Paths of `NameTable`s; without line ends.
    package var networks: [String]
    package var upstreams: [Upstream]
    package var isInternal: Bool

    package init(networks: [String] = [], upstreams: [Upstream] = [], isInternal: Bool = false) {
        self.networks = networks
        self.upstreams = upstreams
        self.isInternal = isInternal
    }

    package var encoded: String {
        var text = "box-resolver 1\n"
        for path in networks { text += "network \(path)\n" }
        for upstream in upstreams { text += "upstream \(upstream)\n" }
        if isInternal { text += "internal\n" }
        return text
    }

    package init(parsing text: String) {
        self.init()
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            switch (words.first, words.count) {
            case ("network", 2): networks.append(String(words[1]))
            case ("upstream", 2): if let upstream = Upstream(words[1]) { upstreams.append(upstream) }
            case ("internal", 1): isInternal = true
            default: continue
            }
        }
    }

    package static func read(_ path: String) throws(SyscallError) -> ResolverFile {
        ResolverFile(parsing: try Sys.readText(path))
    }

    /// A reader sees the old file or this one.
    package func write(_ path: String) throws(SyscallError) {
        try Sys.replaceFile(path, encoded.utf8, mode: 0o600)
    }
}
