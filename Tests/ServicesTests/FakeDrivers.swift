import Basics
import Deployment
import Routing
import Synchronization

@testable import Services

struct Trouble: Error, CustomStringConvertible {
    let description: String
}

/// Containers that live in memory, and a router that remembers: they outlive controllers, as the kernel does.
final class FakeWorld: InstanceDriver, ImageResolver, Router {
    struct Container {
        var order: InstanceOrder
        var address: String
        var alive = true
        var frozen = false
        var waiters: [Int: CheckedContinuation<InstanceExit, any Error>] = [:]
    }
    struct State {
        var containers: [String: Container] = [:]
        var routes: [String: ServiceRoute] = [:]
        var counts: [String: UInt64] = [:]
        var hooks: [String: Int] = [:]
        var nextAddress = 1
        var nextWaiter = 1
        var starts = 0
        /// Of revisions that are never healthy.
        var sick: Set<String> = []
        var refusals: [PreflightRefusal] = []
        var trouble: [String] = []
        var sockets: [String: Int] = [:]
        /// Connections that were cut.
        var cut: [String: Int] = [:]
        /// They do not end when they are asked to.
        var deaf: Set<String> = []
    }
    let state = Mutex(State())

    var trouble: [String] { state.withLock { $0.trouble } }
    var starts: Int { state.withLock { $0.starts } }
    func alive() -> [String] { state.withLock { $0.containers.filter { $0.value.alive }.keys.sorted() } }

    private func listed(_ state: State, _ name: String) -> Bool {
        state.routes.values.contains { $0.table.lists(name) }
    }

    func die(_ name: String, code: Int = 1) {
        let waiters = state.withLock { state -> [CheckedContinuation<InstanceExit, any Error>] in
            guard state.containers[name]?.alive == true else { return [] }
            state.containers[name]?.alive = false
            state.containers[name]?.frozen = false
            defer { state.containers[name]?.waiters = [:] }
            return state.containers[name].map { Array($0.waiters.values) } ?? []
        }
        for waiter in waiters { waiter.resume(returning: InstanceExit(code: code, outOfMemory: false)) }
    }

    // MARK: Instances

    func observe(service: String) async throws -> [Observation.Seen] {
        state.withLock { state in
            state.containers.map { name, one in
                .init(
                    name: name, existence: !one.alive ? .exited : one.frozen ? .frozen : .running, address: one.address)
            }
        }
    }
    func preflight(_ order: PreflightOrder) async -> [PreflightRefusal] { state.withLock { $0.refusals } }
    func pull(image: String) async throws {}
    func pin(_ image: String) async throws -> String { "\(image)@sha256:\(image)" }

    func start(_ order: InstanceOrder, avoid: [String]) async throws -> String {
        state.withLock { state in
            if let one = state.containers[order.instance], one.alive { return one.address }
            let address = "10.0.0.\(state.nextAddress)"
            state.nextAddress += 1
            state.starts += 1
            state.containers[order.instance] = Container(order: order, address: address)
            return address
        }
    }

