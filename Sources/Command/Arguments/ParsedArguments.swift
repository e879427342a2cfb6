import Basics

/// The options and operands of one command line.
package struct ParsedArguments: Sendable {
    /// By the flag's long name, in the order given; booleans as `true` and `false`.
    package var values: [String: [String]] = [:]
    package var operands: [String] = []

    package init() {}

    package func isSet(_ name: String) -> Bool { values[name] != nil }
    package func bool(_ name: String, default: Bool = false) -> Bool {
        values[name]?.last.map { $0 == "true" } ?? `default`
    }
    /// The last value given; empty when there is none.
    package func text(_ name: String) -> String { values[name]?.last ?? "" }
    package func optionalText(_ name: String) -> String? { values[name]?.last }
    package func list(_ name: String) -> [String] { values[name] ?? [] }

    /// Values that may stand in one option with commas between them.
    package func words(_ name: String) -> [String] {
        list(name).flatMap { $0.split(separator: ",").map(String.init) }
    }

    package func integer(_ name: String) throws(CommandError) -> Int64? {
        guard let text = values[name]?.last else { return nil }
        if let value = Int64(text) { return value }
        throw invalid(text, name, "it must be a whole number")
    }

    /// `512m`, `1g`; -1 where `allowsUnlimited`.
    package func bytes(_ name: String, allowsUnlimited: Bool = false) throws(CommandError) -> Int64? {
        guard let text = values[name]?.last else { return nil }
        if allowsUnlimited, text == "-1" { return -1 }
        if let value = ByteCount.parse(text) { return value }
        throw invalid(text, name, "it must be a size such as 512m or 2g")
    }

    /// Nanoseconds of `1m30s`.
    package func duration(_ name: String) throws(CommandError) -> Int64? {
        guard let text = values[name]?.last else { return nil }
        if let value = GoDuration.parse(text) { return value }
        throw invalid(text, name, "it must be a duration such as 30s or 1m30s")
    }

    package func invalid(_ value: String, _ name: String, _ reason: String) -> CommandError {
        .usage("invalid argument \"\(value)\" for \"--\(name)\" flag: \(reason)")
    }
}
