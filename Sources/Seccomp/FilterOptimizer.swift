/// Makes a filter shorter that answers the same.
///
/// libseccomp's has an instruction or two for each system call. Most answers are the same for whole ranges of numbers,
/// and the kernel translates and tries out every instruction when a filter is installed, at each start of a container.
package enum FilterOptimizer {
    /// nil when the program is of a kind that this cannot take apart, or would not become shorter.
    ///
    /// - Parameter architectures: the tokens of all that the filter tells apart.
    package static func optimize(_ program: FilterProgram, architectures: [UInt32]) -> FilterProgram? {
        var tokens: [UInt32] = []
        for token in architectures where !tokens.contains(token) { tokens.append(token) }
        // Nothing has this token.
        guard let others = Evaluation(program, architecture: 0).ranges() else { return nil }
        var code: [FilterProgram.Instruction] = [.init(code: FilterProgram.Code.load, value: 4)]
        for token in tokens {
            guard let ranges = Evaluation(program, architecture: token).ranges() else { return nil }
            // x32 has a token for libseccomp only; the kernel has its calls under that of the native architecture.
            if ranges == others { continue }
            guard let part = Section.encode(ranges) else { return nil }
            code.append(.init(code: FilterProgram.Code.jumpIfEqual, yes: 1, no: 0, value: token))
            code.append(.init(code: FilterProgram.Code.jump, value: UInt32(part.count)))
            code += part
        }
        guard let rest = Section.encode(others) else { return nil }
        code += rest
        return code.count < program.instructions.count ? FilterProgram(code) : nil
    }

    /// What is answered, and if that depends on the arguments, on what.
    indirect enum Decision: Hashable {
        case answer(UInt32)
        case test(Test, yes: Decision, no: Decision)
    }
    struct Test: Hashable {
        /// Of a word of the arguments.
        let offset: UInt32
        let mask: UInt32?
        let code: UInt16
        let value: UInt32
    }
    /// From `first` to where the next one begins.
    struct NumberRange: Equatable {
        let first: UInt32
        let decision: Decision
    }
}

extension FilterOptimizer.Decision {
    /// It and all that it leads to, with the number of decisions that may follow it. Returns its own.
    @discardableResult
    fileprivate func collect(_ all: inout [Self: Int]) -> Int {
        if let known = all[self] { return known }
        var height = 0
        if case .test(_, let yes, let no) = self { height = 1 + max(yes.collect(&all), no.collect(&all)) }
        all[self] = height
        return height
    }
}

/// Runs a program for a known architecture and number, and finds out what it does with what it does not know.
private struct Evaluation {
    typealias Code = FilterProgram.Code
    typealias Decision = FilterOptimizer.Decision
    private enum Accumulator {
        case number
        case known(UInt32)
        case argument(offset: UInt32, mask: UInt32?)
    }

    private let program: FilterProgram
    private let architecture: UInt32
    /// Steps that one number may take, on all branches together.
    private static let patience = 4096

    init(_ program: FilterProgram, architecture: UInt32) {
        self.program = program
        self.architecture = architecture
    }

    /// All numbers, in order. Between two neighbours of what the program compares with, it cannot tell them apart.
    func ranges() -> [FilterOptimizer.NumberRange]? {
        var edges: Set<UInt32> = [0]
        for instruction in program.instructions
        where [Code.jumpIfEqual, Code.jumpIfGreater, Code.jumpIfGreaterOrEqual].contains(instruction.code) {
            edges.insert(instruction.value)
            if instruction.value < .max { edges.insert(instruction.value + 1) }
        }
        var ranges: [FilterOptimizer.NumberRange] = []
        for first in edges.sorted() {
            var steps = 0
            guard let decision = decide(first, from: 0, .known(0), &steps) else { return nil }
            if ranges.last?.decision != decision { ranges.append(.init(first: first, decision: decision)) }
        }
        return ranges
    }

