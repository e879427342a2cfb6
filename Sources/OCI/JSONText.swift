/// JSON documents as the specifications exchange them.
package enum JSONText {
    /// `subject` names the document in the error. Nesting deeper than 512 levels is an error too.
    package static func decode<T: Decodable>(_ type: T.Type = T.self, _ bytes: [UInt8], subject: String)
        throws(JSONError) -> T
    {
        do {
            return try JSONTreeDecoder.decode(type, from: bytes)
        } catch {
            throw JSONError(subject: subject, reason: describe(error))
        }
    }

    package static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return located(context)
        case .keyNotFound(let key, let context):
            return located(context.codingPath, "the field \"\(key.stringValue)\" is missing")
        case .dataCorrupted(let context): return located(context)
        @unknown default: return "\(error)"
        }
    }
    private static func located(_ context: DecodingError.Context) -> String {
        located(context.codingPath, context.debugDescription)
    }
    private static func located(_ path: [any CodingKey], _ text: String) -> String {
        let place = path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        return place.isEmpty ? text : "\(place): \(text)"
    }
}

/// A document that is not what it should be.
package struct JSONError: Error, Sendable, CustomStringConvertible {
    package let subject: String
    package let reason: String
    package init(subject: String, reason: String) {
        self.subject = subject
        self.reason = reason
    }
    package var description: String { "\(subject): \(reason)" }
}