    func exit(of instance: String) async throws -> InstanceExit {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let isGone = state.withLock { state in
                    guard state.containers[instance]?.alive == true else { return true }
                    state.containers[instance]?.waiters[number] = waiter
                    return false
                }
                if isGone { return waiter.resume(returning: InstanceExit(code: 1, outOfMemory: false)) }
                if Task.isCancelled { cancel(instance, number) }
            }
        } onCancel: {
            cancel(instance, number)
        }
    }
    private func cancel(_ instance: String, _ number: Int) {
        state.withLock { $0.containers[instance]?.waiters.removeValue(forKey: number) }?
            .resume(throwing: CancellationError())
    }

    func isListening(_ order: InstanceOrder) async throws -> Bool { true }
    func probe(_ order: InstanceOrder) async -> ProbeResult {
        state.withLock { state in
            let one = state.containers[order.instance]
            let isSick = state.sick.contains(order.spec.image)
            let passed = one?.alive == true && one?.frozen == false && !isSick
            return ProbeResult(passed: passed, detail: passed ? "200" : "503")
        }
    }
    func warmUp(_ order: InstanceOrder, paths: [String]) async throws {}
    func connections(_ order: InstanceOrder) async throws -> (short: Int, long: Int) {
        (state.withLock { $0.sockets[order.instance] ?? 0 }, 0)
    }
    func cutConnections(_ order: InstanceOrder) async throws -> Int {
        state.withLock { state in
            let count = state.sockets.removeValue(forKey: order.instance) ?? 0
            state.cut[order.instance, default: 0] += count
            return count
        }
    }
    func giveNotice(_ order: InstanceOrder, _ notice: DrainPolicy.LameDuck) async throws {}
    func freeze(_ instance: String) async throws {
        state.withLock { state in
            if listed(state, instance) { state.trouble.append("\(instance) is frozen while it is listed") }
            if state.sockets[instance] != nil { state.trouble.append("\(instance) is frozen with connections") }
            state.containers[instance]?.frozen = true
        }
    }
    func thaw(_ instance: String) async throws { state.withLock { $0.containers[instance]?.frozen = false } }
    func signal(_ instance: String, _ signal: String, isFrozen: Bool) async throws {
        state.withLock { state in
            if listed(state, instance) { state.trouble.append("\(instance) is stopped while it is listed") }
        }
        if state.withLock({ $0.deaf.contains(instance) }) { return }
        die(instance, code: 143)
    }
    func kill(_ instance: String) async throws { die(instance, code: 137) }
    func log(of instance: String, lines: Int) async throws -> [String] { ["last words of \(instance)"] }
    func remove(_ instance: String) async throws {
        die(instance, code: 137)
        state.withLock { $0.containers[instance] = nil }
    }
    func forget(address: String) async throws {}
    func run(_ hook: HookOrder) async throws {
        state.withLock { $0.hooks[hook.key, default: 0] += 1 }
        if hook.hook.run == ["false"] { throw Trouble(description: "exited with 1") }
    }
    func verifyVolumes(_ order: InstanceOrder) async throws {
        if let name = alive().first { throw Trouble(description: "\(name) has the volume") }
    }
    func snapshotVolumes(_ order: InstanceOrder, key: String) async throws {}
    func restoreVolumes(_ order: InstanceOrder, key: String) async throws {}

    // MARK: Router

    func limits(_ route: ServiceRoute) -> [String] { [] }
    func conflicts(_ route: ServiceRoute) throws -> [String] { [] }
    func apply(_ route: ServiceRoute) throws {
        state.withLock { state in
            for member in route.table.members {
                guard let one = state.containers[member.instance], one.alive, !one.frozen else {
                    state.trouble.append("\(member.instance) is listed and not there")
                    continue
                }
                if one.address != member.address { state.trouble.append("\(member.instance) has another address") }
                state.counts[member.instance, default: 0] += 1
            }
            state.routes[route.service] = route
        }
    }
    func readBack(_ service: String) throws -> ServiceRoute? { state.withLock { $0.routes[service] } }
    func services() throws -> Set<String> { state.withLock { Set($0.routes.keys) } }
    func remove(_ service: String) throws { state.withLock { $0.routes[service] = nil } }
    func connections(_ service: String) throws -> [String: UInt64] { state.withLock { $0.counts } }
    func letGo(_ member: RouterTable.Member, of service: String) throws -> Int { 0 }
    func drainState(_ member: RouterTable.Member, of service: String) throws -> DrainState? { nil }
    func start(report: @escaping @Sendable (RouterEvent) -> Void) throws {}
    func close() {}
}

/// A journal whose process dies at a moment.
final class MortalJournal: ServiceJournal {
    enum Death {
        /// Before the write; after it, and before anything of it begins.
        case before(Int), after(Int)
        case never
    }
    struct Dead: Error {}
    let inner: any ServiceJournal
    private let death: Death
    private let saves = Mutex(0)
    private let died = Mutex(false)
    var isDead: Bool { died.withLock { $0 } }
    var count: Int { saves.withLock { $0 } }

    init(_ inner: any ServiceJournal, _ death: Death) {
        self.inner = inner
        self.death = death
    }

    func save(_ entry: ServiceEntry, news: [ServiceNews], finished: [FinishedRollout], durably: Bool) throws
        -> [ServiceNews]
    {
        if isDead { throw Dead() }
        let number = saves.withLock { saves in
            saves += 1
            return saves
        }
        if case .before(number) = death {
            died.withLock { $0 = true }
            throw Dead()
        }
        let result = try inner.save(entry, news: news, finished: finished, durably: durably)
        if case .after(number) = death {
            died.withLock { $0 = true }
            throw Dead()
        }
        return result
    }
    func entries() throws -> [ServiceEntry] { try inner.entries() }
    func remove(service: String) throws { try inner.remove(service: service) }
    func result(of rollout: String) throws -> JSONValue? { try inner.result(of: rollout) }
    func results(of service: String, limit: Int) throws -> [JSONValue] {
        try inner.results(of: service, limit: limit)
    }
    func news(service: String, rollout: String?, after seq: Int64, limit: Int) throws -> [ServiceNews] {
        try inner.news(service: service, rollout: rollout, after: seq, limit: limit)
    }
    func hook(_ key: String) throws -> HookRun? { try inner.hook(key) }
    func save(_ run: HookRun, key: String, service: String) throws {
        try inner.save(run, key: key, service: service)
    }
}
