import Basics
import Database
import Deployment
import Engine
import FoundationEssentials
import Glibc
import HTTP
import HTTPServer
import Kernel
import Reactor
import Routing
import Services
import Synchronization
import Testing

@testable import API

/// `box-v1.openapi.json`, as far as tests need it understood.
private struct OpenAPI {
    let document: JSONValue

    init() throws {
        var path = #filePath
        for _ in 0..<3 { path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }
        let bytes = try Sys.readFile(path + "/Sources/API/box-v1.openapi.json")
        document = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    }

    /// `GET /box/v1/services`.
    var operations: Set<String> {
        guard case .object(let paths)? = document["paths"] else { return [] }
        var result: Set<String> = []
        for (path, item) in paths {
            guard case .object(let methods) = item else { continue }
            for method in methods.keys { result.insert("\(method.uppercased()) /box/v1\(path)") }
        }
        return result
    }

    func resolve(_ schema: JSONValue) -> JSONValue {
        guard let reference = schema["$ref"]?.string else { return schema }
        var value = document
        for part in reference.dropFirst(2).split(separator: "/") { value = value[String(part)] ?? .null }
        return value
    }

    /// What the answer to an operation is declared to be; nil when the status is not declared.
    func schema(_ method: String, _ path: String, _ status: Int) -> JSONValue? {
        let operation = document["paths"]?[path]?[method]
        guard let response = operation?["responses"]?["\(status)"].map(resolve) else { return nil }
        guard case .object(let content)? = response["content"], let first = content.values.first else {
            return .object([:])
        }
        return first["schema"] ?? .object([:])
    }

    /// Where a value is not what a schema says.
    func problems(_ value: JSONValue, _ schema: JSONValue, _ path: String = "$") -> [String] {
        let schema = resolve(schema)
        var found: [String] = []
        if let wanted = schema["type"], !types(wanted).contains(where: { value.isJSON($0) }) {
            return ["\(path) is \(value.kind), not \(types(wanted))"]
        }
        if case .array(let choices)? = schema["enum"], !choices.contains(value) { found.append("\(path): \(value)") }
        if let constant = schema["const"], constant != value { found.append("\(path): \(value)") }
        if case .object(let members) = value {
            var known: [String: JSONValue] = [:]
            if case .object(let properties)? = schema["properties"] { known = properties }
            if case .array(let required)? = schema["required"] {
                for key in required.compactMap(\.string) where members[key] == nil { found.append("\(path).\(key)") }
            }
            for (key, member) in members {
                if let next = known[key] {
                    found += problems(member, next, "\(path).\(key)")
                } else if schema["additionalProperties"] == .bool(false) {
                    found.append("\(path).\(key) is not described")
                } else if case .object? = schema["additionalProperties"] {
                    found += problems(member, schema["additionalProperties"] ?? .null, "\(path).\(key)")
                }
            }
        }
        if case .array(let elements) = value, let items = schema["items"] {
            for (index, element) in elements.enumerated() { found += problems(element, items, "\(path)[\(index)]") }
        }
        return found
    }

    private func types(_ value: JSONValue) -> [String] {
        if case .array(let all) = value { return all.compactMap(\.string) }
        return value.string.map { [$0] } ?? []
    }
}

extension JSONValue {
    fileprivate func isJSON(_ type: String) -> Bool {
        switch (type, self) {
        case ("null", .null), ("boolean", .bool), ("number", .number), ("string", .string), ("array", .array),
            ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }
}

/// Instances that are well at once, and a router that remembers.
private final class Paper: InstanceDriver, ImageResolver, Routing.Router {
    private let routes = Mutex<[String: ServiceRoute]>([:])
    private let up = Mutex<[String: String]>([:])

