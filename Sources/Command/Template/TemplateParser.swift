/// What a template consists of; Go's `text/template/parse`.
indirect enum TemplateNode {
    case text(String)
    case output(TemplatePipeline)
    case condition(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case range(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case breakLoop
    case continueLoop
}

/// `$a, $b := command | command`.
struct TemplatePipeline {
    var variables: [String] = []
    var declares = false
    var commands: [TemplateCommand]
}

/// A function or a value, with arguments.
struct TemplateCommand {
    var operands: [TemplateOperand]
}

indirect enum TemplateOperand {
    /// `.A.B`
    case field([String])
    /// `$x.A.B`
    case variable(String, [String])
    /// `(pipeline).A`
    case group(TemplatePipeline, [String])
    case function(String)
    case literal(JSONValue)
}

/// Makes a tree of a template's pieces.
struct TemplateParser {
    private var pieces: ArraySlice<TemplatePiece>
    private var loopDepth = 0

    static func parse(_ template: String) throws(TemplateError) -> [TemplateNode] {
        var parser = TemplateParser(pieces: try TemplateLexer.split(template)[...])
        let (nodes, end) = try parser.list()
        if let end { throw TemplateError("unexpected {{\(end.keyword)}}") }
        return nodes
    }

    /// What ended a list: `end`, or `else` with the rest of its action.
    private struct Terminator {
        let keyword: String
        let rest: [TemplateToken]
    }

    private init(pieces: ArraySlice<TemplatePiece>) { self.pieces = pieces }

    private mutating func list() throws(TemplateError) -> ([TemplateNode], Terminator?) {
        var nodes: [TemplateNode] = []
        while let piece = pieces.popFirst() {
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let tokens):
                guard let first = tokens.first else { throw TemplateError("missing value for command") }
                guard case .word(let keyword) = first else {
                    nodes.append(.output(try pipeline(tokens)))
                    continue
                }
                var rest = Array(tokens.dropFirst())
                if rest.first == .space { rest.removeFirst() }
                if keyword == "end" || keyword == "else" { return (nodes, Terminator(keyword: keyword, rest: rest)) }
                if let structure = try action(keyword, rest) {
                    nodes.append(structure)
                } else {
                    nodes.append(.output(try pipeline(tokens)))
                }
            }
        }
        return (nodes, nil)
    }

    /// A control structure; nil when the word is a function's name.
    private mutating func action(_ keyword: String, _ rest: [TemplateToken]) throws(TemplateError) -> TemplateNode? {
        switch keyword {
        case "if", "with":
            let head = try pipeline(rest)
            let (then, otherwise) = try branches(of: keyword)
            return keyword == "if"
                ? .condition(head, then: then, otherwise: otherwise) : .with(head, then: then, otherwise: otherwise)
        case "range":
            let head = try pipeline(rest, maximumVariables: 2)
            loopDepth += 1
            let (body, otherwise) = try branches(of: keyword)
            loopDepth -= 1
            return .range(head, body: body, otherwise: otherwise)
        case "break", "continue":
            if loopDepth == 0 { throw TemplateError("{{\(keyword)}} outside {{range}}") }
            return keyword == "break" ? .breakLoop : .continueLoop
        case "define", "template", "block": throw TemplateError("{{\(keyword)}} is not supported")
        default: return nil
        }
    }

    private mutating func branches(of keyword: String) throws(TemplateError) -> ([TemplateNode], [TemplateNode]) {
        let (then, end) = try list()
        guard let end else { throw TemplateError("unexpected EOF: {{\(keyword)}} has no {{end}}") }
        if end.keyword == "end" { return (then, []) }
        if case .word(let next)? = end.rest.first {
            // {{else if x}} ends with the {{end}} of the whole.
            guard next == keyword, next != "range" else { throw TemplateError("unexpected {{else \(next)}}") }
            var rest = Array(end.rest.dropFirst())
            if rest.first == .space { rest.removeFirst() }
            guard let node = try action(next, rest) else { throw TemplateError("unexpected {{else \(next)}}") }
            return (then, [node])
        }
        let (otherwise, close) = try list()
        guard close?.keyword == "end" else { throw TemplateError("expected {{end}} after {{else}}") }
        return (then, otherwise)
    }

    private func pipeline(_ tokens: [TemplateToken], maximumVariables: Int = 1) throws(TemplateError)
        -> TemplatePipeline
    {
        var parser = PipelineParser(tokens: tokens[...])
        let pipeline = try parser.pipeline(maximumVariables: maximumVariables)
        if !parser.atEnd { throw TemplateError("unexpected right paren") }
        return pipeline
    }
}

