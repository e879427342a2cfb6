import Reactor
import APIModel
import Basics
import Glibc
import Kernel
import Networking
import OCI
import Storage
import Supervision

/// A container ready to be started.
struct Launch: Sendable {
    let options: MonitorOptions
    /// The spare monitor that suits it best.
    let kind: SpareMonitor.Kind
    /// What the bundle names by descriptor; to be kept until the container runs.
    let held: [SharedDescriptor]
    /// Its networks: taken already, to be given back when the start fails. nil: it has none of its own.
    let network: NetworkAttachment?
}

extension Engine {
    /// Takes the networks of a container for its next run, makes its bundle, and says how its monitor is to be
    /// started. When this throws, nothing is taken.
    func prepareLaunch(_ record: ContainerRecord) async throws -> Launch {
        await networksAreReady.wait()
        let modes = try NamespaceModes(record.hostConfig)
        let joined = try await joinedNamespaces(modes)
        let owner = try await networkOwner(record)
        return try await pool.run { [self] in try writeBundle(record, modes, joined, networkOwner: owner) }
    }

    /// Whose network a container is on: its own, or with `--network container:` the other's, whose name and
    /// addresses are then its own as well.
    private func networkOwner(_ record: ContainerRecord) async throws -> ContainerRecord {
        var owner = record
        // A chain, as joining needs a running container, never a circle; not for ever all the same.
        for _ in 0..<16 {
            guard case .container(let name) = try NamespaceModes(owner.hostConfig).network else { break }
            owner = await (try container(name)).record
        }
        return owner
    }

    /// The name that a container's processes have for their machine.
    func hostname(_ record: ContainerRecord) async throws -> String {
        // The other one may have been removed since; the name of what runs has not changed by that.
        try hostname(ofOwner: (try? await networkOwner(record)) ?? record)
    }

    private func hostname(ofOwner owner: ContainerRecord) throws -> String {
        SpecBuilder.hostname(owner.config, try NamespaceModes(owner.hostConfig), shortID: owner.shortID, facts)
    }

    /// The processes whose namespaces are shared, each of a running container.
    private func joinedNamespaces(_ modes: NamespaceModes) async throws -> (paths: SpecInput.Joined, shm: String?) {
        var joined = SpecInput.Joined()
        var shm: String?
        func pid(_ name: String) async throws -> Int32 {
            let other = try container(name)
            let state = await other.state
            guard state.isUp else {
                throw EngineError(.conflict, "cannot join the namespace of a non running container: \(name)")
            }
            return state.pid
        }
        if case .container(let name) = modes.pid { joined.pid = "/proc/\(try await pid(name))/ns/pid" }
        if case .container(let name) = modes.network { joined.network = "/proc/\(try await pid(name))/ns/net" }
        if case .container(let name) = modes.ipc {
            let other = try container(name)
            guard await other.record.hostConfig.ipcMode == "shareable" else {
                throw EngineError(
                    .conflict,
                    "cannot join the IPC namespace of container \(name): it was not made with --ipc shareable")
            }
            joined.ipc = "/proc/\(try await pid(name))/ns/ipc"
            shm = SharedMemory.path(other.runFiles.directory)
        }
        return (joined, shm)
    }

    /// Blocks.
    private func writeBundle(
        _ record: ContainerRecord, _ modes: NamespaceModes, _ joined: (paths: SpecInput.Joined, shm: String?),
        networkOwner owner: ContainerRecord
    ) throws -> Launch {
        let runDirectory = options.containerRunDirectory(record.id)
        var cleanup = CleanupStack()
        let network = try attach(record)
        if network != nil { cleanup.add { [self] in release(record.id) } }
        try Sys.makeDirectories(runDirectory, mode: 0o700)
        let lowers = try lowerDirectories(record)
        let user = try resolveUser(record, record.config.user, lowers)
        var config = record.config
        config.hostname = try hostname(ofOwner: owner)
        let files =
            owner.id == record.id
            ? try writeHostFiles(record, network) : hostFiles(owner)
        if let network { try writeResolver(record, network.endpoints) }
        var shm = joined.shm
        if modes.ipc == .shareable {
            try SharedMemory.mount(runDirectory, size: record.hostConfig.shmSize)
            shm = SharedMemory.path(runDirectory)
        }
        var held: [SharedDescriptor] = []
        let spec = try SpecBuilder.build(
            SpecInput(
                config: config, hostConfig: record.hostConfig, rootPath: rootPlace,
                cgroupsPath: options.cgroupPath(record.id), mounts: try bind(record.mounts, &held), user: user,
                files: files,
                joined: joined.paths, sharedShm: shm, host: facts))
        try Sys.writeFile(runDirectory + "/config.json", JSONWriter.bytes(of: spec))
        // The last run's end is in the database.
        let exit = RunFiles(directory: runDirectory).exit
        if Sys.exists(exit) { try Sys.unlink(exit) }
        let program = try seccomp.program(record.hostConfig, capabilities: spec.process?.capabilities)
        var monitor = try monitorOptions(record, modes, joined.paths, lowers, seccomp: program)
        monitor.networkNamespace = network != nil
        if let network, usesNameServer(record, network.endpoints) {
            monitor.resolver = RunFiles(directory: runDirectory).resolver
        }
        cleanup.disarm()
        return Launch(
            options: monitor, kind: modes.network == .none ? .emptyNetwork : .anyNetwork, held: held, network: network)
    }

