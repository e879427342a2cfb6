/// A Go template, as `--format` takes it: `{{.Names}}`, `{{json .State}}`, `{{range}}`, `{{if}}`, `{{with}}`, variables,
/// pipelines and the functions of `TemplateFunctions`. Source: pkg.go.dev/text/template, and Docker's documentation
/// "Format command and log output".
package struct Template {
    private let nodes: [TemplateNode]
    private let source: String

    package init(_ source: String) throws(TemplateError) {
        do { nodes = try TemplateParser.parse(source) } catch {
            throw TemplateError("template parsing error: template: :1: \(error)")
        }
        self.source = source
    }

    /// `.Name argument` on the outermost value; nil when there is no such method.
    package typealias Method = (_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> JSONValue?

    /// - Parameters:
    ///   - optional: names of members that may be missing, which are null then; any other missing one is an error.
    ///   - header: functions that shape values leave them alone, since the values are column titles.
    package func render(
        _ value: JSONValue, optional: Set<String> = [], header: Bool = false, method: Method? = nil
    ) throws(TemplateError) -> String {
        var run = TemplateRun(
            root: value, optional: optional, functions: TemplateFunctions(header: header), method: method)
        do { _ = try run.execute(nodes, dot: value) } catch {
            throw TemplateError("template parsing error: template: :1: executing \"\" \(error)")
        }
        return run.output
    }
}

/// One execution.
private struct TemplateRun {
    let root: JSONValue
    let optional: Set<String>
    let functions: TemplateFunctions
    let method: Template.Method?
    var output = ""
    /// Innermost last.
    private var variables: [(name: String, value: JSONValue)] = []

    /// How a list of nodes ended.
    enum Flow { case normal, breakLoop, continueLoop }

    /// A template cannot recurse, so nesting is bounded by its text; its output is bounded here.
    private static let maximumOutput = 64 << 20

    init(root: JSONValue, optional: Set<String>, functions: TemplateFunctions, method: Template.Method?) {
        self.root = root
        self.optional = optional
        self.functions = functions
        self.method = method
        variables = [("", root)]
    }

    mutating func execute(_ nodes: [TemplateNode], dot: JSONValue) throws(TemplateError) -> Flow {
        let scope = variables.count
        defer { variables.removeSubrange(scope...) }
        for node in nodes {
            let flow = try execute(node, dot: dot)
            if flow != .normal { return flow }
            if output.utf8.count > Self.maximumOutput { throw TemplateError("the output is too long") }
        }
        return .normal
    }

    private mutating func execute(_ node: TemplateNode, dot: JSONValue) throws(TemplateError) -> Flow {
        switch node {
        case .text(let text): output += text
        case .output(let pipeline):
            let value = try evaluate(pipeline, dot: dot)
            if pipeline.variables.isEmpty { output += TemplateFunctions.text(value) }
        case .condition(let pipeline, let then, let otherwise):
            let scope = variables.count
            defer { variables.removeSubrange(scope...) }
            return try execute(TemplateFunctions.isTrue(try evaluate(pipeline, dot: dot)) ? then : otherwise, dot: dot)
        case .with(let pipeline, let then, let otherwise):
            let scope = variables.count
            defer { variables.removeSubrange(scope...) }
            let value = try evaluate(pipeline, dot: dot)
            return TemplateFunctions.isTrue(value) ? try execute(then, dot: value) : try execute(otherwise, dot: dot)
        case .range(let pipeline, let body, let otherwise):
            return try loop(pipeline, body, otherwise, dot: dot)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .normal
    }

    private mutating func loop(
        _ pipeline: TemplatePipeline, _ body: [TemplateNode], _ otherwise: [TemplateNode], dot: JSONValue
    ) throws(TemplateError) -> Flow {
        let items = try items(of: try evaluate(pipeline, dot: dot, assigning: false))
        if items.isEmpty { return try execute(otherwise, dot: dot) }
        for (key, value) in items {
            let scope = variables.count
            defer { variables.removeSubrange(scope...) }
            if let last = pipeline.variables.last {
                if pipeline.variables.count == 2 { try set(pipeline.variables[0], key, declare: pipeline.declares) }
                try set(last, value, declare: pipeline.declares)
            }
            if try execute(body, dot: value) == .breakLoop { break }
        }
        return .normal
    }

    private func items(of value: JSONValue) throws(TemplateError) -> [(JSONValue, JSONValue)] {
        switch value {
        case .null: return []
        case .array(let elements): return elements.enumerated().map { (.integer(Int64($0.offset)), $0.element) }
        case .object: return value.sorted.map { (.string($0.key), $0.value) }
        case .integer(let count) where count <= 1_000_000:
            return (0..<max(0, count)).map { (.integer($0), .integer($0)) }
        default: throw TemplateError("range can't iterate over \(TemplateFunctions.text(value))")
        }
    }

    private mutating func set(_ name: String, _ value: JSONValue, declare: Bool) throws(TemplateError) {
        if declare {
            variables.append((name, value))
        } else if let index = variables.lastIndex(where: { $0.name == name }) {
            variables[index].value = value
        } else {
            throw TemplateError("undefined variable \"$\(name)\"")
        }
    }

    private mutating func evaluate(_ pipeline: TemplatePipeline, dot: JSONValue, assigning: Bool = true)
        throws(TemplateError) -> JSONValue
    {
        var value: JSONValue?
        for command in pipeline.commands { value = try evaluate(command, dot: dot, final: value) }
        let result = value ?? .null
        if assigning, let name = pipeline.variables.first { try set(name, result, declare: pipeline.declares) }
        return result
    }

    /// `final`: the value of the command before in a pipeline, which becomes the last argument.
    private mutating func evaluate(_ command: TemplateCommand, dot: JSONValue, final: JSONValue?)
        throws(TemplateError) -> JSONValue
    {
        guard let first = command.operands.first else { throw TemplateError("missing value for command") }
        if case .function(let name) = first {
            // `and` and `or` look at no more arguments than they need.
            if name == "and" || name == "or" {
                return try shortCircuit(name == "or", command.operands.dropFirst(), dot: dot, final: final)
            }
            return try functions.call(name, try arguments(command, dot: dot, final: final))
        }
        if case .field(let path) = first, path.count == 1, dot == root, let method {
            if let value = try method(path[0], try arguments(command, dot: dot, final: final)) { return value }
        }
        if command.operands.count > 1 || final != nil {
            throw TemplateError("at <\(describe(first))>: is not a method but has arguments")
        }
        return try evaluate(first, dot: dot)
    }

    private mutating func arguments(_ command: TemplateCommand, dot: JSONValue, final: JSONValue?)
        throws(TemplateError) -> [JSONValue]
    {
        var values: [JSONValue] = []
        for operand in command.operands.dropFirst() { values.append(try evaluate(operand, dot: dot)) }
        if let final { values.append(final) }
        return values
    }

    private mutating func shortCircuit(
        _ until: Bool, _ operands: ArraySlice<TemplateOperand>, dot: JSONValue, final: JSONValue?
    ) throws(TemplateError) -> JSONValue {
        var value: JSONValue?
        for operand in operands {
            let next = try evaluate(operand, dot: dot)
            if TemplateFunctions.isTrue(next) == until { return next }
            value = next
        }
        guard let result = final ?? value else { throw TemplateError("wrong number of args: want at least 1 got 0") }
        return result
    }

    private mutating func evaluate(_ operand: TemplateOperand, dot: JSONValue) throws(TemplateError) -> JSONValue {
        switch operand {
        case .literal(let value): return value
        case .function(let name):
            if name == "and" || name == "or" {
                throw TemplateError("wrong number of args for \(name): want at least 1 got 0")
            }
            return try functions.call(name, [])
        case .field(let path):
            if path.count == 1, dot == root, let method, let value = try method(path[0], []) { return value }
            return try member(dot, path, operand)
        case .variable(let name, let path):
            guard let variable = variables.last(where: { $0.name == name }) else {
                throw TemplateError("undefined variable \"$\(name)\"")
            }
            return try member(variable.value, path, operand)
        case .group(let pipeline, let path): return try member(try evaluate(pipeline, dot: dot), path, operand)
        }
    }

    private func member(_ value: JSONValue, _ path: [String], _ operand: TemplateOperand) throws(TemplateError)
        -> JSONValue
    {
        var value = value
        for name in path {
            switch value {
            case .object(let object):
                if let found = object[name] {
                    value = found
                } else if optional.contains(name) {
                    value = .null
                } else {
                    throw TemplateError("at <\(describe(operand))>: map has no entry for key \"\(name)\"")
                }
            case .null: throw TemplateError("at <\(describe(operand))>: nil pointer evaluating interface {}.\(name)")
            default:
                throw TemplateError("at <\(describe(operand))>: can't evaluate field \(name) in type \(value.typeName)")
            }
        }
        return value
    }

    private func describe(_ operand: TemplateOperand) -> String {
        switch operand {
        case .field(let path): "." + path.joined(separator: ".")
        case .variable(let name, let path): (["$" + name] + path).joined(separator: ".")
        case .group(_, let path): "(…)" + path.map { "." + $0 }.joined()
        case .function(let name): name
        case .literal(let value): value.compact
        }
    }
}

extension JSONValue {
    fileprivate var typeName: String {
        switch self {
        case .null: "nil"
        case .bool: "bool"
        case .integer: "int64"
        case .double: "float64"
        case .string: "string"
        case .array: "[]interface {}"
        case .object: "map[string]interface {}"
        }
    }
}
