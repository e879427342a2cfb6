import Basics

/// What is wrong with a spec file, all of it at once.
package struct SpecProblems: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Problem: Hashable, Sendable, Codable {
        /// `deploy.steps[2].weight`; empty for the file as a whole.
        package var path: String
        package var text: String
    }
    package var problems: [Problem]
    package var description: String {
        problems.map { $0.path.isEmpty ? $0.text : "\($0.path): \($0.text)" }.joined(separator: "\n")
    }
}

/// Collects problems while a tree is read; reading goes on, with defaults, to find the others.
final class SpecLog {
    private(set) var problems: [SpecProblems.Problem] = []
    func add(_ path: String, _ text: String) { problems.append(.init(path: path, text: text)) }
}

/// A count: a number, or a share of another one.
package enum Amount: Hashable, Sendable, Codable {
    case count(Int)
    case percent(Double)

    /// Shares are rounded up, and never to nothing when they are more than nothing.
    package func of(_ total: Int) -> Int {
        switch self {
        case .count(let count): count
        case .percent(let percent): Int((Double(total) * percent / 100).rounded(.up))
        }
    }
}

/// A part of the traffic in hundredths of a percent, 0 to 10,000.
package struct Share: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package var parts: Int
    package init(parts: Int) { self.parts = min(max(parts, 0), 10_000) }
    package init(from decoder: any Decoder) throws {
        self.init(parts: try decoder.singleValueContainer().decode(Int.self))
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(parts)
    }
    package static let none = Share(parts: 0)
    package static let all = Share(parts: 10_000)
    package static func percent(_ value: Double) -> Share { Share(parts: Int((value * 100).rounded())) }
    package static func < (a: Share, b: Share) -> Bool { a.parts < b.parts }
    /// So many of `total` carry this share without more load each than the others had.
    package func capacity(of total: Int) -> Int { max(1, (total * parts + 9999) / 10_000) }
    package var description: String { "\(Double(parts) / 100)%" }
}

/// An object of the tree and where it is. Every read names its key; a key nobody knows is an error with the nearest
/// name that is known.
struct SpecObject {
    let path: String
    let members: [String: JSONValue]
    let log: SpecLog

    init?(_ value: JSONValue?, _ path: String, _ log: SpecLog, keys: [String]) {
        guard case .object(let members) = value else {
            if let value { log.add(path, "must be an object, not \(value.kind)") }
            return nil
        }
        self.path = path
        self.members = members
        self.log = log
        for key in members.keys.sorted() where !keys.contains(key) {
            let near = Self.nearest(key, keys)
            let hint = near.map { "; did you mean '\($0)'?" } ?? "; known are \(keys.joined(separator: ", "))"
            log.add(at(key), "unknown key" + hint)
        }
    }

    func at(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    func has(_ key: String) -> Bool { self[key] != nil }

    /// nil when the key is absent or null.
    subscript(key: String) -> JSONValue? {
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    private func wrong(_ key: String, _ what: String, _ value: JSONValue) {
        log.add(at(key), "must be \(what), not \(value.kind)")
    }

    func string(_ key: String) -> String? {
        guard let value = self[key] else { return nil }
        if case .string(let text) = value { return text }
        wrong(key, "a string", value)
        return nil
    }

    func bool(_ key: String, _ fallback: Bool) -> Bool {
        guard let value = self[key] else { return fallback }
        if case .bool(let flag) = value { return flag }
        wrong(key, "true or false", value)
        return fallback
    }

    func number(_ key: String) -> Double? {
        guard let value = self[key] else { return nil }
        if case .number(let number) = value, number.isFinite { return number }
        wrong(key, "a number", value)
        return nil
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let number = number(key) else { return nil }
        if number == number.rounded(), number >= Double(range.lowerBound), number <= Double(range.upperBound) {
            return Int(number)
        }
        log.add(at(key), "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \(number)")
        return nil
    }

    /// `"30s"`; not negative.
    func span(_ key: String) -> Span? {
        guard let text = string(key) else { return nil }
        if let value = GoDuration.parse(text), value >= 0 { return Span(nanoseconds: value) }
        log.add(at(key), "'\(text)' is no duration; write for example \"30s\", \"500ms\" or \"2m\"")
        return nil
    }
    func span(_ key: String, _ fallback: Span) -> Span { span(key) ?? fallback }

    /// `"512MiB"` or bytes.
    func bytes(_ key: String) -> Int64? {
        guard let value = self[key] else { return nil }
        if case .number(let number) = value, number >= 0, number == number.rounded(), number < 9e18 {
            return Int64(number)
        }
        if case .string(let text) = value, let bytes = ByteCount.parse(text) { return bytes }
        log.add(at(key), "must be a size such as \"512MiB\"")
        return nil
    }

    /// A count or `"25%"`.
    func amount(_ key: String, _ fallback: Amount) -> Amount {
        guard let value = self[key] else { return fallback }
        if case .number(let number) = value, number >= 0, number <= 10_000, number == number.rounded() {
            return .count(Int(number))
        }
        if case .string = value, let percent = percent(key) { return .percent(percent) }
        log.add(at(key), "must be a count or a share such as \"25%\"")
        return fallback
    }

    /// `"25%"`, or a number of percent.
    func percent(_ key: String) -> Double? {
        guard let value = self[key] else { return nil }
        if case .number(let number) = value, (0...100).contains(number) { return number }
        if case .string(let text) = value, text.hasSuffix("%"), let number = Double(text.dropLast()),
            (0...100).contains(number)
        {
            return number
        }
        log.add(at(key), "must be a share from \"0%\" to \"100%\"")
        return nil
    }

    func choice<T: RawRepresentable & CaseIterable>(_ key: String, _ fallback: T) -> T where T.RawValue == String {
        guard let text = string(key) else { return fallback }
        if let value = T(rawValue: text) { return value }
        let names = T.allCases.map(\.rawValue)
        let hint = Self.nearest(text, names).map { "; did you mean '\($0)'?" } ?? ""
        log.add(at(key), "'\(text)' is none of \(names.joined(separator: ", "))" + hint)
        return fallback
    }

    func strings(_ key: String) -> [String]? {
        guard let value = self[key] else { return nil }
        guard case .array(let values) = value else {
            wrong(key, "an array of strings", value)
            return nil
        }
        return values.enumerated().compactMap { index, value in
            if case .string(let text) = value { return text }
            log.add("\(at(key))[\(index)]", "must be a string, not \(value.kind)")
            return nil
        }
    }

    func object(_ key: String, keys: [String]) -> SpecObject? { SpecObject(self[key], at(key), log, keys: keys) }

    func list<T>(_ key: String, keys: [String], _ read: (SpecObject) -> T?) -> [T] {
        guard let value = self[key] else { return [] }
        guard case .array(let values) = value else {
            wrong(key, "an array", value)
            return []
        }
        return values.enumerated().compactMap { index, value in
            SpecObject(value, "\(at(key))[\(index)]", log, keys: keys).flatMap(read)
        }
    }

    /// The candidate with the fewest edits, when these are few beside the length.
    static func nearest(_ word: String, _ candidates: [String]) -> String? {
        let plain = { (text: String) in text.lowercased().filter { $0 != "_" && $0 != "-" } }
        // A very long key is no slip of the pen, and comparing costs the product of the lengths.
        guard word.utf8.count <= 64 else { return nil }
        let scored = candidates.map { ($0, distance(plain(word), plain($0))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(1, best.0.count / 3) else { return nil }
        return best.0
    }

    private static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