    private func decide(_ number: UInt32, from start: Int, _ held: Accumulator, _ steps: inout Int) -> Decision? {
        var (place, accumulator) = (start, held)
        while program.instructions.indices.contains(place), steps < Self.patience {
            let instruction = program.instructions[place]
            steps += 1
            place += 1
            switch instruction.code {
            case Code.load:
                switch instruction.value {
                case 0: accumulator = .number
                case 4: accumulator = .known(architecture)
                default: accumulator = .argument(offset: instruction.value, mask: nil)
                }
            case Code.and:
                switch accumulator {
                case .known(let value): accumulator = .known(value & instruction.value)
                case .argument(let offset, nil): accumulator = .argument(offset: offset, mask: instruction.value)
                // A mask would tell more numbers apart than the edges do.
                case .number, .argument: return nil
                }
            case Code.jump: place += Int(instruction.value)
            case Code.answer: return .answer(instruction.value)
            default:
                let value: UInt32
                switch accumulator {
                case .number where instruction.code != Code.jumpIfSet: value = number
                case .known(let known): value = known
                case .argument(let offset, let mask):
                    return test(number, at: place - 1, offset, mask, &steps)
                case .number: return nil
                }
                guard let holds = FilterProgram.holds(instruction.code, value, instruction.value) else { return nil }
                place += Int(holds ? instruction.yes : instruction.no)
            }
        }
        return nil
    }

    private func test(_ number: UInt32, at place: Int, _ offset: UInt32, _ mask: UInt32?, _ steps: inout Int)
        -> Decision?
    {
        let instruction = program.instructions[place]
        let held = Accumulator.argument(offset: offset, mask: mask)
        guard FilterProgram.holds(instruction.code, 0, 0) != nil,
            let yes = decide(number, from: place + 1 + Int(instruction.yes), held, &steps),
            let no = decide(number, from: place + 1 + Int(instruction.no), held, &steps)
        else { return nil }
        if yes == no { return yes }
        let test = FilterOptimizer.Test(offset: offset, mask: mask, code: instruction.code, value: instruction.value)
        return .test(test, yes: yes, no: no)
    }
}

/// The instructions for one architecture: a tree of comparisons, and behind it each decision once.
private struct Section {
    private typealias Code = FilterProgram.Code
    private enum Target {
        case next
        case line(Int)
        case decision(FilterOptimizer.Decision)
    }
    private var code: [FilterProgram.Instruction] = []
    /// By line, where its two ways lead.
    private var targets: [(yes: Target, no: Target)] = []
    private var places: [FilterOptimizer.Decision: Int] = [:]

    /// nil when it is longer than one jump goes.
    static func encode(_ ranges: [FilterOptimizer.NumberRange]) -> [FilterProgram.Instruction]? {
        var section = Section()
        section.add(.init(code: Code.load, value: 0))
        if ranges.count > 1 { section.search(ranges[...]) }
        // Jumps go forward only: what others lead to comes behind them.
        var decisions: [FilterOptimizer.Decision: Int] = [:]
        for range in ranges { range.decision.collect(&decisions) }
        for (decision, _) in decisions.sorted(by: { $0.value > $1.value }) { section.place(decision) }
        return section.resolved()
    }

    private mutating func add(_ instruction: FilterProgram.Instruction, yes: Target = .next, no: Target = .next) {
        code.append(instruction)
        targets.append((yes, no))
    }

    private mutating func search(_ ranges: ArraySlice<FilterOptimizer.NumberRange>) {
        let middle = ranges.startIndex + ranges.count / 2
        let (low, high) = (ranges[..<middle], ranges[middle...])
        func target(_ part: ArraySlice<FilterOptimizer.NumberRange>) -> Target? {
            part.count == 1 ? .decision(part[part.startIndex].decision) : nil
        }
        let line = code.count
        add(
            .init(code: Code.jumpIfGreaterOrEqual, value: ranges[middle].first), yes: target(high) ?? .next,
            no: target(low) ?? .next)
        if low.count > 1 { search(low) }
        if high.count > 1 {
            targets[line].yes = .line(code.count)
            search(high)
        }
    }

    private mutating func place(_ decision: FilterOptimizer.Decision) {
        places[decision] = code.count
        switch decision {
        case .answer(let value): add(.init(code: Code.answer, value: value))
        case .test(let test, let yes, let no):
            add(.init(code: Code.load, value: test.offset))
            if let mask = test.mask { add(.init(code: Code.and, value: mask)) }
            add(.init(code: test.code, value: test.value), yes: .decision(yes), no: .decision(no))
        }
    }

    private func resolved() -> [FilterProgram.Instruction]? {
        var result = code
        for (line, (yes, no)) in targets.enumerated() {
            func distance(_ target: Target) -> UInt8? {
                switch target {
                case .next: 0
                case .line(let to): UInt8(exactly: to - line - 1)
                case .decision(let decision): places[decision].flatMap { UInt8(exactly: $0 - line - 1) }
                }
            }
            guard let yes = distance(yes), let no = distance(no) else { return nil }
            (result[line].yes, result[line].no) = (yes, no)
        }
        return result
    }
}
