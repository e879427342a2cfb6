/// Shell patterns over names: `*` and `?` match anything but `/`, `[a-z]` and `[^a-z]` one character of a set,
/// `\` the next character as it is.
enum Glob {
    static func matches(_ text: String, _ pattern: String) -> Bool {
        matches(Array(text.unicodeScalars)[...], Array(pattern.unicodeScalars)[...])
    }

    private typealias Text = ArraySlice<Unicode.Scalar>

    /// Goes back only to the last `*`: linear for a component, and `*` never crosses a `/`.
    private static func matches(_ text: Text, _ pattern: Text) -> Bool {
        var text = text
        var pattern = pattern
        var retry: (text: Text, pattern: Text)?
        while true {
            if pattern.first == "*" {
                pattern = pattern.dropFirst()
                retry = (text, pattern)
                continue
            }
            if text.isEmpty && pattern.isEmpty { return true }
            if let (restText, restPattern) = one(text, pattern) {
                text = restText
                pattern = restPattern
                continue
            }
            guard let last = retry, let skipped = last.text.first, skipped != "/" else { return false }
            retry = (last.text.dropFirst(), last.pattern)
            text = last.text.dropFirst()
            pattern = last.pattern
        }
    }

    /// What is left after one character; nil when it does not match.
    private static func one(_ text: Text, _ pattern: Text) -> (Text, Text)? {
        guard let character = text.first, let first = pattern.first else { return nil }
        let rest = pattern.dropFirst()
        switch first {
        case "?": return character == "/" ? nil : (text.dropFirst(), rest)
        case "[":
            guard let (isIn, after) = set(character, rest), isIn, character != "/" else { return nil }
            return (text.dropFirst(), after)
        case "\\":
            guard rest.first == character else { return nil }
            return (text.dropFirst(), rest.dropFirst())
        default: return first == character ? (text.dropFirst(), rest) : nil
        }
    }

    /// Whether the character is in the set that begins here, and what follows the `]`; nil without one.
    private static func set(_ character: Unicode.Scalar, _ pattern: Text) -> (Bool, Text)? {
        var rest = pattern
        let negated = rest.first == "^" || rest.first == "!"
        if negated { rest = rest.dropFirst() }
        var found = false
        var isFirst = true
        while let low = rest.popFirst() {
            if low == "]" && !isFirst { return (found != negated, rest) }
            isFirst = false
            var high = low
            if rest.first == "-", let end = rest.dropFirst().first, end != "]" {
                high = end
                rest = rest.dropFirst(2)
            }
            if low <= high, (low...high).contains(character) { found = true }
        }
        return nil
    }
}
