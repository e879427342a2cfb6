import OCI
import Seccomp
import Testing

@Suite struct FilterOptimizerTests {
    private static let tokens: [UInt32] = [0xc000_003e, 0x4000_0003, 0xc000_00b7, 0]

    @Test(arguments: [["CAP_CHOWN"], ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_SYS_CHROOT"], []])
    func defaultProfile(capabilities: [String]) throws {
        try compare(DefaultSeccompProfile.profile.resolved(capabilities: Set(capabilities)))
    }

    @Test func smallProfile() throws {
        func rule(_ names: [String], _ action: SeccompAction, _ arguments: [SeccompArgument] = []) -> SeccompSyscalls {
            SeccompSyscalls(names: names, action: action, args: arguments)
        }
        let masked = SeccompArgument(index: 1, value: 0xff_0000_00f0, valueTwo: 0x10_0000_0010, op: .maskedEqual)
        let large = SeccompArgument(index: 2, value: 0x1_0000_0001, op: .greater)
        try compare(
            LinuxSeccomp(
                defaultAction: .allow, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                syscalls: [
                    rule(["mount", "umount2"], .errno), rule(["socket"], .killProcess, [masked]),
                    rule(["openat"], .errno, [large]), rule(["openat"], .errno, [masked]),
                ]))
    }

    private func compare(_ profile: LinuxSeccomp) throws {
        let long = try #require(FilterProgram(try SeccompCompiler.compile(profile, optimized: false)))
        let short = try #require(FilterProgram(try SeccompCompiler.compile(profile)))
        #expect(FilterProgram(short.bytes) == short)
        #expect(short.instructions.count <= long.instructions.count)
        // Values that the profiles compare with, their neighbours, and others.
        var random = SystemRandomNumberGenerator()
        let interesting: [UInt32] = [0, 1, 2, 8, 16, 38, 40, 0x10, 0x7e02_0000, 0x2_0000, 0x2_0008, .max]
        let numbers = Array(0..<UInt32(520)) + (0x4000_0000..<0x4000_0260) + [1000, 0x3fff_ffff, 0xffff_ffff]
        for token in Self.tokens {
            for number in numbers {
                for attempt in 0..<24 {
                    let arguments = (0..<12).map { _ in
                        attempt < 16 ? interesting[Int.random(in: interesting.indices)] : random.next()
                    }
                    let call = [number, token, 0, 0] + arguments
                    let (wanted, found) = (long.answer(call), short.answer(call))
                    if wanted != found || wanted == nil {
                        Issue.record("\(call): \(String(describing: wanted)) became \(String(describing: found))")
                        return
                    }
                }
            }
        }
    }
}
