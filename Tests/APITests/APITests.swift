import Basics
import Engine
import Glibc
import HTTP
import HTTPServer
import Kernel
import Reactor
import Services
import Storage
import Testing

@testable import API

private let loop: EventLoop = {
    do { return try EventLoop() } catch { preconditionFailure("\(error)") }
}()

@Suite struct DetachKeysTests {
    private func feed(_ keys: String?, _ pieces: [String]) throws -> (String, Bool) {
        var keys = try DetachKeys(keys)
        var forward: [UInt8] = []
        for piece in pieces {
            let (bytes, detached) = keys.feed(Array(piece.utf8))
            forward += bytes
            if detached { return (String(decoding: forward, as: UTF8.self), true) }
        }
        return (String(decoding: forward, as: UTF8.self), false)
    }

    @Test func sequences() throws {
        #expect(try feed(nil, ["ab\u{10}", "\u{11}cd"]) == ("ab", true))
        #expect(try feed("", ["\u{10}\u{10}\u{11}"]) == ("\u{10}", true))
        #expect(try feed(nil, ["\u{10}x\u{11}"]) == ("\u{10}x\u{11}", false))
        #expect(try feed("ctrl-@,a", ["\u{0}b\u{0}a"]) == ("\u{0}b", true))
        #expect(try feed("ctrl-[,ctrl-_", ["\u{1b}\u{1f}"]) == ("", true))
        // What may be the beginning is held back until it is known.
        #expect(try feed("a,b,c", ["ab"]) == ("", false))
    }

    @Test(arguments: ["ctrl-", "ctrl-aa", "ctrl-1", "shift-a", ",", "a,,b"]) func refused(_ text: String) {
        #expect(throws: RequestError.self) { try DetachKeys(text) }
    }
}

@Suite struct EventFilterTests {
    private func event() async throws -> EngineEvent {
        let bus = EventBus()
        bus.publish(
            .container, "health_status: healthy", "abcdef", ["name": "web", "image": "nginx:1", "tier": "front"])
        var events = bus.events(since: Timestamp(nanosecondsSince1970: 0)).makeAsyncIterator()
        return try #require(await events.next())
    }

    @Test(
        arguments: [
            (["type": ["container"]], true), (["type": ["image"]], false), (["type": ["image", "container"]], true),
            (["event": ["health_status"]], true), (["event": ["health"]], false), (["container": ["web"]], true),
            (["container": ["abc"]], true), (["container": ["other"]], false), (["image": ["nginx:1"]], true),
            (["label": ["tier=front"]], true), (["label": ["tier=back"]], false), (["label": ["tier"]], true),
            (["type": ["container"], "container": ["other"]], false), ([:], true),
        ] as [([String: [String]], Bool)]) func matches(_ filters: [String: [String]], _ expected: Bool) async throws
    {
        let event = try await event()
        #expect(try EventFilter(Filters(filters)).matches(event) == expected)
    }

    @Test func unknownIsRefused() {
        #expect(throws: RequestError.self) { try EventFilter(Filters(["colour": ["red"]])) }
    }
}

/// The API over an engine of its own, with nothing in it.
final class Fixture: Sendable {
    let path: String
    let engine: Engine
    let services: ServiceManager?
    let pool = BlockingPool()
    private let serving: Task<Void, any Error>

    /// - Parameter services: made over the engine; none by default.
    init(_ services: (Engine) throws -> ServiceManager? = { _ in nil }) throws {
        path = "/tmp/box-api-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path)
        var options = EngineOptions(runtimePath: "/bin/true")
        options.dataRoot = path + "/data"
        options.runDirectory = path + "/run"
        options.logLevel = .error
        // Nothing is made of it: no network is.
        options.bridgeName = "box-api-test"
        let engine = try Engine(options, loop: loop, pool: pool)
        self.engine = engine
        let listener = SharedDescriptor(try Sys.listenUnix(.stream, in: path, name: "s"))
        self.services = try services(engine)
        let server = APIServer.make(engine, self.services, loop: loop)
        serving = Task { try await server.serve(listener) }
    }

    deinit {
        serving.cancel()
        try? Sys.removeTree(path)
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HeaderFields
        let text: String
    }

    func ask(_ method: HTTPMethod, _ target: String, _ body: String? = nil, type: String = "application/json")
        async throws -> Answer
    {
        let socket = path + "/s"
        return try await pool.run {
            let client = HTTPClient(unixSocket: socket)
            let response = try client.send(
                HTTPRequestHead(method, target), body: body.map { .bytes(Array($0.utf8), type: type) } ?? .none)
            let bytes = try response.bytes()
            return Answer(
                status: response.status.code, headers: response.head.headers,
                text: String(decoding: bytes, as: UTF8.self))
        }
    }
}

