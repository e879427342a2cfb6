/// The part of Go's `printf` that templates use: `%s %v %d %q %t %x %f %g %%`, a width, `-`, `0` and a precision.
enum TemplatePrintf {
    static func format(_ arguments: [JSONValue]) throws(TemplateError) -> String {
        guard let format = arguments.first?.string else {
            throw TemplateError("error calling printf: the format is no string")
        }
        var values = arguments.dropFirst()
        var result = ""
        var rest = Substring(format)
        while let c = rest.popFirst() {
            if c != "%" {
                result.append(c)
                continue
            }
            let flags = rest.prefix { "-+ 0#".contains($0) }
            rest = rest.dropFirst(flags.count)
            let width = try number(&rest)
            var precision: Int?
            if rest.first == "." {
                rest.removeFirst()
                precision = try number(&rest) ?? 0
            }
            guard let verb = rest.popFirst() else {
                result += "%!(NOVERB)"
                break
            }
            if verb == "%" {
                result += "%"
                continue
            }
            guard let value = values.popFirst() else {
                result += "%!\(verb)(MISSING)"
                continue
            }
            result += pad(try convert(verb, value, precision), width ?? 0, flags)
        }
        if !values.isEmpty {
            result += "%!(EXTRA " + values.map { "\(TemplateFunctions.text($0))" }.joined(separator: ", ") + ")"
        }
        return result
    }

    private static func number(_ rest: inout Substring) throws(TemplateError) -> Int? {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        if digits.isEmpty { return nil }
        rest = rest.dropFirst(digits.count)
        guard let value = Int(digits), value <= 1000 else {
            throw TemplateError("error calling printf: a width of \(digits)")
        }
        return value
    }

    private static func convert(_ verb: Character, _ value: JSONValue, _ precision: Int?) throws(TemplateError)
        -> String
    {
        switch verb {
        case "v", "s":
            let text = TemplateFunctions.text(value)
            return precision.map { String(text.prefix($0)) } ?? text
        case "d":
            if case .integer(let integer) = value { return String(integer) }
        case "t":
            if let bool = value.bool { return bool ? "true" : "false" }
        case "q":
            if let string = value.string { return JSONValue.string(string).compact }
        case "x":
            if case .integer(let integer) = value { return String(integer, radix: 16) }
            if let string = value.string {
                return string.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
        case "f":
            if let number = value.number { return HumanNumber.fixed(number, digits: precision ?? 6) }
        case "g":
            if value.number != nil { return value.compact }
        default: throw TemplateError("error calling printf: %\(verb) is not supported")
        }
        return "%!\(verb)(\(TemplateFunctions.text(value)))"
    }

    private static func pad(_ text: String, _ width: Int, _ flags: Substring) -> String {
        let missing = width - text.unicodeScalars.count
        if missing <= 0 { return text }
        if flags.contains("-") { return text + String(repeating: " ", count: missing) }
        return String(repeating: flags.contains("0") ? "0" : " ", count: missing) + text
    }
}
