/// A JSON tree, as a decoder of JSON or JSON5 leaves it: what a spec file is read from.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// For error texts.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONValue {
    /// The same tree for the same value, whatever the order of keys was: what a configuration hash is taken of.
    package var canonicalText: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : "\(value)"
        case .string(let value): Self.quoted(value)
        case .array(let values): "[" + values.map(\.canonicalText).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":" + $0.value.canonicalText }
                .joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20: result += "\\u{\(scalar.value)}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// `${NAME}` and `${NAME:?message}` in strings (never in keys) replaced; `$${` stands for `${`.
    package func substituting(_ environment: [String: String]) throws(SpecProblems) -> JSONValue {
        let log = SpecLog()
        let result = substitute(environment, "", log)
        guard log.problems.isEmpty else { throw SpecProblems(problems: log.problems) }
        return result
    }

    private func substitute(_ environment: [String: String], _ path: String, _ log: SpecLog) -> JSONValue {
        switch self {
        case .string(let text): return .string(Self.expand(text, environment, path, log))
        case .array(let values):
            return .array(values.enumerated().map { $1.substitute(environment, "\(path)[\($0)]", log) })
        case .object(let members):
            var result = members
            for (key, value) in members {
                result[key] = value.substitute(environment, path.isEmpty ? key : "\(path).\(key)", log)
            }
            return .object(result)
        default: return self
        }
    }

    private static func expand(
        _ text: String, _ environment: [String: String], _ path: String, _ log: SpecLog
    ) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if rest[..<start.lowerBound].hasSuffix("$") {
                result += rest[..<start.lowerBound].dropLast() + "${"
                rest = rest[start.upperBound...]
                continue
            }
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                log.add(path, "'${' without '}'; write '$${' for the characters themselves")
                return text
            }
            let inner = rest[start.upperBound..<end]
            let parts = inner.firstRange(of: ":?")
            let name = String(inner[..<(parts?.lowerBound ?? inner.endIndex)])
            if let value = environment[name], !(value.isEmpty && parts != nil) {
                result += value
            } else if let parts {
                log.add(path, "\(name) is not set: \(inner[parts.upperBound...])")
            } else {
                log.add(path, "the environment variable \(name) is not set")
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
