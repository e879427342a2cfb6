/// A filter as the kernel takes it, instruction by instruction: classic BPF over `struct seccomp_data`, seccomp(2).
package struct FilterProgram: Equatable, Sendable {
    package struct Instruction: Hashable, Sendable {
        package var code: UInt16
        package var yes: UInt8 = 0
        package var no: UInt8 = 0
        package var value: UInt32
    }

    /// What of the instruction set filters use; linux/bpf_common.h.
    enum Code {
        static let load: UInt16 = 0x20
        static let and: UInt16 = 0x54
        static let jump: UInt16 = 0x05
        static let jumpIfEqual: UInt16 = 0x15
        static let jumpIfGreater: UInt16 = 0x25
        static let jumpIfGreaterOrEqual: UInt16 = 0x35
        static let jumpIfSet: UInt16 = 0x45
        static let answer: UInt16 = 0x06
    }

    package var instructions: [Instruction]

    init(_ instructions: [Instruction]) { self.instructions = instructions }

    /// From `struct sock_filter { u16 code; u8 jt, jf; u32 k; }`; nil when these are none.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count % 8 == 0 else { return nil }
        instructions = bytes.withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: 8).map { place in
                Instruction(
                    code: buffer.loadUnaligned(fromByteOffset: place, as: UInt16.self), yes: buffer[place + 2],
                    no: buffer[place + 3], value: buffer.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self))
            }
        }
    }

    package var bytes: [UInt8] {
        instructions.flatMap { instruction in
            withUnsafeBytes(of: instruction.code) { Array($0) } + [instruction.yes, instruction.no]
                + withUnsafeBytes(of: instruction.value) { Array($0) }
        }
    }

    /// What a comparison says.
    static func holds(_ code: UInt16, _ accumulator: UInt32, _ value: UInt32) -> Bool? {
        switch code {
        case Code.jumpIfEqual: accumulator == value
        case Code.jumpIfGreater: accumulator > value
        case Code.jumpIfGreaterOrEqual: accumulator >= value
        case Code.jumpIfSet: accumulator & value != 0
        default: nil
        }
    }

    /// The answer to a system call, as the kernel finds it; `words` are those of `struct seccomp_data`: number,
    /// architecture, two of the instruction pointer, two for each argument. nil for a program that is not well-formed.
    package func answer(_ words: [UInt32]) -> UInt32? {
        var accumulator: UInt32 = 0
        var place = 0
        while instructions.indices.contains(place) {
            let instruction = instructions[place]
            place += 1
            switch instruction.code {
            case Code.load:
                guard words.indices.contains(Int(instruction.value / 4)) else { return nil }
                accumulator = words[Int(instruction.value / 4)]
            case Code.and: accumulator &= instruction.value
            case Code.jump: place += Int(instruction.value)
            case Code.answer: return instruction.value
            default:
                guard let holds = Self.holds(instruction.code, accumulator, instruction.value) else { return nil }
                place += Int(holds ? instruction.yes : instruction.no)
            }
        }
        return nil
    }
}
