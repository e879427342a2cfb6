import APIModel
import Basics
import Storage
import Testing

@testable import Engine

@Suite("When a container is started again")
struct RestartDecisionTests {
    private func delay(
        _ policy: String, retries: Int = 0, code: Int32 = 1, byUser: Bool = false, restarts: Int = 0, last: Int64 = 0,
        ran: Int64 = 1_000_000
    ) -> Int64? {
        RestartDecision(
            policy: policy, maximumRetries: retries, exitCode: code, stoppedByUser: byUser, restarts: restarts,
            lastDelay: last, ran: ran
        ).delay
    }

    @Test func policies() {
        #expect(delay("") == nil)
        #expect(delay("no") == nil)
        #expect(delay("always", code: 0) != nil)
        #expect(delay("unless-stopped", code: 0) != nil)
        #expect(delay("on-failure", code: 0) == nil)
        #expect(delay("on-failure", code: 1) != nil)
    }

    @Test func whoStoppedItMeantIt() {
        for policy in ["always", "unless-stopped", "on-failure"] { #expect(delay(policy, byUser: true) == nil) }
    }

    @Test func retriesAreCounted() {
        #expect(delay("on-failure", retries: 3, restarts: 2) != nil)
        #expect(delay("on-failure", retries: 3, restarts: 3) == nil)
        #expect(delay("on-failure", retries: 0, restarts: 1000) != nil)
    }

    @Test("Delays double from 100 ms to a minute, and begin anew after a run of ten seconds")
    func backoff() {
        var last: Int64 = 0
        var delays: [Int64] = []
        for _ in 0..<12 {
            last = delay("always", last: last) ?? -1
            delays.append(last / 1_000_000)
        }
        #expect(delays == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000])
        #expect(delay("always", last: last, ran: 10_000_000_000) == 100_000_000)
    }

    @Test func withTheDaemon() {
        #expect(RestartDecision.startsWithDaemon(policy: "always", stoppedByUser: true, everRan: true))
        #expect(!RestartDecision.startsWithDaemon(policy: "unless-stopped", stoppedByUser: true, everRan: true))
        #expect(RestartDecision.startsWithDaemon(policy: "unless-stopped", stoppedByUser: false, everRan: true))
        #expect(!RestartDecision.startsWithDaemon(policy: "always", stoppedByUser: false, everRan: false))
        #expect(!RestartDecision.startsWithDaemon(policy: "on-failure", stoppedByUser: false, everRan: true))
    }
}

@Suite("Health")
struct HealthRecordTests {
    /// A class, because the macro of an expectation cannot call what mutates a value.
    private final class Patient {
        private(set) var health = HealthRecord()
        var status: HealthRecord.Status { health.status }
        /// True when the status changed.
        func take(_ code: Int32, retries: Int, inStartPeriod: Bool = false) -> Bool {
            let now = Timestamp(nanosecondsSince1970: 0)
            let probe = HealthRecord.Probe(start: now, end: now, exitCode: code, output: "")
            return health.add(probe, retries: retries, inStartPeriod: inStartPeriod)
        }
    }

