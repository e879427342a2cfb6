import APIModel
import Basics
package import Deployment
package import Engine
import Glibc
import Kernel
import Reactor
import Routing
import Storage
import Supervision
import Synchronization

/// Instances are ordinary containers of the engine: seen in `ps`, and told apart by their labels.
package final class EngineInstances: InstanceDriver, ImageResolver {
    let engine: Engine
    let journal: any ServiceJournal
    let directory: ServiceDirectory
    private let prober: Prober
    private let table: ConnectionTable
    private struct State {
        /// While they start or drain.
        var sockets: [String: InstanceSockets] = [:]
        /// The runs whose log has had the line that its probe looks for.
        var seenInLog: [String: Int] = [:]
    }
    private let state = Mutex(State())

    package init(_ engine: Engine, journal: any ServiceJournal, directory: ServiceDirectory) throws {
        self.engine = engine
        self.journal = journal
        self.directory = directory
        prober = Prober(loop: engine.loop)
        table = try ConnectionTable()
    }

    /// Of every container that belongs to a service.
    package enum Label {
        package static let service = "box.service"
        package static let revision = "box.revision"
        package static let instance = "box.instance"
        package static let hook = "box.hook"
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ text: String) { description = text }
    }

    /// nil when there is none.
    func container(_ name: String) -> Container? { try? engine.container(name) }

    private func running(_ name: String) async throws -> Container {
        let container = try engine.container(name)
        guard await container.state.isUp else { throw Failure("\(name) does not run") }
        return container
    }

    // MARK: What there is

    package func observe(service: String) async throws -> [Observation.Seen] {
        let found = try await engine.list(
            all: true, limit: 0, sizes: false, filters: Filters(["label": ["\(Label.service)=\(service)"]]))
        var seen: [Observation.Seen] = []
        for one in found where one.labels[Label.hook] == nil {
            guard let name = one.labels[Label.instance] else { continue }
            let existence: Observation.Existence =
                switch one.state {
                case "running", "restarting": .running
                case "paused": .frozen
                default: .exited
                }
            seen.append(
                .init(name: name, existence: existence, address: one.networkSettings.address))
        }
        return seen
    }

    package func pin(_ image: String) async throws -> String {
        do {
            let found = try await engine.inspectImage(image)
            return "\(PinnedImage.name(image))@\(found.id)"
        } catch {
            // As it was pinned before.
            if image.contains("@"), (try? await engine.inspectImage(PinnedImage.identifier(image))) != nil {
                return image
            }
            let text =
                "image \(image) is not here, and no registry can be reached yet: load it with 'boxctl load'"
            var refusal = ServiceError(.refused, text)
            refusal.refusals = [PreflightRefusal(subject: .image, text: text)]
            throw refusal
        }
    }

    package func pull(image: String) async throws {
        guard (try? await engine.inspectImage(PinnedImage.identifier(image))) != nil else {
            throw Failure("image \(image) is gone, and no registry can be reached yet: load it with 'boxctl load'")
        }
    }

    // MARK: Start

    package func start(_ order: InstanceOrder, avoid: [String]) async throws -> String {
        let container: Container
        if let known = self.container(order.instance) {
            let labels = await known.record.config.labels ?? [:]
            guard labels[Label.service] == order.service, labels[Label.instance] == order.instance else {
                throw Failure(
                    "the name \(order.instance) is taken by a container that is not of service \(order.service): "
                        + "rename or remove it")
            }
            container = known
        } else {
            let made = try await engine.create(name: order.instance, Self.request(order))
            container = try engine.container(made.id)
        }
        switch await container.state.status {
        case .running: break
        case .paused: try await container.unpause()
        default: try await container.start()
        }
        guard let address = await container.summary().networkSettings.address else {
            throw Failure("\(order.instance) has no address")
        }
        if avoid.contains(address) {
            try await container.kill("KILL")
            throw Failure("\(order.instance) was given \(address), which connections are still known to")
        }
        return address
    }

    static func request(_ order: InstanceOrder) -> ContainerCreateRequest {
        let spec = order.spec
        var config = ContainerConfig(
            user: spec.user ?? "", env: spec.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" },
            image: PinnedImage.identifier(spec.image))
        if !spec.command.isEmpty { config.cmd = spec.command }
        config.exposedPorts = Dictionary(
            spec.ports.map { ("\($0.target)/\($0.transport.rawValue)", EmptyObject()) },
            uniquingKeysWith: { first, _ in first })
        config.labels = [
            Label.service: order.service, Label.revision: "r\(order.revision)", Label.instance: order.instance,
            "box.image": PinnedImage.name(spec.image),
        ]
        // Its health is asked for by the service, from outside.
        config.healthcheck = HealthConfig(test: ["NONE"])
        config.stopSignal = signalName(spec.drain.stopSignal)
        var host = HostConfig()
        host.restartPolicy = RestartPolicy(name: "no")
        host.mounts = spec.volumes.map { Mount(type: "volume", source: $0.name, target: $0.at) }
        if let memory = spec.resources.memory { host.resources.memory = memory }
        if let cpu = spec.resources.cpu { host.resources.nanoCpus = Int64(cpu * 1e9) }
        return ContainerCreateRequest(config: config, hostConfig: host)
    }

    private static func signalName(_ text: String) -> String {
        text.hasPrefix("SIG") || text.first?.isNumber == true ? text : "SIG\(text)"
    }

    package func exit(of instance: String) async throws -> InstanceExit {
        guard let container = container(instance) else { return InstanceExit(code: 137, outOfMemory: false) }
        let result = try await container.wait(for: .notRunning)
        dropSockets(instance)
        return InstanceExit(code: Int(result.exitCode), outOfMemory: await container.state.oomKilled)
    }

    // MARK: Sockets

    private func sockets(_ order: InstanceOrder) async throws -> InstanceSockets? {
        let ports = Set(order.spec.ports.filter { $0.transport == .tcp }.map { UInt16($0.target) })
        if ports.isEmpty { return nil }
        if let known = state.withLock({ $0.sockets[order.instance] }) { return known }
        let pid = await (try running(order.instance)).state.pid
        let made = try await engine.pool.run {
            let namespace = try Sys.open("/proc/\(pid)/ns/net", O_RDONLY)
            return try InstanceSockets(namespace: namespace.raw, ports: ports)
        }
        state.withLock { $0.sockets[order.instance] = made }
        return made
    }

    /// They keep the network namespace alive.
    private func dropSockets(_ instance: String) { state.withLock { $0.sockets[instance] = nil } }

    package func isListening(_ order: InstanceOrder) async throws -> Bool {
        guard let sockets = try await sockets(order) else { return true }
        let silent = try await engine.pool.run { try sockets.silentPorts() }
        if silent.isEmpty { dropSockets(order.instance) }
        return silent.isEmpty
    }

    package func connections(_ order: InstanceOrder) async throws -> (short: Int, long: Int) {
        guard let sockets = try await sockets(order) else { return (0, 0) }
        let count = try await engine.pool.run { try sockets.count() }
        return (count.short, count.long)
    }

    package func cutConnections(_ order: InstanceOrder) async throws -> Int {
        guard let sockets = try await sockets(order) else { return 0 }
        return try await engine.pool.run { try sockets.cut() }
    }

    // MARK: Probes

    package func probe(_ order: InstanceOrder) async -> ProbeResult {
        let policy = order.spec.health
        do {
            switch policy.probe {
            case .http(let path, let port, let host, let expect, let followRedirects):
                let probe = HTTPProbe(path: path, host: host, expect: expect, followRedirects: followRedirects)
                return await prober.http(
                    try Self.address(order), port: try Self.port(order, port), probe, timeout: policy.timeout)
            case .tcp(let port):
                return await prober.tcp(
                    try Self.address(order), port: try Self.port(order, port), timeout: policy.timeout)
            case .exec(let command):
                let (code, output) = try await execute(command, in: order.instance, timeout: policy.timeout)
                let line = output.split(separator: "\n").last.map { ": \($0.prefix(200))" } ?? ""
                return ProbeResult(passed: code == 0, detail: "\(command.joined(separator: " ")) -> \(code)\(line)")
            case .log(let text): return try await probeLog(order, text)
            case .running:
                let isListening = try await self.isListening(order)
                return ProbeResult(passed: isListening, detail: isListening ? "listens" : "a port has no listener")
            }
        } catch {
            return ProbeResult(passed: false, detail: "\(error)")
        }
    }

    private static func address(_ order: InstanceOrder) throws -> IPAddress {
        guard let address = order.address.flatMap({ IPAddress($0) }) else {
            throw Failure("\(order.instance) has no address")
        }
        return address
    }

    private static func port(_ order: InstanceOrder, _ name: String?) throws -> UInt16 {
        guard let port = order.spec.ports.first(where: { name == nil || $0.name == name }) else {
            throw Failure("there is no port \(name ?? "")")
        }
        return UInt16(port.target)
    }

    /// A line that was there stays true for the run.
    private func probeLog(_ order: InstanceOrder, _ text: String) async throws -> ProbeResult {
        let container = try await running(order.instance)
        let run = await container.state.runs
        let passed = ProbeResult(passed: true, detail: "the log has '\(text)'")
        if state.withLock({ $0.seenInLog[order.instance] }) == run { return passed }
        // The first lines may be older than the word that it runs. Of an instance that is started again, the last run
        // has ended long before.
        let began = run > 1 ? await container.state.startedAt?.nanosecondsSince1970 ?? 0 : 0
        let start = Timestamp(nanosecondsSince1970: max(0, began - 1_000_000_000))
        let follower = try await container.logs(from: .since(start), streams: .both, follow: false)
        var bytes: [UInt8] = []
        while let chunk = try await follower.next() {
            bytes += chunk.bytes
            if bytes.count > 4 << 20 { bytes.removeFirst(2 << 20) }
        }
        guard String(decoding: bytes, as: UTF8.self).contains(text) else {
            return ProbeResult(passed: false, detail: "the log does not have '\(text)' yet")
        }
        state.withLock { $0.seenInLog[order.instance] = run }
        return passed
    }

    package func warmUp(_ order: InstanceOrder, paths: [String]) async throws {
        let (address, port) = (try Self.address(order), try Self.port(order, nil))
        for path in paths {
            // Whatever it answers has warmed it, unless it could not.
            let result = await prober.http(
                address, port: port, HTTPProbe(path: path, expect: 100...499), timeout: order.spec.health.timeout)
            guard result.passed else { throw Failure(result.detail) }
        }
    }

    package func giveNotice(_ order: InstanceOrder, _ notice: DrainPolicy.LameDuck) async throws {
        switch notice {
        case .signal(let name): try await running(order.instance).kill(Self.signalName(name))
        case .exec(let command):
            let (code, output) = try await execute(command, in: order.instance, timeout: order.spec.health.timeout)
            if code != 0 { throw Failure("\(command.joined(separator: " ")) -> \(code): \(output.prefix(200))") }
        case .http(let path):
            let probe = HTTPProbe(path: path, isNotice: true)
            let result = await prober.http(
                try Self.address(order), port: try Self.port(order, nil), probe, timeout: order.spec.health.timeout)
            if !result.passed { throw Failure(result.detail) }
        }
    }

    // MARK: Freezer, signals

    package func freeze(_ instance: String) async throws {
        let container = try await running(instance)
        dropSockets(instance)
        if await container.state.status != .paused { try await container.pause() }
    }

    package func thaw(_ instance: String) async throws {
        let container = try await running(instance)
        if await container.state.status == .paused { try await container.unpause() }
    }

    package func signal(_ instance: String, _ signal: String, isFrozen: Bool) async throws {
        dropSockets(instance)
        // One that has ended needs none, and its end is reported elsewhere.
        guard let container = container(instance), await container.state.isUp else { return }
        try await container.kill(Self.signalName(signal))
        if await container.state.status == .paused { try await container.unpause() }
    }

    package func kill(_ instance: String) async throws {
        dropSockets(instance)
        guard let container = container(instance), await container.state.isUp else { return }
        try await container.kill("SIGKILL")
    }

    package func log(of instance: String, lines: Int) async throws -> [String] {
        guard let container = container(instance) else { return [] }
        let follower = try await container.logs(from: .tail(lines: lines), streams: .both, follow: false)
        var bytes: [UInt8] = []
        while let chunk = try await follower.next(), bytes.count < 1 << 20 { bytes += chunk.bytes }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(lines).map(String.init)
    }

    package func remove(_ instance: String) async throws {
        dropSockets(instance)
        state.withLock { $0.seenInLog[instance] = nil }
        guard let container = container(instance) else { return }
        try await engine.remove(container, force: true, volumes: true)
    }

    package func forget(address: String) async throws {
        guard let address = IPAddress(address) else { return }
        try await engine.pool.run { [table] in try table.clear(address) }
    }
}

extension NetworkSettingsSummary {
    /// On the default network, or the first there is.
    var address: String? {
        let all = [networks["bridge"]] + networks.sorted { $0.key < $1.key }.map(\.value)
        return all.compactMap { $0?.ipAddress }.first { !$0.isEmpty }
    }
}
