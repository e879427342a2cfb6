import API
import Basics
import Engine
import Glibc
import HTTPServer
import Kernel
import Networking
import Reactor
import Routing
import Services

/// One boxd: opens its places, finds its containers again, serves the API until it is told to end.
struct Daemon {
    private let options: DaemonOptions
    private let loop: EventLoop
    private let engine: Engine
    private let services: ServiceManager
    private let signals: SignalReader
    private let logger: Logger

    init(_ options: DaemonOptions, signals: consuming SignalDescriptor) throws {
        self.options = options
        guard Sys.exists(options.engine.runtimePath) else {
            throw DaemonOptions.Problem(
                description: "\(options.engine.runtimePath) is missing: build box-runtime, or name it with --runtime")
        }
        let workers = try Workers.install(parallel: min(Processes.processors, 8))
        loop = workers.loop
        self.signals = SignalReader(signals, loop: loop)
        engine = try Engine(options.engine, loop: loop, pool: BlockingPool(workers: workers))
        try engine.claimBridge()
        logger = engine.logger
        services = try Self.services(of: engine)
    }

    private static func services(of engine: Engine) throws -> ServiceManager {
        let log = engine.logger.with("services")
        let journal = try DatabaseJournal(
            engine.database, log: log, reserve: engine.options.dataRoot + "/journal.reserve")
        let directory = ServiceDirectory()
        engine.claims = directory
        let instances = try EngineInstances(engine, journal: journal, directory: directory)
        let networking = engine.networking
        let router = try NFTRouter(
            table: "\(networking.options.tableName)-services", ports: networking, log: engine.logger.with("router"))
        let tools = ServiceTools(
            instances: instances, router: router, journal: journal, clock: .boottime(engine.loop), pool: engine.pool,
            log: log, bootID: try Sys.readText("/proc/sys/kernel/random/boot_id"), directory: directory)
        return ServiceManager(tools, images: instances)
    }

    func run() async throws {
        await engine.reconcile()
        engine.openSpareMonitors()
        await services.start()
        let path = options.socketPath
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        try Sys.makeDirectories(String(path[..<slash]), mode: 0o700)
        // Only who holds the data root gets here, so a socket that is there is a dead one's.
        let listener = SharedDescriptor(
            try Sys.listenUnix(
                .stream, in: slash == path.startIndex ? "/" : String(path[..<slash]),
                name: String(path[path.index(after: slash)...])))
        let server = APIServer.make(engine, services, loop: loop)
        let serving = Task { try await server.serve(listener) }
        logger.info("listening on unix://\(path), version \(BoxVersion.current)")
        // What is used at the beginning alone.
        Processes.trimMemory()
        try await waitForTheEnd()
        serving.cancel()
        // Containers stay: their monitors need nobody. Who connects now is refused at once.
        try? Sys.unlink(path)
        await services.close()
        await engine.close()
        logger.info("ended; containers go on")
    }

    /// SIGTERM or SIGINT. SIGHUP has nothing to read again, and must not end us.
    private func waitForTheEnd() async throws {
        while true {
            let signal = try await signals.next()
            if signal == SIGTERM || signal == SIGINT { return }
            logger.info("SIGHUP: nothing of the configuration can change while boxd runs")
        }
    }
}
