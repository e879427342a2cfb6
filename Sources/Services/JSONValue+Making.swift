package import Deployment

extension JSONValue {
    static func int(_ value: some BinaryInteger) -> JSONValue { .number(Double(value)) }
    static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    /// `r8`.
    static func revision(_ number: Int?) -> JSONValue { number.map { .string("r\($0)") } ?? .null }
    static func seconds(_ span: Span) -> JSONValue { .number((span.seconds * 1000).rounded() / 1000) }
    static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }

    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }
    package var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// Members of `other` win; objects are merged, everything else is replaced. null takes a member away.
    package func merging(_ other: JSONValue) -> JSONValue {
        guard case .object(var mine) = self, case .object(let theirs) = other else { return other }
        for (key, value) in theirs {
            if value == .null { mine[key] = nil } else { mine[key] = mine[key].map { $0.merging(value) } ?? value }
        }
        return .object(mine)
    }
}
