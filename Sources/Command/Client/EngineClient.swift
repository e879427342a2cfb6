import APIModel
import Basics
import HTTP
import Kernel

/// boxd, through its socket. The first request connects.
package final class EngineClient {
    /// As given: `unix:///run/box/box.sock`.
    let host: String
    let socketPath: String
    private let http: HTTPClient

    static let defaultHost = "unix:///run/box/box.sock"
    private static let version = "/v" + APIVersion.current

    package init(host: String) throws(CommandError) {
        guard host.hasPrefix("unix://"), host.utf8.count > 7, host.dropFirst(7).first == "/" else {
            throw CommandError(
                "cannot use the host \"\(host)\": boxctl reaches boxd through a unix socket, as in \(Self.defaultHost)",
                status: 125)
        }
        self.host = host
        socketPath = String(host.dropFirst(7))
        http = HTTPClient(unixSocket: socketPath)
    }

    // MARK: Requests

    /// Sends a request; throws `DaemonError` when the answer is one. The answer's body is still to be read.
    @discardableResult
    func send(_ method: HTTPMethod, _ path: String, _ query: Query = [:], body: HTTPBody = .none) throws
        -> HTTPClientResponse
    {
        try answer(to: "\(method) \(path)") {
            try http.send(HTTPRequestHead(method, Self.version + path + query.encoded), body: body)
        }
    }

    /// A request whose answer is wanted later: what is asked here does not begin with it, and others can be sent
    /// meanwhile.
    struct Pending {
        fileprivate let client: EngineClient
        fileprivate let name: String
        fileprivate let pending: HTTPPendingResponse

        /// As `send`.
        func response() throws -> HTTPClientResponse { try client.answer(to: name) { try pending.response() } }

        /// As `value`.
        func value() throws -> JSONValue { try client.parse(try response(), of: name) }

        /// As `hijack`.
        func connection() throws -> RawConnection {
            let response = try response()
            guard let connection = response.rawConnection() else {
                throw CommandError("boxd did not turn \(name) into a stream (status \(response.status.code))")
            }
            return connection
        }
    }

    func begin(_ method: HTTPMethod, _ path: String, _ query: Query = [:]) throws -> Pending {
        try begin(method, path, query, .none)
    }

    func begin(_ method: HTTPMethod, _ path: String, _ query: Query, body: some JSONWritable) throws -> Pending {
        try begin(method, path, query, .bytes(JSONWriter.bytes(of: body), type: "application/json"))
    }

    private func begin(_ method: HTTPMethod, _ path: String, _ query: Query, _ body: HTTPBody) throws -> Pending {
        let head = HTTPRequestHead(method, Self.version + path + query.encoded)
        return try reading {
            Pending(client: self, name: "\(method) \(path)", pending: try http.begin(head, body: body))
        }
    }

    func beginHijack(_ path: String, _ query: Query = [:], body: JSONValue? = nil) throws -> Pending {
        let head = HTTPRequestHead(.post, Self.version + path + query.encoded)
        return try reading {
            Pending(client: self, name: "POST \(path)", pending: try http.beginUpgrade(head, body: Self.body(body)))
        }
    }

    /// For as many requests as are going to be sent at once.
    func connectAhead(_ count: Int) throws { try reading { try http.connectAhead(count) } }

    /// A request whose answer is JSON. `keeping`: the only member of its objects that is wanted.
    func value(
        _ method: HTTPMethod, _ path: String, _ query: Query = [:], body: JSONValue? = nil, keeping: String? = nil
    ) throws -> JSONValue {
        let response = try send(method, path, query, body: Self.body(body))
        return try parse(response, of: "\(method) \(path)", keeping: keeping)
    }

    fileprivate func parse(_ response: HTTPClientResponse, of request: String, keeping: String? = nil) throws
        -> JSONValue
    {
        let bytes = try reading { try response.bytes() }
        do { return try JSONValue(parsing: bytes, keeping: keeping) } catch {
            throw CommandError("boxd answered \(request) with \(error)")
        }
    }

    func get(_ path: String, _ query: Query = [:], keeping: String? = nil) throws -> JSONValue {
        try value(.get, path, query, keeping: keeping)
    }

    /// A request whose answer says nothing but that it worked.
    func perform(_ method: HTTPMethod, _ path: String, _ query: Query = [:], body: JSONValue? = nil) throws {
        let response = try send(method, path, query, body: Self.body(body))
        _ = try reading { try response.bytes() }
    }

    /// A request that turns the connection into a stream in both directions.
    func hijack(_ path: String, _ query: Query = [:], body: JSONValue? = nil) throws -> RawConnection {
        try beginHijack(path, query, body: body).connection()
    }

    /// Calls `line` with every JSON value of a streamed answer, one a line, until the end or until it returns false.
    func lines(of response: HTTPClientResponse, _ line: (JSONValue) throws -> Bool) throws {
        var pending: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32768, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try reading { try response.read(into: buffer) }
            if count == 0 { break }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: 0x0a) {
                let text = Array(pending[..<end])
                pending.removeSubrange(...end)
                if try !text.allSatisfy({ $0 == 0x20 || $0 == 0x0d }) && !line(try JSONValue(parsing: text)) { return }
            }
            if pending.count > 16 << 20 { throw CommandError("boxd sent a line of more than 16 MB") }
        }
        if !pending.isEmpty { _ = try line(try JSONValue(parsing: pending)) }
    }

    /// Copies a streamed answer.
    func copy(_ response: HTTPClientResponse, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try reading { try response.read(into: buffer) }
            if count == 0 { return }
            try sink(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// A request as it is, whose answer may be an error.
    func plain(_ head: HTTPRequestHead, _ body: JSONValue?) throws -> HTTPClientResponse {
        try reading { try http.send(head, body: Self.body(body)) }
    }

    // MARK: Failures

    private static func body(_ value: JSONValue?) -> HTTPBody {
        value.map { .bytes(Array($0.compact.utf8), type: "application/json") } ?? .none
    }

    fileprivate func answer(to request: String, _ body: () throws -> HTTPClientResponse) throws -> HTTPClientResponse {
        let response = try reading(body)
        if response.status.code < 400 { return response }
        let bytes = (try? response.bytes(limit: 1 << 20)) ?? []
        let message =
            (try? JSONValue(parsing: bytes))?["message"].string ?? String(decoding: bytes.prefix(2000), as: UTF8.self)
        throw DaemonError(
            status: Int(response.status.code),
            message: message.isEmpty ? "\(request): status \(response.status.code)" : message)
    }

    private func reading<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as SyscallError {
            guard error.call == "connect" || error.call == "openat" else {
                throw CommandError("the connection to boxd at \(host) broke: \(error.reason)")
            }
            throw Unreachable(host: host, reason: error.reason)
        } catch let error as HTTPParseError {
            throw CommandError("boxd at \(host) does not speak HTTP as it should: \(error)")
        } catch let error as DaemonError {
            throw error
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError("the connection to boxd at \(host) broke: \(error)")
        }
    }
}