@Suite(.enabled(if: getuid() == 0, "needs root"), .timeLimit(.minutes(1))) struct RoutesTests {
    @Test func pingSaysWhatIsSpoken() async throws {
        let api = try Fixture()
        for method in [HTTPMethod.get, .head] {
            let answer = try await api.ask(method, "/_ping")
            #expect(answer.status == 200)
            #expect(answer.headers["Api-Version"] == "1.50" && answer.headers["Ostype"] == "linux")
            #expect(
                answer.headers["Server"] == "Box/\(BoxVersion.current) (linux)"
                    && answer.headers["Docker-Experimental"] == "false")
            #expect(answer.text == (method == .get ? "OK" : ""))
        }
        #expect(try await api.ask(.get, "/v1.24/_ping").status == 200)
    }

    static let statuses: [(HTTPMethod, String, String?, Int)] = [
        (.get, "/version", nil, 200), (.get, "/info", nil, 200), (.get, "/containers/json?all=1", nil, 200),
        (.get, "/images/json", nil, 200), (.get, "/volumes", nil, 200), (.get, "/networks", nil, 200),
        (.get, "/system/df", nil, 200), (.get, "/networks/host", nil, 200), (.get, "/networks/other", nil, 404),
        (.delete, "/networks/none", nil, 403), (.post, "/networks/create", "{}", 400),
        (.post, "/networks/create", "{\"Name\":\"host\"}", 403), (.post, "/networks/create", "{\"Name\":\"a b\"}", 400),
        (.post, "/networks/create", "{\"Name\":\"a\",\"Driver\":\"macvlan\"}", 404),
        (.post, "/networks/create", "{\"Name\":\"a\",\"Options\":{\"x\":\"y\"}}", 501),
        (.post, "/networks/create", "{\"Name\":\"a\",\"ConfigOnly\":true}", 501),
        (.post, "/networks/create", "{\"Name\":\"a\",\"IPAM\":{\"Driver\":\"dhcp\"}}", 501),
        (.post, "/networks/create", "{\"Name\":\"a\",\"IPAM\":{\"Config\":[{\"Subnet\":\"x\"}]}}", 400),
        (.get, "/networks?filters={\"type\":[\"builtin\"]}", nil, 200),
        (.get, "/networks?filters={\"colour\":[\"red\"]}", nil, 400),
        (.get, "/networks/bridge?verbose=1", nil, 200),
        (.post, "/networks/bridge/connect", "{\"Container\":\"none\"}", 404),
        (.post, "/networks/other/connect", "{\"Container\":\"none\"}", 404),
        (.post, "/networks/bridge/disconnect", "{\"Container\":\"none\",\"Force\":true}", 404),
        (.post, "/networks/prune?filters={\"until\":[\"x\"]}", nil, 400),
        (.get, "/containers/none/json", nil, 404), (.post, "/containers/none/start", nil, 404),
        (.post, "/containers/none/wait", nil, 404), (.post, "/containers/none/attach?stream=1", nil, 404),
        (.get, "/containers/none/logs?stdout=1", nil, 404), (.delete, "/containers/none", nil, 404),
        (.get, "/containers/none/archive?path=/", nil, 404), (.get, "/exec/none/json", nil, 404),
        (.get, "/images/none/json", nil, 404), (.delete, "/images/none", nil, 404), (.get, "/volumes/none", nil, 404),
        (.post, "/containers/create", nil, 400), (.post, "/containers/create", "{", 400),
        (.post, "/containers/create", "[1]", 400), (.post, "/containers/create", "{\"Image\":5}", 400),
        (.post, "/containers/create", "{\"Image\":\"none\"}", 404),
        (.post, "/containers/create", String(repeating: "[", count: 100_000), 400),
        (.post, "/containers/create", String(repeating: " ", count: 5 << 20), 413),
        (.get, "/containers/json?filters=x", nil, 400),
        (.get, "/containers/json?filters={\"colour\":[\"red\"]}", nil, 400),
        (.get, "/containers/json?limit=x", nil, 400), (.get, "/events?since=x", nil, 400),
        (.get, "/events?filters={\"colour\":[\"red\"]}", nil, 400), (.get, "/events?until=1", nil, 200),
        (.post, "/images/create?fromImage=busybox", nil, 501), (.post, "/build", nil, 501), (.post, "/auth", "{}", 501),
        (.post, "/swarm/init", "{}", 503), (.get, "/services", nil, 503), (.get, "/nodes/a/b", nil, 503),
        (.get, "/nothing", nil, 404), (.put, "/containers/json", nil, 405), (.get, "/v1.51/info", nil, 400),
        (.post, "/volumes/create", "{\"Name\":\"data\"}", 201), (.post, "/volumes/create", "{\"Name\":\"../x\"}", 400),
        (.post, "/containers/prune", nil, 200), (.post, "/images/prune", nil, 200), (.post, "/volumes/prune", nil, 200),
        (.post, "/networks/prune", nil, 200), (.post, "/build/prune", nil, 200), (.get, "/plugins", nil, 200),
    ]

    @Test func statusCodes() async throws {
        let api = try Fixture()
        for (method, target, body, status) in Self.statuses {
            let answer = try await api.ask(
                method, target.replacing("{", with: "%7B").replacing("\"", with: "%22").replacing("}", with: "%7D"),
                body)
            #expect(answer.status == status, "\(method) \(target): \(answer.text)")
            if status >= 400 {
                #expect(answer.text.hasPrefix("{\"message\":\""), "\(method) \(target): \(answer.text)")
            }
        }
        let form = try await api.ask(.post, "/containers/create", "a=b", type: "application/x-www-form-urlencoded")
        #expect(form.status == 400 && form.text.contains("Content-Type"))
    }
}