    func observe(service: String) async throws -> [Observation.Seen] {
        up.withLock { $0.map { .init(name: $0.key, existence: .running, address: $0.value) } }
    }
    func preflight(_ order: PreflightOrder) async -> [PreflightRefusal] { [] }
    func pull(image: String) async throws {}
    func pin(_ image: String) async throws -> String {
        if image == "nowhere" { throw ServiceError(.refused, "image nowhere is not here") }
        return "\(image)@sha256:\(image)"
    }
    func start(_ order: InstanceOrder, avoid: [String]) async throws -> String {
        up.withLock { up in
            let address = "10.0.0.\(up.count + 1)"
            up[order.instance] = address
            return address
        }
    }
    func exit(of instance: String) async throws -> InstanceExit {
        while up.withLock({ $0[instance] != nil }) { try await Task.sleep(nanoseconds: 1_000_000) }
        return InstanceExit(code: 0, outOfMemory: false)
    }
    func isListening(_ order: InstanceOrder) async throws -> Bool { true }
    func probe(_ order: InstanceOrder) async -> ProbeResult { ProbeResult(passed: true, detail: "200") }
    func warmUp(_ order: InstanceOrder, paths: [String]) async throws {}
    func connections(_ order: InstanceOrder) async throws -> (short: Int, long: Int) { (0, 0) }
    func cutConnections(_ order: InstanceOrder) async throws -> Int { 0 }
    func giveNotice(_ order: InstanceOrder, _ notice: DrainPolicy.LameDuck) async throws {}
    func freeze(_ instance: String) async throws {}
    func thaw(_ instance: String) async throws {}
    func signal(_ instance: String, _ signal: String, isFrozen: Bool) async throws {
        up.withLock { $0[instance] = nil }
    }
    func kill(_ instance: String) async throws { up.withLock { $0[instance] = nil } }
    func log(of instance: String, lines: Int) async throws -> [String] { [] }
    func remove(_ instance: String) async throws { up.withLock { $0[instance] = nil } }
    func forget(address: String) async throws {}
    func run(_ hook: HookOrder) async throws {}
    func verifyVolumes(_ order: InstanceOrder) async throws {}
    func snapshotVolumes(_ order: InstanceOrder, key: String) async throws {}
    func restoreVolumes(_ order: InstanceOrder, key: String) async throws {}

