/// Text of others on a terminal.
enum Escaping {
    /// Control characters as `\n`, `\x1b`, `\u0085`: a name or a label may hold sequences meant for the terminal.
    static func visible(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\u{0}"..."\u{1f}", "\u{7f}":
                result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            // C1, and what turns the direction of writing or breaks lines.
            case "\u{80}"..."\u{9f}", "\u{200e}", "\u{200f}", "\u{2028}"..."\u{202e}", "\u{2066}"..."\u{2069}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// In double quotes, as Go's `strconv.Quote` and so Docker's COMMAND column.
    static func quoted(_ text: String) -> String {
        var inner = ""
        for c in visible(text.split(on: "\\").joined(separator: "\\\\")) { inner += c == "\"" ? "\\\"" : String(c) }
        return "\"\(inner)\""
    }

    /// At most `length` characters, the last an ellipsis where some are missing.
    static func ellipsis(_ text: String, _ length: Int) -> String {
        text.count <= length ? text : text.prefix(max(0, length - 1)) + "…"
    }
}

extension Escaping {
    /// As `visible`, of a message that may have several lines.
    static func lines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { visible(String($0)) }.joined(
            separator: "\n")
    }
}