private struct PipelineParser {
    var tokens: ArraySlice<TemplateToken>
    var depth = 0
    var atEnd: Bool { tokens.isEmpty }

    mutating func skipSpace() { if tokens.first == .space { tokens.removeFirst() } }

    mutating func pipeline(maximumVariables: Int) throws(TemplateError) -> TemplatePipeline {
        depth += 1
        defer { depth -= 1 }
        if depth > 64 { throw TemplateError("nested too deeply") }
        var pipeline = TemplatePipeline(commands: [])
        try declarations(into: &pipeline, maximum: maximumVariables)
        while true {
            pipeline.commands.append(try command())
            skipSpace()
            guard tokens.first == .pipe else { return pipeline }
            tokens.removeFirst()
        }
    }

    private mutating func declarations(into pipeline: inout TemplatePipeline, maximum: Int) throws(TemplateError) {
        skipSpace()
        let saved = tokens
        var names: [String] = []
        while case .variable(let name)? = tokens.first {
            tokens.removeFirst()
            names.append(name)
            skipSpace()
            guard tokens.first == .comma else { break }
            tokens.removeFirst()
            skipSpace()
        }
        if let next = tokens.first, next == .declare || next == .assign, !names.isEmpty {
            if names.count > maximum { throw TemplateError("too many declarations") }
            tokens.removeFirst()
            pipeline.variables = names
            pipeline.declares = next == .declare
        } else {
            tokens = saved
        }
    }

    private mutating func command() throws(TemplateError) -> TemplateCommand {
        var operands: [TemplateOperand] = []
        while true {
            skipSpace()
            guard let token = tokens.first, token != .pipe, token != .close else { break }
            operands.append(try operand())
        }
        guard let first = operands.first else { throw TemplateError("missing value for command") }
        if operands.count > 1, case .literal(let value) = first {
            throw TemplateError("can't give argument to non-function \(value.compact)")
        }
        return TemplateCommand(operands: operands)
    }

    private mutating func operand() throws(TemplateError) -> TemplateOperand {
        guard let token = tokens.popFirst() else { throw TemplateError("missing value for command") }
        switch token {
        case .field(let name): return .field(name.isEmpty ? [] : [name] + chain())
        case .variable(let name): return .variable(name, chain())
        case .word(let name): return .function(name)
        case .string(let text): return .literal(.string(text))
        case .integer(let value): return .literal(.integer(value))
        case .double(let value): return .literal(.double(value))
        case .bool(let value): return .literal(.bool(value))
        case .null: return .literal(.null)
        case .open:
            let inner = try pipeline(maximumVariables: 0)
            skipSpace()
            guard tokens.popFirst() == .close else { throw TemplateError("unclosed left paren") }
            return .group(inner, chain())
        case .close, .pipe, .comma, .declare, .assign, .space: throw TemplateError("unexpected token in operand")
        }
    }

    /// `.B.C` right behind an operand.
    private mutating func chain() -> [String] {
        var names: [String] = []
        while case .field(let name)? = tokens.first, !name.isEmpty {
            tokens.removeFirst()
            names.append(name)
        }
        return names
    }
}
