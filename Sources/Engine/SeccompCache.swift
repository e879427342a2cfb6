import APIModel
import Archive
import Basics
import Kernel
import OCI
import Seccomp
import Synchronization

/// Compiled seccomp programs as files, each made once: compiling takes longer than starting a container.
final class SeccompCache: Sendable {
    private let directory: String
    private struct Key: Hashable {
        let profile: String
        let capabilities: [String]
    }
    private let known = Mutex<[Key: String]>([:])
    /// Part of the names: programs of another version of the compiler or of the profile are made anew.
    private static let version = "2"

    init(directory: String) { self.directory = directory }

    /// The file with a container's program; nil when it runs unconfined. Blocks.
    func program(_ host: HostConfig, capabilities: CapabilitySets?) throws -> String? {
        let names = (capabilities?.bounding ?? []).sorted()
        switch try SecurityOptions(host).seccomp {
        case .unconfined: return nil
        case .standard:
            return try file("default", names) { try DefaultSeccompProfile.program(capabilities: Set(names)) }
        case .profile(let json):
            return try file(json, names) {
                try SeccompCompiler.compile(
                    try SeccompProfile(parsing: Array(json.utf8)).resolved(capabilities: Set(names)))
            }
        }
    }

    private func file(_ profile: String, _ capabilities: [String], _ compile: () throws -> [UInt8]) throws -> String {
        let known = Key(profile: profile, capabilities: capabilities)
        if let path = self.known.withLock({ $0[known] }) { return path }
        let key = "\(Self.version) \(HostName().release) \(capabilities.joined(separator: ",")) \(profile)"
        let path = "\(directory)/\(SHA256Hasher.digest(of: Array(key.utf8)).hex).bpf"
        if !Sys.exists(path) {
            try Sys.makeDirectories(directory, mode: 0o700)
            // Under a name of its own first: several containers may be the first with this profile at once.
            let fresh = "\(path).\(Identifier().short)"
            try Sys.replaceFile(fresh, try compile())
            try Sys.rename(fresh, path)
        }
        self.known.withLock { $0[known] = path }
        return path
    }
}
