import APIModel
import Basics
import Engine
import FoundationEssentials
import HTTP
import HTTPServer
import OCI
import Storage

// MARK: Bodies

extension HTTPRequest {
    /// What a JSON body may weigh. The largest that clients send are a container's settings.
    private static let documentLimit = 4 << 20

    /// The body, which must be JSON.
    func document<Document: Decodable>(_ type: Document.Type) async throws -> Document {
        guard let document = try await optionalDocument(type) else {
            throw RequestError("invalid JSON: got EOF while reading request body")
        }
        return document
    }

    /// As above, nil when there is no body.
    func optionalDocument<Document: Decodable>(_ type: Document.Type) async throws -> Document? {
        let bytes = try await body.bytes(limit: Self.documentLimit)
        if bytes.isEmpty { return nil }
        let kind = headers["Content-Type"] ?? ""
        guard kind.split(separator: ";").first?.lowercased() == "application/json" else {
            throw RequestError("unsupported Content-Type header (\(kind)): must be 'application/json'")
        }
        do { return try JSONTreeDecoder.decode(type, from: bytes) } catch {
            throw RequestError("invalid JSON: \(Self.describe(error))")
        }
    }

    private static func describe(_ error: any Error) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case DecodingError.typeMismatch(let type, let context): return "\(place(context)): not a \(type)"
        case DecodingError.valueNotFound(_, let context): return "\(place(context)): null"
        case DecodingError.keyNotFound(let key, _): return "\(key.stringValue) is missing"
        case DecodingError.dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "the body is not JSON" : "\(place(context)): \(context.debugDescription)"
        default: return "the body is not JSON"
        }
    }
}

extension ResponseWriter {
    func respond(_ status: HTTPStatus = .ok, json value: some Encodable) async throws {
        try await respond(status, try JSON.encode(value) + [0x0A])
    }

    /// An answer that is long, or asked for often.
    func respond(_ status: HTTPStatus = .ok, writing value: some JSONWritable) async throws {
        try await respond(status, Self.line(value))
    }

    /// One line of an answer that is a stream of documents.
    func write(line value: some Encodable) async throws { try await write(try JSON.encode(value) + [0x0A]) }

    /// The same, of one that somebody waits for.
    func write(writing value: some JSONWritable) async throws { try await write(Self.line(value)) }

    private static func line(_ value: some JSONWritable) -> [UInt8] { JSONWriter.bytes(of: value) + [0x0A] }
}

enum JSON {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        // Go's encoder writes slashes as they are, and clients that compare text expect it.
        // The same answer to the same question, also in the order of its members.
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return Array(try encoder.encode(value))
    }
}

// MARK: Parameters

extension HTTPRequest {
    /// Docker's idea of a flag: true unless it is absent, empty, `0`, `no`, `false` or `none`.
    func flag(_ name: String, default absent: Bool = false) -> Bool {
        guard let text = query[name] else { return absent }
        return !["", "0", "no", "false", "none"].contains(text.lowercased())
    }

    /// nil when it is absent or empty.
    func number(_ name: String) throws -> Int? {
        guard let text = query[name], !text.isEmpty else { return nil }
        guard let number = Int(text) else { throw RequestError("\(name): \"\(text)\" is not a number") }
        return number
    }

    /// nil when it is absent, empty or 0. Seconds since 1970, RFC 3339, or a duration before now.
    func moment(_ name: String, now: Int64) throws -> Timestamp? {
        guard let text = query[name], !text.isEmpty, text != "0" else { return nil }
        if let time = Timestamp(text) { return time }
        if let ago = GoDuration.parse(text) { return Timestamp(nanosecondsSince1970: now - ago) }
        throw RequestError("\(name): \"\(text)\" is neither a time nor a duration")
    }

    /// `filters={"label":["a=b"]}`, or the older `{"label":{"a=b":true}}`.
    func filters() throws -> Filters {
        guard let text = query["filters"], !text.isEmpty else { return Filters() }
        do {
            let parsed = try JSONDecoder().decode([String: FilterValues].self, from: Data(text.utf8))
            return Filters(parsed.mapValues(\.values))
        } catch {
            throw RequestError("invalid filters: not a JSON object of lists")
        }
    }

    /// Refuses parameters that Docker has and we do not, rather than answer as if they were not there.
    func refuse(_ names: String..., because reason: String) throws {
        for name in names where flag(name) { throw EngineError(.unsupported, "\(name): \(reason)") }
    }

    /// Terminal size: both or an error.
    func terminalSize() throws -> (rows: UInt16, columns: UInt16) {
        guard let h = query["h"], let w = query["w"], let rows = UInt16(h), let columns = UInt16(w) else {
            throw RequestError("h and w must be the rows and columns of a terminal")
        }
        return (rows, columns)
    }
}

private struct FilterValues: Decodable {
    let values: [String]
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let list = try? container.decode([String].self) {
            values = list
        } else {
            values = try container.decode([String: Bool].self).filter(\.value).keys.sorted()
        }
    }
}
