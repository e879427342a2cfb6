import APIModel
package import Basics
import Cgroups
package import Database
import Glibc
import Kernel
package import Networking
package import Reactor
import Storage
import Synchronization

/// The container engine: all containers, images and volumes of one data root.
///
/// Long-lived parts hang here; what a container does is in `Container`, one actor each. Methods are in
/// `Engine+Topic.swift`.
package final class Engine: Sendable {
    package let options: EngineOptions
    package let loop: EventLoop
    package let pool: BlockingPool
    /// For archives that go to and come from clients: one that stalls keeps its thread, and `pool` is for all the rest.
    let transfers = BlockingPool(name: "transfers", limit: 32)
    package let events = EventBus()
    package let logger: Logger
    package let started = Timestamp(nanosecondsSince1970: Clock.realtime())
    /// Its calls block: they are for the pool.
    package let networking: Networking
    /// Opens when the kernel has been told of the networks, at the start of the daemon: no container is put on one
    /// before.
    let networksAreReady = Latch()
    let stores: Stores
    let cgroups: CgroupHost
    let seccomp: SeccompCache
    /// box-runtime through a mount that no container can write through; kept open, so that starting it is one exec.
    private let runtime: SharedDescriptor
    let spares: SpareMonitors
    let users: UserFiles
    let registry = ContainerRegistry()
    let host = HostStatistics()
    let facts: HostFacts
    let hostID: String
    /// Set once, before there are clients.
    private let held = Mutex<(any EngineClaims)?>(nil)

    /// Opens the data root and reads what is there. Blocks. No container is touched before `reconcile`.
    package init(_ options: EngineOptions, loop: EventLoop, pool: BlockingPool) throws {
        self.options = options
        self.loop = loop
        self.pool = pool
        logger = Logger("boxd", minimum: options.logLevel)
        stores = try Stores(dataRoot: options.dataRoot, log: logger)
        networking = try Networking(options.networking, database: stores.database, log: logger.with("network"))
        try Sys.makeDirectories(options.runDirectory, mode: 0o700)
        try Sys.makeDirectories(options.runDirectory + "/containers", mode: 0o700)
        cgroups = try CgroupHost.detect()
        runtime = SharedDescriptor(try ProtectedProgram.open(options.runtimePath))
        // By a path that leads there from any process of this host.
        spares = SpareMonitors(program: "/proc/\(getpid())/fd/\(runtime.raw)", count: 3, logger: logger)
        seccomp = SeccompCache(directory: options.dataRoot + "/seccomp")
        users = UserFiles()
        facts = try HostFacts.current()
        hostID = try Self.identity(options.dataRoot + "/engine-id")
        try makeMountPoints()
    }

    /// Makes sure that no other daemon uses this one's bridge.
    package func claimBridge() throws { try networking.claimBridge() }

    package var database: Database { stores.database }

    /// What belongs to somebody who is above the engine.
    package var claims: (any EngineClaims)? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }

    var root: DataRoot { stores.root }
    var table: ContainerTable { stores.containers }
    var images: ImageStore { stores.images }
    var layers: LayerStore { stores.layers }
    var volumes: VolumeStore { stores.volumes }

    /// Has monitors wait for the next containers. Blocks.
    package func openSpareMonitors() { spares.open() }

    /// After a start: its monitor is replaced when the container had some time for itself, as whatever it does first, and
    /// who waits for it, should not wait for a processor. Without any that wait, at once.
    func refillSpares() {
        let isUrgent = spares.isEmpty
        if !isUrgent, !spares.planRefill() { return }
        Task { [spares, pool, loop] in
            if !isUrgent { try? await loop.sleep(nanoseconds: 20_000_000) }
            await pool.run { spares.refill() }
        }
    }

    /// What every container has something mounted on, as the lowest layer of all: an image that lacks it need not have it
    /// made in each container's own layer, which takes long, and would be there to be committed.
    var mountPoints: String { options.dataRoot + "/mount-points" }

    /// Where every container mounts its root. One place for all: each is in a mount namespace of its own.
    var rootPlace: String { options.dataRoot + "/rootfs" }

    private func makeMountPoints() throws(SyscallError) {
        try Sys.makeDirectories(mountPoints, mode: 0o700)
        try Sys.makeDirectories(rootPlace, mode: 0o700)
        for name in ["dev", "etc", "proc", "sys"] { try Sys.makeDirectories("\(mountPoints)/\(name)", mode: 0o755) }
        for name in ["etc/hosts", "etc/hostname", "etc/resolv.conf"] {
            let path = "\(mountPoints)/\(name)"
            if !Sys.exists(path) { try Sys.replaceFile(path, [], mode: 0o755) }
        }
    }

    /// This engine's own name for itself, the same after a restart.
    private static func identity(_ path: String) throws -> String {
        if let text = try? Sys.readText(path), let known = Identifier(text) { return known.hex }
        let new = Identifier().hex
        try Sys.replaceFile(path, Array(new.utf8), sync: true)
        return new
    }

    func lowerDirectories(_ record: ContainerRecord) throws -> [String] {
        guard let top = record.topLayer else { return [] }
        return try layers.paths(forChain: top)
    }

    func remember(_ session: ExecSession) { registry.add(session) }
    func forgetExecs(of container: String, except known: Set<String>) {
        registry.removeExecs(of: container, except: known)
    }
}
