import HTTP
import Kernel

/// A client of the Docker Engine API that has containers live: create, start, wait, remove.
struct Life {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Of one life, in nanoseconds from the request to create it.
    struct Times {
        let running: Int64
        let gone: Int64
    }

    private let client: HTTPClient
    private let body: HTTPBody
    /// Before every path: the version that all engines speak.
    private static let version = "/v1.40"

    /// Connects, and has the engine answer once. `body`: what is created, the API's JSON.
    init(socket: String, body: String) throws {
        client = HTTPClient(unixSocket: socket)
        self.body = .bytes(Array(body.utf8), type: "application/json")
        _ = try ask(.get, "/_ping")
    }

    func once() throws -> Times {
        let began = Clock.boottime()
        let id = try Self.id(in: ask(.post, "/containers/create", body))
        _ = try ask(.post, "/containers/\(id)/start")
        let running = Clock.boottime() - began
        _ = try ask(.post, "/containers/\(id)/wait")
        _ = try ask(.delete, "/containers/\(id)?force=1")
        return Times(running: running, gone: Clock.boottime() - began)
    }

    private func ask(_ method: HTTPMethod, _ path: String, _ body: HTTPBody = .none) throws -> [UInt8] {
        let response = try client.send(HTTPRequestHead(method, Self.version + path), body: body)
        let answer = try response.bytes(limit: 1 << 20)
        guard 200..<300 ~= response.status.code else {
            let text = String(decoding: answer, as: UTF8.self)
            throw Failure(description: "\(method) \(path): \(response.status.code) \(text)")
        }
        return answer
    }

    /// The first string after the name, however the engine sets its JSON.
    private static func id(in answer: [UInt8]) throws(Failure) -> String {
        let text = answer.split(separator: UInt8(ascii: "\""))
        guard let name = text.firstIndex(where: { $0.elementsEqual("Id".utf8) }), name + 2 < text.endIndex else {
            throw Failure(description: "no Id in what was answered to create")
        }
        return String(decoding: text[name + 2], as: UTF8.self)
    }
}
