import Basics
package import Deployment
import Reactor
import Routing
import Synchronization

/// All services of a daemon.
package final class ServiceManager: Sendable {
    private struct State {
        var controllers: [String: ServiceController] = [:]
    }
    private let state: Mutex<State>
    package let tools: ServiceTools
    private let images: any ImageResolver

    package init(_ tools: ServiceTools, images: any ImageResolver) {
        self.tools = tools
        self.images = images
        state = Mutex(State())
    }

    /// Reads the journal, and lets every service go on from where it was. One that cannot for now, because the disk
    /// hangs or is full, must not keep the others from being served: it is waited for only so long.
    package func start(patience: Span = .seconds(5)) async {
        let entries: [ServiceEntry]
        do {
            entries = try await tools.pool.run { [tools] in try tools.journal.entries() }
        } catch {
            return tools.log.error("cannot read the services from the database: \(error)")
        }
        let controllers = entries.map { ServiceController($0, tools) }
        state.withLock { state in
            for controller in controllers { state.controllers[controller.name] = controller }
        }
        for entry in entries { tools.directory.note(entry.service) }
        do {
            try tools.router.start { [weak self] event in self?.routerSays(event) }
        } catch {
            tools.log.error("the router cannot be started: \(error)")
        }
        await recover(controllers, patience)
        await forgetStrays(known: Set(entries.map(\.service.name)))
        if !entries.isEmpty { tools.log.info("\(entries.count) services known") }
    }

    private func recover(_ controllers: [ServiceController], _ patience: Span) async {
        let (done, tell) = AsyncStream.makeStream(of: Void.self)
        for controller in controllers {
            Task {
                await controller.recover()
                tell.yield()
            }
        }
        let (count, clock) = (controllers.count, tools.clock)
        let all = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                var left = count
                if left == 0 { return true }
                for await _ in done {
                    left -= 1
                    if left == 0 { return true }
                }
                return false
            }
            group.addTask {
                try? await clock.sleep(for: patience)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        if !all { tools.log.warn("not all services go on yet: going on without waiting for them") }
    }

    package func close() async {
        for controller in all { await controller.close() }
        tools.router.close()
    }

    private func forgetStrays(known: Set<String>) async {
        do {
            try await tools.pool.run { [tools] in
                for name in try tools.router.services() where !known.contains(name) {
                    tools.log.info("the router has something of service \(name), which is not known: removing it")
                    try tools.router.remove(name)
                }
            }
        } catch {
            tools.log.warn("cannot clear the router of services that are gone: \(error)")
        }
    }

    private func routerSays(_ event: RouterEvent) {
        switch event {
        case .repaired(let text): tools.log.warn("router: \(text)")
        case .down(let text):
            tools.log.error("router: \(text)")
            for controller in all { Task { await controller.post(.routerDown) } }
        case .up: for controller in all { Task { await controller.post(.routerUp) } }
        }
    }

    // MARK: Look-up

    package var all: [ServiceController] {
        state.withLock { $0.controllers.values.sorted { $0.name < $1.name } }
    }

    package func controller(_ name: String) throws(ServiceError) -> ServiceController {
        guard let found = state.withLock({ $0.controllers[name] }) else {
            throw ServiceError(.notFound, "there is no service '\(name)'")
        }
        return found
    }

    /// `web-d42` belongs to `web`.
    package func controller(ofRollout id: String) throws(ServiceError) -> ServiceController {
        guard let name = Self.service(ofRollout: id), let found = state.withLock({ $0.controllers[name] }) else {
            throw ServiceError(.notFound, "there is no rollout '\(id)'")
        }
        return found
    }

    static func service(ofRollout id: String) -> String? {
        guard let dash = id.lastIndex(of: "-") else { return nil }
        let number = id[id.index(after: dash)...]
        guard number.first == "d", number.count > 1, number.dropFirst().allSatisfy(\.isNumber) else { return nil }
        return String(id[..<dash])
    }

    /// `web-r8-3` belongs to `web`.
    package func controller(ofInstance instance: String) async throws(ServiceError) -> ServiceController {
        for controller in all where instance.hasPrefix(controller.name + "-r") {
            if await controller.service.instances.contains(where: { $0.name == instance }) { return controller }
        }
        throw ServiceError(.notFound, "there is no instance '\(instance)' of a service")
    }

    // MARK: Requests

    /// A spec file's tree and its spec, with the image pinned.
    package func read(_ call: SpecCall) async throws -> (spec: ServiceSpec, source: JSONValue) {
        var tree = JSONValue.object(["schema": .number(1)])
        if let name = call.onTopOf {
            let controller = try self.controller(name)
            guard let source = await controller.source else {
                throw ServiceError(.notFound, "'\(name)' has no revision to begin from; give a spec file with -f")
            }
            // It may have been changed since by `scale`.
            tree = source.merging(await controller.scaled)
        }
        do {
            if let text = call.text { tree = try SpecText.parse(text).substituting(call.variables) }
            if let overlay = call.overlay { tree = tree.merging(overlay) }
            return (try ServiceSpec.decode(tree), tree)
        } catch let problems as SpecProblems {
            throw ServiceError(problems)
        }
    }

    package func deploy(_ call: DeployCall) async throws -> DeployAnswer {
        let (request, source) = try await request(call)
        let controller = controllerOrNew(call.service)
        if let expected = call.expected {
            let stable = await controller.service.stable.map { "r\($0)" } ?? "none"
            guard stable == expected else {
                throw ServiceError(.stale, "'\(call.service)' is at \(stable), not at \(expected)")
            }
        }
        let before = await controller.service.desired
        let reply = await controller.deploy(request, source: source)
        let after = await controller.service
        switch reply {
        case .accepted(let id): return .accepted(id)
        case .queued(let holder):
            return .queued(after.queuedID ?? "", behind: holder)
        case .unchanged: return .unchanged(scaled: after.desired != before, await controller.unchangedResult())
        default: throw Self.error(reply, call.service)
        }
    }

    /// What a deploy would do; nothing is changed.
    package func plan(_ call: DeployCall) async throws -> JSONValue {
        let (request, source) = try await request(call)
        // Not one of those that there are, when there is none: it is forgotten.
        let known = state.withLock { $0.controllers[call.service] }
        let controller = known ?? ServiceController(newEntry(call.service), tools)
        return try await controller.plan(request, source)
    }

    private func request(_ call: DeployCall) async throws -> (DeployRequest, JSONValue) {
        var (spec, source) = try await read(call.spec)
        guard spec.service == call.service else {
            throw ServiceError(
                .invalid, "the spec is of service '\(spec.service)', and the request is about '\(call.service)'")
        }
        do { spec.image = try await images.pin(spec.image) } catch let error as ServiceError { throw error } catch {
            var refusal = ServiceError(.refused, "image \(spec.image): \(error)")
            refusal.refusals = [PreflightRefusal(subject: .image, text: refusal.message)]
            throw refusal
        }
        return (
            DeployRequest(
                spec: spec, hash: spec.configurationHash, label: call.label, ifBusy: call.ifBusy, key: call.key),
            source
        )
    }

    private func newEntry(_ name: String) -> ServiceEntry {
        ServiceEntry(service: Service(name: name), bootID: tools.bootID)
    }

    private func controllerOrNew(_ name: String) -> ServiceController {
        let new = ServiceController(newEntry(name), tools)
        return state.withLock { state in
            if let known = state.controllers[name] { return known }
            state.controllers[name] = new
            return new
        }
    }

    /// The answer to a command that is not a deploy.
    package func obey(_ command: ServiceCommand, _ controller: ServiceController) async throws -> DeployAnswer {
        let reply = await controller.obey(command)
        switch reply {
        case .accepted(let id): return .accepted(id)
        case .queued(let holder): return .queued("", behind: holder)
        case .ok: return .done(changed: true)
        case .unchanged: return .done(changed: false)
        default: throw Self.error(reply, controller.name)
        }
    }

    private static func error(_ reply: ServiceReply, _ name: String) -> ServiceError {
        switch reply {
        case .busy(let holder):
            ServiceError(
                .busy,
                "'\(name)' is busy with \(holder): wait for it ('boxctl wait \(holder)'), or say --if-busy queue or "
                    + "replace", holder: holder)
        case .notFound(let text): ServiceError(.notFound, text)
        case .invalid(let text): ServiceError(.invalid, text)
        default: ServiceError(.failed, "'\(name)': no answer")
        }
    }

    /// Takes a service away with all of its instances. Refused while a rollout is under way.
    package func remove(_ name: String, force: Bool) async throws {
        let controller = try controller(name)
        if let rollout = await controller.service.rollout, !force {
            throw ServiceError(
                .busy, "'\(name)' is busy with \(rollout.id); abort it, or remove the service with --force",
                holder: rollout.id)
        }
        try await controller.dissolve()
        state.withLock { $0.controllers[name] = nil }
        tools.directory.forget(name)
    }
}

/// What a client asks to be deployed.
package struct DeployCall: Sendable {
    package var service: String
    package var spec: SpecCall
    package var label: String?
    package var ifBusy = DeployRequest.IfBusy.fail
    package var key: String?
    /// The stable revision that the client believes in, `r7`; `none`.
    package var expected: String?
    package init(service: String, spec: SpecCall) {
        self.service = service
        self.spec = spec
    }
}

/// Where a spec comes from: a text, or the one that serves now; with changes on top.
package struct SpecCall: Sendable {
    /// JSON or JSON5.
    package var text: String?
    /// For `${NAME}` in the text.
    package var variables: [String: String] = [:]
    /// A service: its spec is what to begin from.
    package var onTopOf: String?
    package var overlay: JSONValue?
    package init() {}
}

package enum DeployAnswer: Sendable {
    case accepted(String)
    case queued(String, behind: String)
    case unchanged(scaled: Bool, JSONValue)
    case done(changed: Bool)
}

/// Names of images to what they mean now.
package protocol ImageResolver: Sendable {
    /// `web:v2` to `web:v2@sha256:…`; the digest is the image's own.
    func pin(_ image: String) async throws -> String
}
