import Basics

/// The options and operands of one command line.
package struct ParsedArguments: Sendable {
    package private(set) var options: [Option] = []
    package var operands: [String] = []

    package init() {}

    /// An option's values in the order given; booleans as `true` and `false`.
    package struct Option: Sendable, Equatable {
        /// The flag's long name.
        package let name: String
        package fileprivate(set) var values: [String]
    }

    // A list and no dictionary: they are few, and a process's first dictionary has the runtime look through all
    // conformances that the program has.
    private func values(of name: String) -> [String]? { options.first { $0.name == name }?.values }

    /// In place of what was given before.
    package mutating func set(_ name: String, to values: [String]) {
        if let place = options.firstIndex(where: { $0.name == name }) {
            options[place].values = values
        } else {
            options.append(Option(name: name, values: values))
        }
    }

    package func isSet(_ name: String) -> Bool { values(of: name) != nil }
    package func bool(_ name: String, default: Bool = false) -> Bool {
        values(of: name)?.last.map { $0 == "true" } ?? `default`
    }
    /// The last value given; empty when there is none.
    package func text(_ name: String) -> String { values(of: name)?.last ?? "" }
    package func optionalText(_ name: String) -> String? { values(of: name)?.last }
    package func list(_ name: String) -> [String] { values(of: name) ?? [] }

    /// Values that may stand in one option with commas between them.
    package func words(_ name: String) -> [String] {
        list(name).flatMap { $0.split(separator: ",").map(String.init) }
    }

    package func integer(_ name: String) throws(CommandError) -> Int64? {
        guard let text = values(of: name)?.last else { return nil }
        if let value = Int64(text) { return value }
        throw invalid(text, name, "it must be a whole number")
    }

    /// `512m`, `1g`; -1 where `allowsUnlimited`.
    package func bytes(_ name: String, allowsUnlimited: Bool = false) throws(CommandError) -> Int64? {
        guard let text = values(of: name)?.last else { return nil }
        if allowsUnlimited, text == "-1" { return -1 }
        if let value = ByteCount.parse(text) { return value }
        throw invalid(text, name, "it must be a size such as 512m or 2g")
    }

    /// Nanoseconds of `1m30s`.
    package func duration(_ name: String) throws(CommandError) -> Int64? {
        guard let text = values(of: name)?.last else { return nil }
        if let value = GoDuration.parse(text) { return value }
        throw invalid(text, name, "it must be a duration such as 30s or 1m30s")
    }

    package func invalid(_ value: String, _ name: String, _ reason: String) -> CommandError {
        .usage("invalid argument \"\(value)\" for \"--\(name)\" flag: \(reason)")
    }
}
