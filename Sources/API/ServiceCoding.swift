import Basics
import Deployment
import FoundationEssentials
import HTTP
import HTTPServer
import Services

/// An answer under `/box/v1/`.
struct BoxAnswer: Sendable {
    var status: HTTPStatus
    var value: JSONValue?
    var headers: HeaderFields = [:]

    init(_ status: HTTPStatus, _ value: JSONValue?, headers: HeaderFields = [:]) {
        self.status = status
        self.value = value
        self.headers = headers
    }

    /// To what was asked for of a service.
    init(_ answer: DeployAnswer, service: String, rollout: String? = nil) {
        switch answer {
        case .accepted(let id): self = Self.accepted(service, id, "accepted", behind: nil)
        case .queued(let id, let holder): self = Self.accepted(service, id, "queued", behind: holder)
        case .unchanged(let isScaled, let result):
            var result = result
            if isScaled { result = result.merging(.object(["changed": .bool(true)])) }
            self.init(.ok, result)
        case .done(let changed):
            self.init(
                .ok,
                .object([
                    "service": .string(service), "deploy": rollout.map { .string($0) } ?? .null,
                    "changed": .bool(changed),
                ]))
        }
    }

    private static func accepted(_ service: String, _ id: String, _ state: String, behind holder: String?) -> BoxAnswer
    {
        var answer = BoxAnswer(
            .accepted,
            .object([
                "service": .string(service), "deploy": id.isEmpty ? .null : .string(id), "state": .string(state),
                "behind": holder.map { .string($0) } ?? .null,
            ]))
        if !id.isEmpty { answer.headers.add("Location", "/box/v1/deploys/\(id)") }
        return answer
    }
}

extension HTTPStatus {
    static let accepted = HTTPStatus(202)
    static let preconditionFailed = HTTPStatus(412)
    static let unprocessable = HTTPStatus(422)
}

extension ResponseWriter {
    /// Errors as RFC 9457 has them, with the exit status of a command that would be waiting.
    func answering(_ request: HTTPRequest, _ body: () async throws -> BoxAnswer) async throws {
        let answer: BoxAnswer
        do { answer = try await body() } catch { return try await problem(error) }
        guard let value = answer.value else { return try await respond(answer.status, headers: answer.headers) }
        try await respond(answer.status, try JSON.encode(value) + [0x0A], headers: answer.headers)
    }

    func problem(_ error: any Error) async throws {
        guard isUntouched, !(error is ClientGone), !(error is CancellationError) else { throw error }
        let (status, known) = Self.known(error)
        let body = try JSON.encode(known.problem(status: status.code, title: status.reason)) + [0x0A]
        try await respond(status, body, type: "application/problem+json")
    }

    private static func known(_ error: any Error) -> (HTTPStatus, ServiceError) {
        guard let known = error as? ServiceError else {
            let (status, message) = ErrorMapping.map(error)
            let kind: ServiceError.Kind = status == .badRequest ? .invalid : status == .notFound ? .notFound : .failed
            return (status, ServiceError(kind, message))
        }
        let status: HTTPStatus =
            switch known.kind {
            case .invalid: .badRequest
            case .busy: .conflict
            case .stale: .preconditionFailed
            case .refused: .unprocessable
            case .notFound: .notFound
            case .failed: .internalServerError
            }
        return (status, known)
    }
}

// MARK: Requests

extension HTTPRequest {
    /// The body as a tree, with no members but those; an empty object when there is none.
    func tree(allowed: Set<String>) async throws -> JSONValue {
        let tree = try await optionalDocument(JSONValue.self) ?? .object([:])
        guard case .object(let members) = tree else { throw ServiceError(.invalid, "the body is no JSON object") }
        if let unknown = members.keys.sorted().first(where: { !allowed.contains($0) }) {
            let known = allowed.isEmpty ? "none is known here" : "known are \(allowed.sorted().joined(separator: ", "))"
            throw ServiceError(.invalid, "unknown member '\(unknown)': \(known)")
        }
        return tree
    }

    func deployCall() async throws -> DeployCall {
        let body = try await tree(allowed: SpecCall.keys.union(["label", "if_busy"]))
        var call = DeployCall(service: capture("name"), spec: try SpecCall(body))
        call.label = try body.text("label")
        if let text = try body.text("if_busy") {
            guard let choice = DeployRequest.IfBusy(rawValue: text) else {
                throw ServiceError(.invalid, "if_busy: '\(text)' is none of fail, queue, replace")
            }
            call.ifBusy = choice
        }
        call.key = headers["Idempotency-Key"].flatMap { $0.isEmpty ? nil : $0 }
        if let expected = headers["If-Match"] {
            call.expected = expected.filter { $0 != "\"" }
        }
        return call
    }

    /// `30s`, or seconds.
    func span(_ name: String, most: Span) throws -> Span {
        guard let text = query[name], !text.isEmpty else { return .zero }
        let value = Int(text).map { Span.seconds($0) } ?? GoDuration.parse(text).map { Span(nanoseconds: $0) }
        guard let value, value >= .zero else {
            throw ServiceError(.invalid, "\(name): '\(text)' is no duration such as 30s")
        }
        return min(value, most)
    }

    /// The number of the last event that the client has seen.
    func lastEvent() throws -> Int64 {
        guard let text = headers["Last-Event-ID"] ?? query["after"], !text.isEmpty else { return 0 }
        guard let number = Int64(text) else { throw ServiceError(.invalid, "'\(text)' is no number of an event") }
        return number
    }
}

extension SpecCall {
    static let keys: Set<String> = ["text", "variables", "on_top_of", "spec"]

    /// `text` with `variables`, or the spec of the service `on_top_of`; `spec` is merged into either.
    init(_ body: JSONValue) throws {
        self.init()
        text = try body.text("text")
        onTopOf = try body.text("on_top_of")
        if text != nil, onTopOf != nil { throw ServiceError(.invalid, "text and on_top_of exclude each other") }
        if let spec = body["spec"], spec != .null { overlay = spec }
        if let given = body["variables"], given != .null {
            guard case .object(let members) = given else {
                throw ServiceError(.invalid, "variables must be an object of strings")
            }
            for (name, value) in members {
                guard case .string(let text) = value else {
                    throw ServiceError(.invalid, "variables.\(name) must be a string")
                }
                variables[name] = text
            }
        }
        if text == nil, onTopOf == nil, overlay == nil {
            throw ServiceError(.invalid, "there is no spec: give text, spec or on_top_of")
        }
    }
}

extension JSONValue {
    func text(_ key: String) throws -> String? {
        switch self[key] {
        case nil, .null: nil
        case .string(let text): text
        default: throw ServiceError(.invalid, "\(key) must be a string")
        }
    }

    func flag(_ key: String) throws -> Bool {
        switch self[key] {
        case nil, .null: false
        case .bool(let flag): flag
        default: throw ServiceError(.invalid, "\(key) must be true or false")
        }
    }

    func integer(_ key: String) throws -> Int? {
        switch self[key] {
        case nil, .null: return nil
        case .number(let number):
            if let value = Int(exactly: number) { return value }
        default: break
        }
        throw ServiceError(.invalid, "\(key) must be a whole number")
    }

    /// `r7`.
    func revision(_ key: String) throws -> Int? {
        guard let text = try text(key) else { return nil }
        if let number = Int(text.hasPrefix("r") ? text.dropFirst() : text[...]) { return number }
        throw ServiceError(.invalid, "\(key): '\(text)' is no revision such as r7")
    }
}
