/// An option of a command. One table serves the parser and `--help`.
package struct Flag: Sendable {
    package enum Value: Sendable, Equatable {
        case bool(default: Bool)
        /// A value; `placeholder` names its type in `--help`. The last one given counts.
        case one(placeholder: String, default: String)
        /// Alone, or with a value behind `=`; alone it is `true`.
        case maybe(placeholder: String)
        /// May be given again and again.
        case many(placeholder: String)
    }

    package let name: String
    package let short: Character?
    package let value: Value
    package let help: String
    /// Docker has it and Box does not yet: why, for the message. Not in `--help`.
    package let refusal: String?
    /// The flag that this is another spelling of. Not in `--help` either.
    package let original: String?

    private init(
        _ name: String, _ short: Character?, _ value: Value, _ help: String, refusal: String? = nil,
        original: String? = nil
    ) {
        self.name = name
        self.short = short
        self.value = value
        self.help = help
        self.refusal = refusal
        self.original = original
    }

    static func bool(_ name: String, _ short: Character? = nil, default: Bool = false, _ help: String) -> Flag {
        Flag(name, short, .bool(default: `default`), help)
    }
    static func one(
        _ name: String, _ short: Character? = nil, _ placeholder: String = "string", default: String = "",
        _ help: String
    ) -> Flag {
        Flag(name, short, .one(placeholder: placeholder, default: `default`), help)
    }
    static func maybe(_ name: String, _ short: Character? = nil, _ placeholder: String, _ help: String) -> Flag {
        Flag(name, short, .maybe(placeholder: placeholder), help)
    }
    static func many(_ name: String, _ short: Character? = nil, _ placeholder: String = "list", _ help: String) -> Flag
    {
        Flag(name, short, .many(placeholder: placeholder), help)
    }
    /// `instead`: what to do, or why it is not there.
    static func refused(_ name: String, _ short: Character? = nil, takesValue: Bool = true, _ instead: String = "")
        -> Flag
    {
        Flag(name, short, takesValue ? .many(placeholder: "") : .bool(default: false), "", refusal: instead)
    }

    /// Another spelling of a flag that may be given again and again; their values are in one list.
    static func alias(_ name: String, of original: String) -> Flag {
        Flag(name, nil, .many(placeholder: ""), "", original: original)
    }

    /// The same under another letter, or none.
    func renamed(short: Character?) -> Flag { Flag(name, short, value, help, refusal: refusal, original: original) }

    /// What its values are found under.
    var key: String { original ?? name }

    var takesValue: Bool {
        switch value {
        case .bool, .maybe: return false
        case .one, .many: return true
        }
    }
}

extension Flag {
    static let format = Flag.one(
        "format", nil, "string", "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template")
    static let inspectFormat = Flag.one("format", "f", "string", "Format the output: 'json' or a Go template")
    static let filter = Flag.many("filter", "f", "filter", "Show only what matches, as in \"name=web\"")
    static let noTruncation = Flag.bool("no-trunc", nil, "Do not shorten the output")
    static let detachKeys = Flag.one(
        "detach-keys", nil, "string", default: "ctrl-p,ctrl-q", "The keys that detach from a container")
    static let force = Flag.bool("force", "f", "Do not ask for confirmation")
    static let pruneFilter = Flag.many("filter", nil, "filter", "Remove only what matches, as in \"until=24h\"")
}