    private func monitorOptions(
        _ record: ContainerRecord, _ modes: NamespaceModes, _ joined: SpecInput.Joined, _ lowers: [String],
        seccomp: String?
    ) throws -> MonitorOptions {
        let directory = options.containerDirectory(record.id)
        let runDirectory = options.containerRunDirectory(record.id)
        let limits = try LogLimits(record.hostConfig.logConfig)
        let pidNamespace: MonitorOptions.PidNamespace =
            switch modes.pid {
            case .private: .new
            case .host: .host
            case .container: .path(joined.pid ?? "")
            }
        return MonitorOptions(
            id: record.id, bundle: runDirectory, runDirectory: runDirectory, logDirectory: directory + "/log",
            logMaximumSize: Int(limits.maximumSize),
            logMaximumFiles: limits.maximumFiles, terminal: record.config.tty, openInput: record.config.openStdin,
            lower: lowers + [mountPoints], upper: directory + "/upper", work: directory + "/work", seccomp: seccomp,
            pidNamespace: pidNamespace, addInit: record.hostConfig.`init` ?? false,
            cgroup: options.cgroupPath(record.id))
    }

    func resolveUser(_ record: ContainerRecord, _ user: String, _ lowers: [String]) throws -> ResolvedUser {
        let upper = options.containerDirectory(record.id) + "/upper"
        let database = try users.read(chain: record.topLayer, lowers: lowers, upper: upper)
        return try UserLookup.resolve(user, groups: record.hostConfig.groupAdd ?? [], in: database)
    }

    /// `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`; made anew at each start, as the host may have changed.
    private func writeHostFiles(_ record: ContainerRecord, _ network: NetworkAttachment?) throws -> SpecInput.Files {
        let files = try files(record, network?.endpoints ?? [])
        let paths = hostFiles(record)
        for (path, text) in [
            (paths.hosts, files.hosts), (paths.hostname, files.hostname), (paths.resolver, files.resolver),
        ] {
            if let path { try Sys.writeFile(path, text.utf8, mode: 0o644) }
        }
        return paths
    }

    /// What is to be in them.
    func files(_ record: ContainerRecord, _ endpoints: [Endpoint]) throws -> HostFiles {
        try HostFiles(
            record.hostConfig, hostname: try hostname(ofOwner: record), domainname: record.config.domainname,
            network: try NamespaceModes(record.hostConfig).network, addresses: endpoints.flatMap(\.addresses),
            nameServer: usesNameServer(record, endpoints), gateway: networking.hostGateway,
            hostHosts: (try? Sys.readText("/etc/hosts")) ?? "", hostResolver: Self.hostResolver())
    }

    /// In the run directory: they are of the machine's present state, and of the container's present run.
    func hostFiles(_ record: ContainerRecord) -> SpecInput.Files {
        let directory = options.containerRunDirectory(record.id)
        return SpecInput.Files(
            hosts: directory + "/hosts", hostname: directory + "/hostname", resolver: directory + "/resolv.conf")
    }

    /// Finds the files of each mount on the host.
    private func bind(_ mounts: [PlannedMount], _ held: inout [SharedDescriptor]) throws -> [SpecInput.Bound] {
        var bound: [SpecInput.Bound] = []
        for mount in mounts {
            switch mount.kind {
            case .tmpfs: bound.append(SpecInput.Bound(mount))
            case .bind:
                if mount.createSource, !Sys.exists(mount.source) { try Sys.makeDirectories(mount.source) }
                bound.append(SpecInput.Bound(mount, hostPath: mount.source))
            case .volume where mount.subpath.isEmpty:
                bound.append(SpecInput.Bound(mount, hostPath: try volumes.get(mount.source).path))
            case .volume:
                let place = try subpath(mount.subpath, of: try volumes.get(mount.source))
                held.append(place)
                // By descriptor: a container that writes to the volume may swap the path for a symlink meanwhile.
                bound.append(SpecInput.Bound(mount, hostPath: "/proc/\(getpid())/fd/\(place.raw)"))
            }
        }
        return bound
    }

    /// A place inside a volume, where symlinks of whoever writes there lead nowhere else.
    private func subpath(_ path: String, of volume: StoredVolume) throws -> SharedDescriptor {
        do {
            let root = try RootedDirectory(path: volume.path)
            return SharedDescriptor(try root.open(path, Sys.openPath))
        } catch {
            guard error.isNotFound else { throw error }
            throw EngineError(
                .invalid, "cannot access path \(path) of volume \(volume.name): no such file or directory")
        }
    }

    // MARK: - Exec

    /// The `process` object of an exec, and the seccomp program it runs under. Blocks.
    func execProcess(
        _ request: ExecCreateRequest, in record: ContainerRecord, hostname: String, pid: Int32,
        size: (rows: UInt16, columns: UInt16)?
    )
        throws -> (process: [UInt8], seccomp: String?)
    {
        // The running container's own files: it may have added users.
        let root = RootedDirectory(try Sys.open("/proc/\(pid)/root", O_DIRECTORY | Sys.openPath))
        let user = try UserLookup.resolve(
            ExecSpec.user(request, record.config), groups: record.hostConfig.groupAdd ?? [],
            in: try UserDatabase.read(root))
        var config = record.config
        config.hostname = hostname
        let process = try ExecSpec.process(
            request, config, record.hostConfig, user: user, size: size.map { [$0.rows, $0.columns] }, facts: facts)
        let program =
            request.privileged ? nil : try seccomp.program(record.hostConfig, capabilities: process.capabilities)
        return (JSONWriter.bytes(of: process), program)
    }
}
