/// The functions that a template may call: Go's own that make sense here, and Docker's.
struct TemplateFunctions {
    /// The values are column titles: what shapes a value returns it as it is.
    let header: Bool

    func call(_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        if header, ["json", "lower", "upper", "title", "truncate", "pad"].contains(name), let title = arguments.first {
            return title
        }
        switch name {
        case "json":
            let one = try exactly(1, name, arguments)
            return .string(one[0].compact)
        case "lower": return .string(try text(exactly(1, name, arguments)[0], name).lowercased())
        case "upper": return .string(try text(exactly(1, name, arguments)[0], name).uppercased())
        case "title": return .string(Self.title(try text(exactly(1, name, arguments)[0], name)))
        case "split", "join", "truncate", "pad": return try callOnText(name, arguments)
        case "print": return .string(Self.printed(arguments))
        case "println": return .string(arguments.map(Self.text).joined(separator: " ") + "\n")
        case "printf": return .string(try TemplatePrintf.format(arguments))
        case "len": return .integer(try length(exactly(1, name, arguments)[0]))
        case "index": return try index(arguments)
        case "slice": return try slice(arguments)
        case "not": return .bool(!Self.isTrue(try exactly(1, name, arguments)[0]))
        case "eq":
            guard arguments.count >= 2 else { throw TemplateError("error calling eq: missing argument for comparison") }
            return .bool(arguments.dropFirst().contains(arguments[0]))
        case "ne":
            let two = try exactly(2, name, arguments)
            return .bool(two[0] != two[1])
        case "lt", "le", "gt", "ge": return .bool(try compare(name, exactly(2, name, arguments)))
        default: throw TemplateError("function \"\(name)\" not defined")
        }
    }

    private func callOnText(_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        switch name {
        case "split":
            let two = try exactly(2, name, arguments)
            let separator = try text(two[1], name)
            let whole = try text(two[0], name)
            if separator.isEmpty { return .array(whole.map { .string(String($0)) }) }
            return .array(whole.split(on: separator).map { .string($0) })
        case "join":
            let two = try exactly(2, name, arguments)
            if case .array = two[0] {} else if !two[0].isNull { throw TemplateError("error calling join: not a list") }
            return .string(two[0].array.map(Self.text).joined(separator: try text(two[1], name)))
        case "truncate":
            let two = try exactly(2, name, arguments)
            guard let count = two[1].integer, count >= 0 else {
                throw TemplateError("error calling truncate: not a length")
            }
            return .string(String(try text(two[0], name).prefix(Int(min(count, 1 << 30)))))
        default:
            let three = try exactly(3, name, arguments)
            guard let before = three[1].integer, let after = three[2].integer, (0...1000).contains(before),
                (0...1000).contains(after)
            else { throw TemplateError("error calling pad: not a width") }
            let inner = try text(three[0], name)
            return .string(
                String(repeating: " ", count: Int(before)) + inner + String(repeating: " ", count: Int(after)))
        }
    }

