/// A piece of a Go template: text, or the tokens of one `{{ action }}`.
enum TemplatePiece {
    case text(String)
    case action([TemplateToken])
}

enum TemplateToken: Equatable {
    /// `.Name`; `.` alone is empty.
    case field(String)
    /// `$name`; `$` alone is empty.
    case variable(String)
    case word(String)
    case string(String)
    case integer(Int64)
    case double(Double)
    case bool(Bool)
    case null
    case open, close, pipe, comma, declare, assign
    /// White space between two operands: `.A .B` are two, `.A.B` is one.
    case space
}

/// Splits a template by `{{` and `}}`, trims as `{{-` and `-}}` ask, drops comments.
struct TemplateLexer {
    static func split(_ template: String) throws(TemplateError) -> [TemplatePiece] {
        var pieces: [TemplatePiece] = []
        var rest = Substring(template)
        var trimNext = false
        while let opening = rest.firstRange(of: "{{") {
            var text = rest[..<opening.lowerBound]
            rest = rest[opening.upperBound...]
            if trimNext { text = text.trimmingLeadingSpace() }
            if rest.hasPrefix("- ") || rest.hasPrefix("-\n") || rest.hasPrefix("-\t") || rest.hasPrefix("-/*") {
                text = text.trimmingTrailingSpace()
                rest = rest.dropFirst()
            }
            if !text.isEmpty { pieces.append(.text(String(text))) }
            let (body, after, trims) = try action(rest)
            rest = after
            trimNext = trims
            let inner = body.trimmingLeadingSpace().trimmingTrailingSpace()
            if inner.hasPrefix("/*") {
                guard inner.hasSuffix("*/") else { throw TemplateError("unclosed comment") }
                continue
            }
            pieces.append(.action(try tokens(body)))
        }
        if trimNext { rest = rest.trimmingLeadingSpace() }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }

    /// The text up to the closing `}}`, which may stand inside a string literal; what follows; whether `-}}`.
    private static func action(_ text: Substring) throws(TemplateError) -> (Substring, Substring, Bool) {
        var index = text.startIndex
        var quote: Character?
        while index < text.endIndex {
            let c = text[index]
            if let open = quote {
                if c == "\\", open == "\"" {
                    index = text.index(after: index)
                    if index == text.endIndex { break }
                } else if c == open {
                    quote = nil
                }
            } else if c == "\"" || c == "`" {
                quote = c
            } else if c == "}", text[index...].hasPrefix("}}") {
                let body = text[..<index]
                let after = text[text.index(index, offsetBy: 2)...]
                if body.hasSuffix(" -") || body.hasSuffix("\n-") || body.hasSuffix("*/-") {
                    return (body.dropLast(), after, true)
                }
                return (body, after, false)
            }
            index = text.index(after: index)
        }
        throw TemplateError(quote == nil ? "unclosed action" : "unterminated quoted string")
    }

    private static func tokens(_ body: Substring) throws(TemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(rest: body)
        var tokens: [TemplateToken] = []
        while let token = try lexer.next() {
            if token == .space, tokens.isEmpty || tokens.last == .space { continue }
            tokens.append(token)
        }
        if tokens.last == .space { tokens.removeLast() }
        return tokens
    }

    private var rest: Substring

    private mutating func next() throws(TemplateError) -> TemplateToken? {
        guard let c = rest.first else { return nil }
        if c.isWhitespace {
            rest = rest.trimmingLeadingSpace()
            return .space
        }
        switch c {
        case "(": return take(1, .open)
        case ")": return take(1, .close)
        case "|": return take(1, .pipe)
        case ",": return take(1, .comma)
        case "=": return take(1, .assign)
        case ":":
            guard rest.hasPrefix(":=") else { throw TemplateError("expected :=") }
            return take(2, .declare)
        case ".":
            if let digit = rest.dropFirst().first, digit.isASCII, digit.isNumber { return try number() }
            rest.removeFirst()
            return .field(identifier())
        case "$":
            rest.removeFirst()
            return .variable(identifier())
        case "\"": return .string(try quoted())
        case "`":
            rest.removeFirst()
            guard let end = rest.firstIndex(of: "`") else { throw TemplateError("unterminated raw quoted string") }
            defer { rest = rest[rest.index(after: end)...] }
            return .string(String(rest[..<end]))
        default:
            if c == "-" || c == "+" || (c.isASCII && c.isNumber) { return try number() }
            let name = identifier()
            if name.isEmpty { throw TemplateError("unexpected \"\(c)\" in command") }
            switch name {
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "nil": return .null
            default: return .word(name)
            }
        }
    }

    private mutating func take(_ count: Int, _ token: TemplateToken) -> TemplateToken {
        rest = rest.dropFirst(count)
        return token
    }

    private mutating func identifier() -> String {
        let name = rest.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
        rest = rest.dropFirst(name.count)
        return String(name)
    }

    private mutating func number() throws(TemplateError) -> TemplateToken {
        let text = rest.prefix { $0 == "+" || $0 == "-" || $0 == "." || $0 == "_" || $0.isLetter || $0.isNumber }
        rest = rest.dropFirst(text.count)
        if let value = Int64(text) { return .integer(value) }
        if text.hasPrefix("0x"), let value = Int64(text.dropFirst(2), radix: 16) { return .integer(value) }
        if let value = Double(text) { return .double(value) }
        throw TemplateError("bad number syntax: \"\(text)\"")
    }

    private mutating func quoted() throws(TemplateError) -> String {
        rest.removeFirst()
        var text = ""
        while let c = rest.popFirst() {
            if c == "\"" { return text }
            if c != "\\" {
                text.append(c)
                continue
            }
            switch rest.popFirst() {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "r": text.append("\r")
            case "\\": text.append("\\")
            case "\"": text.append("\"")
            case let other: throw TemplateError("unknown escape sequence: \\\(other.map(String.init) ?? "")")
            }
        }
        throw TemplateError("unterminated quoted string")
    }
}

extension Substring {
    fileprivate func trimmingLeadingSpace() -> Substring { drop { $0.isWhitespace } }
    fileprivate func trimmingTrailingSpace() -> Substring {
        var text = self
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
    /// Where `needle`, a few ASCII characters, first stands.
    fileprivate func firstRange(of needle: String) -> Range<Index>? {
        var index = startIndex
        while let found = self[index...].firstIndex(of: needle[needle.startIndex]) {
            if self[found...].hasPrefix(needle) { return found..<self.index(found, offsetBy: needle.count) }
            index = self.index(after: found)
        }
        return nil
    }
}
