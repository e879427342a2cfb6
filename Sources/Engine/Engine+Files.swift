package import APIModel
import Archive
package import Basics
import Glibc
import Kernel
import OCI
import Reactor
import Storage

extension Engine {
    /// What the runtime puts into every container for its mounts: not the container's doing.
    static let madeByRuntime: [BytePath] = ["dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf"]

    /// What `diff` shows.
    package func changes(_ text: String) async throws -> [FilesystemChange] {
        let container = try container(text)
        let lowers = try lowerDirectories(await container.record)
        return try await pool.run {
            let upper = try Sys.open(container.directory + "/upper", Sys.openDirectory)
            let below = try lowers.map { SharedDescriptor(try Sys.open($0, Sys.openDirectory)) }
            return try LayerDiff.changes(upper: upper, lowers: below, excluding: Self.madeByRuntime).map {
                FilesystemChange(path: "\($0.path)", kind: FilesystemChangeKind($0.kind))
            }
        }
    }

    /// Writes the container's files as an archive, without what is mounted into it. Runs `write` on a thread that
    /// may block.
    package func export(_ text: String, to sink: any ByteSink & Sendable) async throws {
        let container = try container(text)
        try await withRoot(of: container, withMounts: false, on: transfers) { root in
            let writer = TarWriter(sink)
            try TreeArchiver.archive("/", as: "", in: root, to: writer, options: .init(crossesMounts: false))
            try writer.finish()
        }
        await container.publish("export")
    }

    /// What is at a path in a container; of a symlink, not of what it leads to.
    package func pathStatus(_ text: String, path: String) async throws -> PathStatus {
        try await withRoot(of: try container(text), withMounts: true, on: pool) { root in
            try Self.named(path, in: text) { () throws(SyscallError) in try Self.status(path, root) }
        }
    }

    /// Writes what is at a path as an archive, under its own name. `begin` is called with its status first.
    package func copyOut(
        _ text: String, path: String, begin: @escaping @Sendable (PathStatus) throws -> any ByteSink & Sendable
    ) async throws {
        let container = try container(text)
        try await withRoot(of: container, withMounts: true, on: transfers) { root in
            let status = try Self.named(path, in: text) { () throws(SyscallError) in try Self.status(path, root) }
            let writer = TarWriter(try begin(status))
            try TreeArchiver.archive(path, as: BytePath(Self.archiveName(path)), in: root, to: writer)
            try writer.finish()
        }
        await container.publish("archive-path")
    }

    /// Extracts an archive, compressed or not, into a directory of a container.
    ///
    /// - Parameters:
    ///   - keepKinds: a directory and something else do not replace each other.
    ///   - asUser: all files belong to the container's user.
    package func copyIn(
        _ text: String, path: String, _ source: any ByteSource & Sendable, keepKinds: Bool, asUser: Bool
    ) async throws {
        let container = try container(text)
        let record = await container.record
        let lowers = try lowerDirectories(record)
        try await withRoot(of: container, withMounts: true, on: transfers) { [self] root in
            let user = asUser ? try resolveUser(record, record.config.user, lowers) : nil
            try Self.named(path, in: text) { () throws(SyscallError) in
                _ = try root.open(path, O_DIRECTORY | Sys.openPath)
            }
            let options = TreeExtractor.Options(
                noOverwriteDirNonDir: keepKinds, owner: user.map { FileOwner(uid: $0.uid, gid: $0.gid) })
            do {
                _ = try TreeExtractor.extract(
                    try Decompressor.open(source).source, into: root, directory: path, options: options)
            } catch let error as SyscallError where error.errno == EROFS {
                throw EngineError(
                    .forbidden,
                    "cannot copy to \(path) in container \(text): its root file system, or what is mounted "
                        + "there, is read-only")
            }
        }
        await container.publish("extract-to-dir")
    }

    /// Calls `body` with the container's root directory, on a thread that may block.
    ///
    /// A stopped container does nothing else meanwhile: an overlay must not be mounted twice over the same files.
    private func withRoot<Value: Sendable>(
        of container: Container, withMounts: Bool, on pool: BlockingPool,
        _ body: @escaping @Sendable (borrowing RootedDirectory) throws -> Value
    ) async throws -> Value {
        let files = try await files(of: container)
        if files.running != nil { return try await pool.run { try files.withRoot(withMounts: withMounts, body) } }
        return try await container.gate.run {
            let files = try await self.files(of: container)
            return try await pool.run { try files.withRoot(withMounts: withMounts, body) }
        }
    }

    private func files(of container: Container) async throws -> ContainerFiles {
        let record = await container.record
        var mounts: [ContainerFiles.Mount] = record.mounts.compactMap { mount in
            guard mount.kind != .tmpfs else { return nil }
            let source = mount.kind == .bind ? mount.source : "\(root.volumes)/\(mount.source)/data"
            return ContainerFiles.Mount(
                destination: mount.destination, source: source, subpath: mount.subpath, readOnly: mount.readOnly)
        }
        // Not there before its first start.
        let files = hostFiles(record)
        for (name, file) in [("hosts", files.hosts), ("hostname", files.hostname), ("resolv.conf", files.resolver)] {
            let destination = "/etc/" + name
            guard let file, !mounts.contains(where: { $0.destination == destination }) else { continue }
            mounts.append(
                ContainerFiles.Mount(destination: destination, source: file, subpath: "", readOnly: false))
        }
        let running = await container.runningProcess
        // Its last run may be about to be unmounted.
        if running == nil { await container.lastLink?.hasEnded() }
        return ContainerFiles(
            record: record, running: running, lowers: try lowerDirectories(record),
            directory: container.directory, place: rootPlace, mounts: mounts)
    }

    private static func named(_ path: String, in container: String, _ body: () throws(SyscallError) -> Void) throws {
        _ = try named(path, in: container) { () throws(SyscallError) -> Bool in
            try body()
            return true
        }
    }

    private static func named<Value>(_ path: String, in container: String, _ body: () throws(SyscallError) -> Value)
        throws
        -> Value
    {
        do { return try body() } catch {
            switch error.errno {
            case ENOENT, ELOOP:
                throw EngineError(.notFound, "Could not find the file \(path) in container \(container)")
            case ENOTDIR: throw EngineError(.invalid, "\(path) in container \(container) is not a directory")
            default: throw error
            }
        }
    }

    private static func status(_ path: String, _ root: borrowing RootedDirectory) throws(SyscallError) -> PathStatus {
        let status = try root.status(path)
        var target = ""
        if status.kind == .symlink, let parent = try root.parent(of: path) {
            target = try Sys.readlink(at: parent.raw, parent.name)
        }
        return PathStatus(name: archiveName(path), status, linkTarget: target)
    }

    /// The last component; `.` where the path says so: the entry that Docker's clients expect then.
    private static func archiveName(_ path: String) -> String {
        if path.hasSuffix("/.") || path == "." { return "." }
        return path.split(separator: "/").last.map(String.init) ?? ""
    }
}

extension FilesystemChangeKind {
    fileprivate init(_ kind: LayerChange.Kind) {
        self =
            switch kind {
            case .modified: .modified
            case .added: .added
            case .deleted: .deleted
            }
    }
}

extension Container {
    var runningProcess: (pid: Int32, pidfd: SharedDescriptor)? {
        guard state.isUp, let pidfd else { return nil }
        return (state.pid, pidfd)
    }
}