    private func exactly(_ count: Int, _ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> [JSONValue] {
        if arguments.count == count { return arguments }
        throw TemplateError("wrong number of args for \(name): want \(count) got \(arguments.count)")
    }

    private func text(_ value: JSONValue, _ name: String) throws(TemplateError) -> String {
        if let text = value.string { return text }
        throw TemplateError("error calling \(name): wrong type for value; expected string; got \(Self.text(value))")
    }

    private func length(_ value: JSONValue) throws(TemplateError) -> Int64 {
        switch value {
        case .null: 0
        case .string(let text): Int64(text.utf8.count)
        case .array(let elements): Int64(elements.count)
        case .object(let object): Int64(object.members.count)
        default: throw TemplateError("error calling len: len of type \(Self.text(value))")
        }
    }

    private func index(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        guard var value = arguments.first else {
            throw TemplateError("wrong number of args for index: want at least 1 got 0")
        }
        for key in arguments.dropFirst() {
            switch value {
            case .array(let elements):
                guard let position = key.integer else {
                    throw TemplateError("error calling index: cannot index list with \(Self.text(key))")
                }
                guard elements.indices.contains(Int(position)) else {
                    throw TemplateError("error calling index: index out of range: \(position)")
                }
                value = elements[Int(position)]
            case .object(let object):
                // As Go's zero value of a map of strings.
                value = object[Self.text(key)] ?? .string("")
            case .null: value = .string("")
            default: throw TemplateError("error calling index: can't index item of \(Self.text(value))")
            }
        }
        return value
    }

    private func slice(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        guard let value = arguments.first, arguments.count <= 3 else {
            throw TemplateError("wrong number of args for slice")
        }
        let count = Int(try length(value))
        let from = try bound(arguments.count > 1 ? arguments[1] : .integer(0), count)
        let to = try bound(arguments.count > 2 ? arguments[2] : .integer(Int64(count)), count)
        guard from <= to else { throw TemplateError("error calling slice: invalid slice index: \(from) > \(to)") }
        if case .string(let text) = value {
            return .string(String(decoding: Array(text.utf8)[from..<to], as: UTF8.self))
        }
        return .array(Array(value.array[from..<to]))
    }

    private func bound(_ value: JSONValue, _ count: Int) throws(TemplateError) -> Int {
        guard let position = value.integer, (0...Int64(count)).contains(position) else {
            throw TemplateError("error calling slice: index out of range: \(Self.text(value))")
        }
        return Int(position)
    }

    private func compare(_ name: String, _ values: [JSONValue]) throws(TemplateError) -> Bool {
        if let a = values[0].number, let b = values[1].number { return Self.ordered(name, a, b) }
        if let a = values[0].string, let b = values[1].string { return Self.ordered(name, a, b) }
        throw TemplateError("error calling \(name): incompatible types for comparison")
    }
    private static func ordered<Value: Comparable>(_ name: String, _ a: Value, _ b: Value) -> Bool {
        switch name {
        case "lt": a < b
        case "le": a <= b
        case "gt": a > b
        default: a >= b
        }
    }

    private static func title(_ text: String) -> String {
        var result = ""
        var starts = true
        for c in text {
            result += starts ? String(c).uppercased() : String(c)
            starts = !(c.isLetter || c.isNumber || c == "_" || c == "'")
        }
        return result
    }

    /// Go's `Sprint`: a space between operands when neither is a string.
    private static func printed(_ values: [JSONValue]) -> String {
        var result = ""
        for (index, value) in values.enumerated() {
            if index > 0, value.string == nil, values[index - 1].string == nil { result += " " }
            result += text(value)
        }
        return result
    }

    /// As Go's `%v`: lists in brackets, maps as `map[key:value]` with sorted keys, nothing as `<no value>`.
    static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "<no value>"
        case .bool(let bool): bool ? "true" : "false"
        case .integer(let integer): String(integer)
        case .double: value.compact
        case .string(let string): string
        case .array(let elements): "[" + elements.map(text).joined(separator: " ") + "]"
        case .object: "map[" + value.sorted.map { "\($0.key):\(text($0.value))" }.joined(separator: " ") + "]"
        }
    }

    /// Go's truth: not the empty value of its type.
    static func isTrue(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let bool): bool
        case .integer(let integer): integer != 0
        case .double(let double): double != 0
        case .string(let string): !string.isEmpty
        case .array(let elements): !elements.isEmpty
        case .object(let object): !object.members.isEmpty
        }
    }
}

extension String {
    /// Splits at every occurrence of `separator`, empty parts included.
    func split(on separator: String) -> [String] {
        var parts: [String] = []
        var part: [UInt8] = []
        let bytes = Array(utf8)
        let needle = Array(separator.utf8)
        var at = 0
        while at < bytes.count {
            if bytes[at...].starts(with: needle) {
                parts.append(String(decoding: part, as: UTF8.self))
                part = []
                at += needle.count
            } else {
                part.append(bytes[at])
                at += 1
            }
        }
        return parts + [String(decoding: part, as: UTF8.self)]
    }
}
