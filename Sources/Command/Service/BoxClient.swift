import APIModel
import Basics
import HTTP
import Kernel

/// What boxd answers under `/box/v1/`, where errors are RFC 9457 with an exit status.
struct BoxProblem: Error, CustomStringConvertible {
    let status: Int
    let body: JSONValue
    var exit: Int32 { body["box_exit"].integer.map { Int32(clamping: $0) } ?? 1 }
    var description: String {
        let detail = body["detail"].string ?? body["message"].string
        return detail ?? "boxd answered with status \(status)"
    }
    var isNotFound: Bool { status == 404 }
}

extension EngineClient {
    /// A request under `/box/v1`. Throws `BoxProblem`, and `CommandError` with status 11 when boxd cannot be reached.
    func box(
        _ method: HTTPMethod, _ path: String, _ query: Query = [:], body: JSONValue? = nil,
        headers: [(String, String)] = []
    ) throws -> HTTPClientResponse {
        var head = HTTPRequestHead(method, "/box/v1" + path + query.encoded)
        for (name, value) in headers { head.headers.add(name, value) }
        let response: HTTPClientResponse
        do {
            response = try plain(head, body)
        } catch let error as Unreachable {
            throw CommandError("\(error)", status: error.reason == "Permission denied" ? 12 : 11)
        }
        if response.status.code < 400 { return response }
        let bytes = (try? response.bytes(limit: 1 << 20)) ?? []
        let parsed = try? JSONValue(parsing: bytes)
        throw BoxProblem(
            status: response.status.code,
            body: parsed ?? .object(JSONObject([.init("detail", .string(String(decoding: bytes, as: UTF8.self)))])))
    }

    /// As above; the answer is JSON.
    func boxValue(
        _ method: HTTPMethod, _ path: String, _ query: Query = [:], body: JSONValue? = nil,
        headers: [(String, String)] = []
    ) throws -> JSONValue {
        let bytes = try box(method, path, query, body: body, headers: headers).bytes()
        return bytes.isEmpty ? .null : try JSONValue(parsing: bytes)
    }
}

/// Paths under `/box/v1`.
enum BoxPath {
    static func service(_ name: String, _ rest: String = "") -> String {
        "/services/\(PercentEncoding.encode(name))" + (rest.isEmpty ? "" : "/" + rest)
    }
    static func deploy(_ id: String, _ rest: String = "") -> String {
        "/deploys/\(PercentEncoding.encode(id))" + (rest.isEmpty ? "" : "/" + rest)
    }

    /// `web-d42` is the form of a rollout's identifier.
    static func isRollout(_ text: String) -> Bool {
        guard let dash = text.lastIndex(of: "-") else { return false }
        let number = text[text.index(after: dash)...]
        return number.first == "d" && number.count > 1 && number.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
    }
}

extension Invocation {
    /// Runs a command of services: what boxd refuses becomes a message and its exit status.
    func reporting(_ body: () throws -> Int32) throws -> Int32 {
        do { return try body() } catch let problem as BoxProblem {
            if [RolloutWait.Format.json.rawValue, RolloutWait.Format.ndjson.rawValue].contains(arguments.text("output"))
            {
                try Output.line(
                    JSONValue.object(
                        JSONObject([
                            .init("schema", 1), .init("outcome", "refused"),
                            .init("exit", .integer(Int64(problem.exit))),
                            .init("changed", false), .init("problem", problem.body),
                        ])
                    ).compact)
            }
            throw CommandError(problem.description, status: problem.exit)
        } catch let error as Unreachable {
            throw CommandError("\(error)", status: 11)
        }
    }

    /// Of `--output`; text unless it says otherwise.
    func format() throws -> RolloutWait.Format { try RolloutWait.Format(arguments) }

    /// The rollout that is meant: by its own name, or by that of a service that has one under way.
    func rollout(_ text: String) throws -> String {
        if BoxPath.isRollout(text) { return text }
        let service = try client.boxValue(.get, BoxPath.service(text))
        if let id = service["rollout"]["deploy"].string { return id }
        throw CommandError(
            "no rollout of '\(text)' is under way; 'boxctl service history \(text)' has the earlier ones", status: 10)
    }
}
