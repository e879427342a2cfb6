import APIModel
import Basics
import Deployment
import Engine
import Kernel
import Reactor
import Storage

extension EngineInstances {
    /// The volumes of the revision that must be alone are mounted by nobody that runs.
    package func verifyVolumes(_ order: InstanceOrder) async throws {
        for volume in order.spec.volumes where volume.access == .exclusive {
            let users = await holders(of: volume.name)
            if let user = users.first { throw Failure("volume \(volume.name) is still in use by \"\(user.name)\"") }
        }
    }

    private func snapshotDirectory(_ key: String) -> String { "\(engine.options.dataRoot)/snapshots/\(key)" }

    /// A copy of each volume, shared blocks where the file system can. The one before it goes.
    package func snapshotVolumes(_ order: InstanceOrder, key: String) async throws {
        let directory = snapshotDirectory(key)
        let sources = try await paths(order)
        try await engine.pool.run { [engine] in
            if Sys.exists(directory) { return }
            let all = engine.options.dataRoot + "/snapshots"
            try Sys.makeDirectories(all, mode: 0o700)
            for entry in try Sys.list(all) where entry.name.hasPrefix(order.service + "-d") {
                try Sys.removeTree("\(all)/\(entry.name)")
            }
            let temporary = directory + ".part"
            if Sys.exists(temporary) { try Sys.removeTree(temporary) }
            try Sys.mkdir(temporary, mode: 0o700)
            for (name, path) in sources {
                try Sys.mkdir("\(temporary)/\(name)")
                try Self.copy(path, to: "\(temporary)/\(name)")
            }
            // A copy has its name only when it is complete.
            try Sys.rename(temporary, directory)
        }
    }

    package func restoreVolumes(_ order: InstanceOrder, key: String) async throws {
        let directory = snapshotDirectory(key)
        let targets = try await paths(order)
        try await engine.pool.run {
            guard Sys.exists(directory) else { throw Failure("there is no copy of the volumes to put back") }
            for (name, path) in targets {
                for entry in try Sys.list(path) { try Sys.removeTree("\(path)/\(entry.name)") }
                try Self.copy("\(directory)/\(name)", to: path)
            }
        }
    }

    private func paths(_ order: InstanceOrder) async throws -> [(String, String)] {
        var result: [(String, String)] = []
        for volume in order.spec.volumes {
            // One that no instance has made yet is empty, before and after.
            guard let found = try? await engine.volume(volume.name) else { continue }
            result.append((volume.name, found.mountpoint))
        }
        return result
    }

    private static func copy(_ from: String, to: String) throws {
        let source = try Sys.open(from, Sys.openDirectory)
        let target = try Sys.open(to, Sys.openDirectory)
        try TreeCopier.copyContents(from: source, to: target)
    }
}