/// What boxd answered instead of doing what was asked.
struct DaemonError: Error, CustomStringConvertible {
    let status: Int
    let message: String
    var description: String { "Error response from daemon: " + message }
    var isNotFound: Bool { status == 404 }
}

/// Nobody listens on the socket.
struct Unreachable: Error, CustomStringConvertible {
    let host: String
    let reason: String
    var description: String { "cannot reach boxd at \(host): \(reason). Is it running?" }
}

extension Query {
    init(_ items: [(String, String)]) {
        self.init()
        for (name, value) in items { add(name, value) }
    }

    /// `--filter key=value` options as the API takes them: `{"key":["value"]}`.
    mutating func addFilters(_ filters: [String]) throws(CommandError) {
        if filters.isEmpty { return }
        var object = JSONObject()
        for filter in filters {
            guard let equals = filter.firstIndex(of: "="), equals != filter.startIndex else {
                throw CommandError.usage("invalid argument \"\(filter)\" for \"--filter\" flag: it must be key=value")
            }
            let key = filter[..<equals].lowercased()
            let value = JSONValue.string(String(filter[filter.index(after: equals)...]))
            object[key] = .array((object[key]?.array ?? []) + [value])
        }
        add("filters", JSONValue.object(object).compact)
    }
}

/// Paths of the API.
enum Path {
    /// One name as a part of a path. Slashes stay: an image's name has them.
    static func part(_ name: String) -> String { PercentEncoding.encode(name, keeping: "/:@") }
    static func container(_ name: String, _ rest: String = "") -> String {
        "/containers/\(PercentEncoding.encode(name))" + (rest.isEmpty ? "" : "/" + rest)
    }
    static func image(_ name: String, _ rest: String = "") -> String {
        "/images/\(part(name))" + (rest.isEmpty ? "" : "/" + rest)
    }
    static func network(_ name: String, _ rest: String = "") -> String {
        "/networks/\(PercentEncoding.encode(name))" + (rest.isEmpty ? "" : "/" + rest)
    }
    static func volume(_ name: String) -> String { "/volumes/\(PercentEncoding.encode(name))" }
}