    @Test func failuresInARowMakeIll() {
        let patient = Patient()
        #expect(patient.take(0, retries: 3))
        #expect(patient.status == .healthy)
        #expect(!patient.take(1, retries: 3))
        #expect(!patient.take(-1, retries: 3))
        #expect(!patient.take(0, retries: 3) && patient.health.failingStreak == 0)
        for _ in 0..<2 { #expect(!patient.take(1, retries: 3)) }
        #expect(patient.take(1, retries: 3))
        #expect(patient.status == .unhealthy && patient.health.failingStreak == 3)
        #expect(patient.take(0, retries: 3) && patient.status == .healthy)
    }

    @Test("In the start period failures do not count, until it was healthy once")
    func startPeriod() {
        let patient = Patient()
        for _ in 0..<10 { _ = patient.take(1, retries: 2, inStartPeriod: true) }
        #expect(patient.status == .starting && patient.health.failingStreak == 0)
        #expect(patient.take(0, retries: 2, inStartPeriod: true) && patient.status == .healthy)
        _ = patient.take(1, retries: 2, inStartPeriod: true)
        #expect(patient.take(1, retries: 2, inStartPeriod: true) && patient.status == .unhealthy)
    }

    @Test func theLastFiveAreKept() {
        let patient = Patient()
        for code in 0..<9 { _ = patient.take(Int32(code), retries: 100) }
        #expect(patient.health.log.map(\.exitCode) == [4, 5, 6, 7, 8])
    }

    @Test func defaultsAreDockers() {
        var config = ContainerConfig(healthcheck: HealthConfig(test: ["CMD", "true"]))
        let plan = HealthPlan(config)
        #expect(plan?.interval == 30_000_000_000 && plan?.timeout == 30_000_000_000 && plan?.retries == 3)
        #expect(plan?.startPeriod == 0 && plan?.startInterval == 5_000_000_000)
        config.healthcheck = HealthConfig(test: ["NONE"])
        #expect(HealthPlan(config) == nil)
        config.healthcheck = nil
        #expect(HealthPlan(config) == nil)
    }
}

@Suite("Names of signals")
struct SignalNameTests {
    @Test(arguments: [
        ("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("9", 9), ("USR1", 10), ("WINCH", 28), ("RTMIN", 34),
        ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("64", 64),
    ])
    func known(name: String, number: Int32) throws { #expect(try SignalName.number(name) == number) }

    @Test(arguments: ["", "0", "-1", "65", "FOO", "SIG", "RTMIN+99", "RTMAX+1", "9x"])
    func unknown(name: String) { #expect(throws: EngineError.self) { try SignalName.number(name) } }
}

@Suite("Filters of containers")
struct ContainerFilterTests {
    private func facts(_ name: String = "web", status: RunState.Status = .running) -> ContainerFacts {
        ContainerFacts(
            id: "abc123", name: name, created: Timestamp(nanosecondsSince1970: 5),
            image: Digest(sha256: [UInt8](repeating: 1, count: 32)),
            status: status, exitCode: 3, health: "healthy", labels: ["a": "b", "c": ""], volumes: ["data", "/data"],
            networks: ["web", "0123"],
            ports: [PortSummary(ip: "0.0.0.0", privatePort: 80, publicPort: 8080, type: "tcp")])
    }
    private func matches(_ filters: [String: [String]], _ facts: ContainerFacts) throws -> Bool {
        try ContainerFilters(Filters(filters)).matches(facts)
    }

    @Test func eachKind() throws {
        for filters: [String: [String]] in [
            ["id": ["abc"]], ["name": ["we"]], ["name": ["^web$"]], ["name": ["/web"]], ["status": ["running"]],
            ["health": ["healthy"]], ["label": ["a"]], ["label": ["a=b", "c"]], ["label!": ["x"]],
            ["volume": ["/data"]],
            ["network": ["web"]], ["network": ["x", "0123"]], ["publish": ["8080"]], ["publish": ["8000-8100/tcp"]],
            ["expose": ["80/tcp"]], ["name": ["x", "web"]], [:],
        ] { #expect(try matches(filters, facts()), "\(filters)") }
        for filters: [String: [String]] in [
            ["id": ["bc"]], ["name": ["^eb"]], ["status": ["exited"]], ["label": ["a=c"]], ["label": ["a=b", "x"]],
            ["network": ["bridge"]], ["publish": ["80"]], ["publish": ["8080/udp"]], ["expose": ["8080"]],
            ["label!": ["a"]], ["volume": ["x"]], ["exited": ["3"]], ["name": ["web"], "status": ["paused"]],
        ] { #expect(try !matches(filters, facts()), "\(filters)") }
        #expect(try matches(["exited": ["3"]], facts(status: .exited)))
    }

    @Test func unknownKindsAreRefused() {
        #expect(throws: (any Error).self) { try ContainerFilters(Filters(["colour": ["red"]])) }
        #expect(throws: (any Error).self) { try ContainerFilters(Filters(["status": ["asleep"]])) }
        #expect(throws: (any Error).self) { try ContainerFilters(Filters(["publish": ["http"]])) }
    }
}

@Suite("What is kept in the database")
struct RecordTests {
    @Test func stateSurvives() throws {
        var state = RunState()
        state.status = .exited
        state.exitCode = 137
        state.oomKilled = true
        state.startedAt = Timestamp(nanosecondsSince1970: 1_234_567_890_123_456_789)
        state.runs = 4
        #expect(try RunState(decoding: state.encoded()) == state)
    }

    @Test func randomNamesAreValidAndNew() throws {
        var taken: Set<String> = []
        for _ in 0..<500 {
            let name = ContainerName.random(avoiding: taken.contains)
            try ObjectName.checkContainer(name)
            #expect(taken.insert(name).inserted)
        }
    }
}

@Suite("Who gets a name")
struct NameSettlingTests {
    private func claim(_ name: String, _ taken: Set<String>) throws {
        if taken.contains(name) { throw ContainerNameConflict(name: name, holder: "other") }
    }

    @Test func oursIsChosenAgainUntilFree() throws {
        var names = ["calm_drum", "calm_drum", "swift_jar", "warm_cup"].makeIterator()
        var got: String?
        try ContainerName.settle(nil, generate: { names.next() ?? "" }) {
            try claim($0, ["calm_drum", "swift_jar"])
            got = $0
        }
        #expect(got == "warm_cup")
    }

    @Test func whatWasAskedForIsTriedOnce() throws {
        var tries = 0
        #expect(throws: ContainerNameConflict(name: "db", holder: "other")) {
            try ContainerName.settle("db", generate: { "free" }) {
                tries += 1
                try claim($0, ["db"])
            }
        }
        #expect(tries == 1)
    }

    @Test func otherFailuresAreNotTriedAgain() throws {
        var tries = 0
        #expect(throws: StorageError.notFound("layers")) {
            try ContainerName.settle(nil, generate: { "free" }) { _ in
                tries += 1
                throw StorageError.notFound("layers")
            }
        }
        #expect(tries == 1)
    }

    @Test func nobodyTriesForEver() throws {
        #expect(throws: ContainerNameConflict.self) {
            try ContainerName.settle(nil, generate: { "calm_drum" }) { try claim($0, ["calm_drum"]) }
        }
    }
}

@Suite("One operation at a time")
struct SerialGateTests {
    @Test func inTurn() async {
        let gate = SerialGate()
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    await gate.run {
                        await counter.enter()
                        await Task.yield()
                        await counter.leave()
                    }
                }
            }
        }
        #expect(await counter.most == 1)
        #expect(await counter.total == 100)
    }

    private actor Counter {
        private var inside = 0
        private(set) var most = 0
        private(set) var total = 0
        func enter() {
            inside += 1
            total += 1
            most = max(most, inside)
        }
        func leave() { inside -= 1 }
    }
}
