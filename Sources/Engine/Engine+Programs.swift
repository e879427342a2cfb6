import Kernel
import OCI
import Reactor
import Storage

extension Engine {
    /// Whether an image has a program of that name: a path, or a name that its PATH leads to.
    package func hasProgram(_ name: String, inImage image: String) async throws -> Bool {
        try await pool.run { [images, layers] in
            let image = try images.resolve(image)
            let lowers = try image.chain.map { try layers.paths(forChain: $0) } ?? []
            if lowers.isEmpty { return false }
            let root = try OverlayMount.open(lowers: lowers, upper: nil, work: nil)
            let config = image.config.config
            if name.contains("/") {
                let directory = config.workingDir ?? "/"
                return Self.isProgram(name.hasPrefix("/") ? name : "\(directory)/\(name)", root)
            }
            let path = config.env.last { $0.hasPrefix("PATH=") }.map { $0.dropFirst(5) } ?? Self.standardPath[...]
            return path.split(separator: ":").contains { Self.isProgram("\($0)/\(name)", root) }
        }
    }

    private static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private static func isProgram(_ path: String, _ root: borrowing RootedDirectory) -> Bool {
        guard let status = try? root.status(path, follow: true) else { return false }
        return status.kind == .regular && status.mode & 0o111 != 0
    }
}
