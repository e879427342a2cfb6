package import Basics
package import Deployment
import Kernel
package import Reactor
package import Routing

/// Everything a controller works with.
package struct ServiceTools: Sendable {
    package var instances: any InstanceDriver
    package var router: any Router
    package var journal: any ServiceJournal
    package var clock: ServiceClock
    package var pool: BlockingPool
    package var board: NewsBoard
    package var log: Logger
    package var bootID: String
    /// Told of every change.
    package var directory: ServiceDirectory

    package init(
        instances: any InstanceDriver, router: any Router, journal: any ServiceJournal, clock: ServiceClock,
        pool: BlockingPool, board: NewsBoard = NewsBoard(), log: Logger, bootID: String,
        directory: ServiceDirectory = ServiceDirectory()
    ) {
        self.instances = instances
        self.router = router
        self.journal = journal
        self.clock = clock
        self.pool = pool
        self.board = board
        self.log = log
        self.bootID = bootID
        self.directory = directory
    }
}

/// One service, brought to life: `Deployment.Service` decides, this does.
///
///     event → handle → journal → reply, actions → their results are events
///
/// Events wait in a mailbox while the journal is written, and are taken together: one transaction for all of them. No
/// action begins before what led to it is in the journal.
package actor ServiceController {
    package nonisolated let name: String
    package nonisolated let tools: ServiceTools
    package internal(set) var entry: ServiceEntry
    package var service: Service { entry.service }

    private struct Letter {
        var event: ServiceEvent
        var reply: CheckedContinuation<ServiceReply, Never>?
    }
    private var mailbox: [Letter] = []
    private var isWorking = false
    /// No event is taken any more: the service is being removed, or the daemon ends.
    var isClosed = false
    private var wake: Task<Void, Never>?
    /// By the action's number.
    var actions: [Int64: Task<Void, Never>] = [:]
    /// What goes on beside actions: by instance.
    var probers: [String: Task<Void, Never>] = [:]
    var drainers: [String: Task<Void, Never>] = [:]
    var exits: [String: Task<Void, Never>] = [:]
    /// Rollouts that have ended, and whose end is not in the journal yet.
    var unwritten: Set<String> = []
    /// New connections of each instance, as the router had them last.
    var counted: [String: UInt64] = [:]
    /// Connections per second, for `status`.
    var rate = TrafficRate()

    package init(_ entry: ServiceEntry, _ tools: ServiceTools) {
        name = entry.service.name
        self.entry = entry
        self.tools = tools
    }

    // MARK: The mailbox

    package func post(_ event: ServiceEvent) { put(Letter(event: event)) }

    /// Returns when the answer, and what follows from it, is in the journal.
    package func obey(_ command: ServiceCommand) async -> ServiceReply {
        await withCheckedContinuation { put(Letter(event: .command(command), reply: $0)) }
    }

    /// As `obey`; remembers the spec file as it was written.
    package func deploy(_ request: DeployRequest, source: JSONValue) async -> ServiceReply {
        entry.sources[request.hash] = source
        return await obey(.deploy(request))
    }

    private func put(_ letter: Letter) {
        if isClosed {
            letter.reply?.resume(returning: gone)
            return
        }
        mailbox.append(letter)
        guard !isWorking else { return }
        isWorking = true
        Task { await self.work() }
    }

    private nonisolated var gone: ServiceReply { .notFound("there is no service '\(name)'") }

    private func work() async {
        while !mailbox.isEmpty, !isClosed {
            let letters = mailbox
            mailbox = []
            await take(letters)
        }
        isWorking = false
        if isClosed { close() } else { scheduleWake() }
    }

    private func take(_ letters: [Letter]) async {
        var orders: [ServiceAction] = []
        var replies: [ServiceReply?] = []
        var hasChanged = false
        let known = entry.service.history.last
        let underWay = entry.service.rollout?.id
        for letter in letters {
            let decision = entry.service.handle(letter.event, at: tools.clock.now())
            orders += decision.actions
            replies.append(decision.reply)
            hasChanged = hasChanged || decision.isDurable
            if case .command(.limits) = letter.event, decision.reply == .ok { keepLimits() }
        }
        if hasChanged {
            // An action that is begun must be known of even after a power cut; that time passed need not be.
            let isBinding = orders.contains { $0.kind.isWork } || letters.contains { $0.reply != nil }
            let news = self.news(of: orders)
            let ended = records(after: known)
            unwritten = Set(ended.map(\.rollout))
            if service.rollout?.id != underWay || !ended.isEmpty { await countTraffic() }
            let finished = finishedRollouts(ended)
            beginTraffic()
            await write(news, finished, durably: isBinding)
            unwritten = []
        }
        if isClosed {
            // What may not be in the journal must not begin.
            for letter in letters { letter.reply?.resume(returning: gone) }
            return
        }
        for (letter, reply) in zip(letters, replies) { letter.reply?.resume(returning: reply ?? .ok) }
        for action in orders { begin(action) }
    }

    /// Until it is written. Nothing goes on meanwhile, and traffic does not need it to.
    private func write(_ news: [ServiceNews], _ finished: [FinishedRollout], durably: Bool) async {
        forgetSources()
        tools.directory.note(entry.service)
        var attempts = 0
        let ends = finished.map { ServiceNews.result($0) }
        while true {
            do {
                let (entry, journal) = (entry, tools.journal)
                let numbered = try await tools.pool.run {
                    try journal.save(entry, news: news + ends, finished: finished, durably: durably)
                }
                tools.board.post(numbered)
                return
            } catch {
                attempts += 1
                if attempts == 1 || attempts % 30 == 0 {
                    tools.log.error("service \(name): cannot write the journal, nothing goes on until I can: \(error)")
                }
                try? await tools.clock.sleep(for: .seconds(1))
                if isClosed { return }
            }
        }
    }

    private func forgetSources() {
        var known = Set(service.revisions.values.map(\.hash))
        if let queued = service.queued { known.insert(queued.hash) }
        // A request in the mailbox has left its source already.
        for case .command(.deploy(let request)) in mailbox.map(\.event) { known.insert(request.hash) }
        if entry.sources.count > known.count { entry.sources = entry.sources.filter { known.contains($0.key) } }
    }

    // MARK: Time

    private func scheduleWake() {
        wake?.cancel()
        wake = nil
        guard let moment = service.nextWake else { return }
        wake = Task { [tools] in
            do { try await tools.clock.sleep(moment) } catch { return }
            self.post(.tick)
        }
    }

    // MARK: Begin and end

    /// After a start of the daemon: compares with what there is, and goes on.
    package func recover() async {
        let seen: [Observation.Seen]
        do { seen = try await tools.instances.observe(service: name) } catch {
            tools.log.error("service \(name): cannot see its containers: \(error)")
            return
        }
        let isReboot = entry.bootID != tools.bootID
        entry.bootID = tools.bootID
        for one in seen where one.existence != .exited && service.instances.contains(where: { $0.name == one.name }) {
            watchExit(one.name)
        }
        _ = await withCheckedContinuation {
            put(
                Letter(
                    event: .recovered(Observation(instances: seen, isReboot: isReboot)), reply: $0))
        }
    }

    /// Ends what goes on in this process. Containers and traffic stay as they are.
    package func close() {
        isClosed = true
        wake?.cancel()
        for task in actions.values { task.cancel() }
        for task in Array(probers.values) + Array(drainers.values) + Array(exits.values) { task.cancel() }
        (actions, probers, drainers, exits) = ([:], [:], [:], [:])
        for letter in mailbox { letter.reply?.resume(returning: gone) }
        mailbox = []
    }

    // MARK: Actions

    private func begin(_ action: ServiceAction) {
        switch action.kind {
        case .notice(let notice): logged(notice)
        case .cancel(let id): actions[id]?.cancel()
        default:
            guard actions[action.id] == nil else { return }
            let job = job(for: action)
            actions[action.id] = Task { [weak self] in
                let result = await job()
                await self?.ended(action, result)
            }
        }
    }

    private func ended(_ action: ServiceAction, _ result: ActionResult) {
        actions[action.id] = nil
        if case .failed(let text) = result { tools.log.debug("service \(name): \(action.kind.label): \(text)") }
        post(.done(action.id, result))
        after(action.kind, result)
    }

    private func logged(_ notice: ServiceNotice) {
        let text =
            "service \(name): \(notice.kind.rawValue): "
            + (notice.instance.map { "\($0): " } ?? "") + notice.text
        notice.kind == .failed || notice.kind == .needsHuman ? tools.log.warn(text) : tools.log.info(text)
    }
}

extension ServiceAction.Kind {
    /// Does something to the world.
    var isWork: Bool {
        switch self {
        case .notice, .cancel, .probe, .stopProbing: false
        default: true
        }
    }

    /// `start web-r8-1`, for the log.
    var label: String {
        switch self {
        case .start(let name, _, _): "start \(name)"
        case .signalStop(let name, _, _): "stop \(name)"
        case .freeze(let name): "freeze \(name)"
        case .thaw(let name): "thaw \(name)"
        case .remove(let name): "remove \(name)"
        case .kill(let name): "kill \(name)"
        case .applyRouter(let generation, _): "router, table \(generation)"
        case .readBackRouter(let generation): "router, read back \(generation)"
        case .runHook(let place, _, _, _, _): "hook \(place.rawValue)"
        default: String(String(describing: self).prefix { $0 != "(" })
        }
    }
}