    func limits(_ route: ServiceRoute) -> [String] { [] }
    func conflicts(_ route: ServiceRoute) throws -> [String] { [] }
    func apply(_ route: ServiceRoute) throws { routes.withLock { $0[route.service] = route } }
    func readBack(_ service: String) throws -> ServiceRoute? { routes.withLock { $0[service] } }
    func services() throws -> Set<String> { routes.withLock { Set($0.keys) } }
    func remove(_ service: String) throws { routes.withLock { $0[service] = nil } }
    func connections(_ service: String) throws -> [String: UInt64] { [:] }
    func letGo(_ member: RouterTable.Member, of service: String) throws -> Int { 0 }
    func drainState(_ member: RouterTable.Member, of service: String) throws -> DrainState? { nil }
    func start(report: @escaping @Sendable (RouterEvent) -> Void) throws {}
    func close() {}
}

@Suite(.enabled(if: getuid() == 0, "needs root"), .timeLimit(.minutes(1))) struct OpenAPITests {
    /// The API with services on paper.
    private func withServices(_ body: (Fixture, ServiceManager) async throws -> Void) async throws {
        let paper = Paper()
        let fixture = try Fixture { engine in
            let log = Logger("test", minimum: .error)
            return ServiceManager(
                ServiceTools(
                    instances: paper, router: paper, journal: try DatabaseJournal(engine.database, log: log),
                    clock: .boottime(engine.loop), pool: engine.pool, log: log, bootID: "one"), images: paper)
        }
        guard let services = fixture.services else { return }
        do { try await body(fixture, services) } catch {
            await services.close()
            throw error
        }
        await services.close()
    }

    @Test("Every route is described, and everything described is a route")
    func routes() async throws {
        try await withServices { fixture, services in
            let patterns = API(fixture.engine, services).router.patterns
            let routes = Set(patterns.filter { $0.contains(" /box/v1/") })
            let described = try OpenAPI().operations
            #expect(routes == described)
        }
    }

    private static let spec = """
        {"spec": {"schema": 1, "service": "web", "image": "web:1", "ports": [{"target": 80, "publish": 80}],
        "health": {"interval": "5ms", "stable_for": "1ms"}}, "if_busy": "queue"}
        """

    @Test("Answers are what is described")
    func answers() async throws {
        try await withServices { fixture, _ in
            let openAPI = try OpenAPI()
            func ask(_ method: HTTPMethod, _ path: String, as pattern: String, _ body: String? = nil) async throws
                -> JSONValue
            {
                let answer = try await fixture.ask(method, "/box/v1\(path)", body)
                let value = try JSONDecoder().decode(JSONValue.self, from: Data(answer.text.utf8))
                guard let schema = openAPI.schema(method.rawValue.lowercased(), pattern, answer.status) else {
                    Issue.record("\(method) \(path): status \(answer.status) is not described: \(answer.text)")
                    return value
                }
                #expect(openAPI.problems(value, schema) == [], "\(method) \(path): \(answer.text)")
                return value
            }
            _ = try await ask(.get, "/services", as: "/services")
            let missing = try await ask(.get, "/services/web", as: "/services/{name}")
            #expect(missing["box_exit"] == .number(10))
            let plan = try await ask(.post, "/services/web/plan", as: "/services/{name}/plan", Self.spec)
            #expect(plan["changed"] == .bool(true))
            let accepted = try await ask(
                .post, "/services/web/deploys", as: "/services/{name}/deploys", Self.spec)
            let id = accepted["deploy"]?.string ?? ""
            _ = try await ask(.get, "/deploys/\(id)", as: "/deploys/{id}")
            let ended = try await ask(.get, "/deploys/\(id)?wait=20s", as: "/deploys/{id}")
            #expect(ended["result"]?["outcome"] == .string("succeeded"))
            let result = openAPI.resolve(.object(["$ref": .string("#/components/schemas/Result")]))
            #expect(openAPI.problems(ended["result"] ?? .null, result) == [])
            let again = try await ask(.post, "/services/web/deploys", as: "/services/{name}/deploys", Self.spec)
            #expect(again["changed"] == .bool(false))
            _ = try await ask(.get, "/services", as: "/services")
            _ = try await ask(.get, "/services/web", as: "/services/{name}")
            _ = try await ask(.get, "/services/web/history", as: "/services/{name}/history")
            _ = try await ask(.get, "/services/web/doctor", as: "/services/{name}/doctor")
            for verb in ["promote", "pause", "resume", "abort"] {
                _ = try await ask(.post, "/deploys/\(id)/\(verb)", as: "/deploys/{id}/\(verb)")
            }
            _ = try await ask(.post, "/services/web/scale", as: "/services/{name}/scale", #"{"count": 7}"#)
            _ = try await ask(.post, "/services/web/weight", as: "/services/{name}/weight", #"{"percent": 5}"#)
            _ = try await ask(.post, "/services/web/rollback", as: "/services/{name}/rollback", #"{"to": "r9"}"#)
            _ = try await ask(.post, "/instances/web-r1-1/drain", as: "/instances/{name}/drain")
            _ = try await ask(.post, "/instances/web-r1-1/undrain", as: "/instances/{name}/undrain")
            _ = try await ask(.get, "/config/schema", as: "/config/schema")
            let bad = try await ask(
                .post, "/config/check", as: "/config/check", #"{"text": "{schema: 1, service: 'web', imag: 'x'}"}"#)
            #expect(bad["box_exit"] == .number(2))
            #expect(bad["detail"]?.string?.contains("did you mean 'image'") == true)
            let refused = try await ask(
                .post, "/services/x/deploys", as: "/services/{name}/deploys",
                #"{"spec": {"schema": 1, "service": "x", "image": "nowhere"}}"#)
            #expect(refused["box_exit"] == .number(8))
            let gone = try await fixture.ask(.delete, "/box/v1/services/web")
            #expect(gone.status == 204)
        }
    }

    @Test("Events come as they are described, and end with the rollout")
    func events() async throws {
        try await withServices { fixture, _ in
            let accepted = try await fixture.ask(.post, "/box/v1/services/web/deploys", Self.spec)
            #expect(accepted.headers["Location"] == "/box/v1/deploys/web-d1")
            let all = try await fixture.ask(.get, "/box/v1/deploys/web-d1/events")
            #expect(all.headers["Content-Type"] == "text/event-stream")
            let kinds = all.text.split(separator: "\n").filter { $0.hasPrefix("event: ") }.map { $0.dropFirst(7) }
            #expect(kinds.first == "accepted")
            #expect(kinds.last == "result")
        }
    }
}
