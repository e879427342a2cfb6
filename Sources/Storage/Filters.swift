/// The filters of a list or a prune: `label=a=b`, `dangling=true`. All kinds must match, one value of each kind.
package struct Filters: Sendable, Equatable {
    package var values: [String: [String]]
    package init(_ values: [String: [String]] = [:]) { self.values = values }

    package subscript(key: String) -> [String] { values[key] ?? [] }

    /// Refuses a kind of filter that is not there rather than ignore it.
    package func check(allowed: Set<String>) throws(StorageError) {
        if let unknown = values.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw .invalid("invalid filter '\(unknown)'")
        }
    }

    /// The value of a filter that is true or false; nil when it is not given.
    package func bool(_ key: String) throws(StorageError) -> Bool? {
        guard let text = values[key]?.last else { return nil }
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw .invalid("invalid filter '\(key)=[\(text)]'")
        }
    }

    /// `label=key` and `label=key=value`, which must all match; `label!=…`, of which none may.
    package func matchesLabels(_ labels: [String: String]) -> Bool {
        self["label"].allSatisfy { Self.matches($0, labels) } && !self["label!"].contains { Self.matches($0, labels) }
    }

    private static func matches(_ filter: String, _ labels: [String: String]) -> Bool {
        guard let equals = filter.firstIndex(of: "=") else { return labels[filter] != nil }
        return labels[String(filter[..<equals])] == String(filter[filter.index(after: equals)...])
    }
}
