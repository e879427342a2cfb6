extension JSONValue {
    /// On one line, without spaces.
    package var compact: String {
        var text = ""
        JSONPrinter(indent: nil).append(self, to: &text, level: 0)
        return text
    }

    /// Over several lines, indented by four spaces, as Docker's `inspect` prints.
    package var pretty: String {
        var text = ""
        JSONPrinter(indent: "    ").append(self, to: &text, level: 0)
        return text
    }
}

private struct JSONPrinter {
    let indent: String?

    func append(_ value: JSONValue, to text: inout String, level: Int) {
        switch value {
        case .null: text += "null"
        case .bool(let bool): text += bool ? "true" : "false"
        case .integer(let integer): text += String(integer)
        case .double(let double): text += JSONPrinter.number(double)
        case .string(let string): JSONPrinter.quote(string, to: &text)
        case .array(let elements):
            if elements.isEmpty {
                text += "[]"
                return
            }
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                newLine(&text, level + 1)
                append(element, to: &text, level: level + 1)
            }
            newLine(&text, level)
            text += "]"
        case .object(let object):
            if object.members.isEmpty {
                text += "{}"
                return
            }
            text += "{"
            for (index, member) in object.members.enumerated() {
                if index > 0 { text += "," }
                newLine(&text, level + 1)
                JSONPrinter.quote(member.key, to: &text)
                text += indent == nil ? ":" : ": "
                append(member.value, to: &text, level: level + 1)
            }
            newLine(&text, level)
            text += "}"
        }
    }

    private func newLine(_ text: inout String, _ level: Int) {
        guard let indent else { return }
        text += "\n"
        for _ in 0..<level { text += indent }
    }

    static func number(_ value: Double) -> String {
        // JSON knows no infinity.
        guard value.isFinite else { return "0" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    /// Control characters escaped, C1 ones and DEL too: they may be meant for the terminal.
    static func quote(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
