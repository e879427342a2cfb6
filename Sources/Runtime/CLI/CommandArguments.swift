/// Reads the options of a command: `--name value`, `--name=value`, `-n value`, and flags; options end at the first
/// word that is none.
struct CommandArguments {
    let command: String
    private(set) var rest: [String]

    init(_ command: String, _ arguments: [String]) {
        self.command = command
        rest = arguments
    }

    /// The next option's name without dashes, and what came with `=`; nil where the words begin.
    mutating func nextOption() -> (name: String, value: String?)? {
        guard let first = rest.first, first.hasPrefix("-"), first != "-" else { return nil }
        rest.removeFirst()
        if first == "--" { return nil }
        let body = first.drop { $0 == "-" }
        let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
    }

    mutating func value(_ option: (name: String, value: String?)) throws(RuntimeError) -> String {
        if let value = option.value { return value }
        guard !rest.isEmpty else { throw RuntimeError(.request, "\(command): option \(option.name) needs a value") }
        return rest.removeFirst()
    }

    mutating func number(_ option: (name: String, value: String?)) throws(RuntimeError) -> Int32 {
        let text = try value(option)
        guard let number = Int32(text), number >= 0 else {
            throw RuntimeError(.request, "\(command): \(option.name) is «\(text)», and must be a number")
        }
        return number
    }

    /// A flag alone, or with `=true` and `=false`.
    func flag(_ option: (name: String, value: String?)) throws(RuntimeError) -> Bool {
        switch option.value {
        case nil, "true": return true
        case "false": return false
        case let value?:
            throw RuntimeError(.request, "\(command): \(option.name) is «\(value)», and must be true or false")
        }
    }

    func unknown(_ option: (name: String, value: String?)) -> RuntimeError {
        RuntimeError(.request, "\(command): the option \(option.name) is not supported; see box-runtime help")
    }

    /// Exactly the given words.
    func words(_ names: String...) throws(RuntimeError) -> [String] {
        guard rest.count == names.count else {
            throw RuntimeError(
                .request, "\(command): \(rest.count) arguments given; it takes \(names.joined(separator: " "))")
        }
        return rest
    }
}
