import Glibc
import Kernel
import OCI
import Seccomp
import Testing

/// Docker's default capabilities that matter to the profile.
private let ordinary: Set<String> = ["CAP_CHOWN", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_NET_RAW"]

/// What a filter answers to a system call, as the kernel would run it.
private func answer(_ program: [UInt8], _ number: UInt32, arguments: [UInt64] = [], arch: UInt32 = 0xc000_003e)
    -> UInt32
{
    // struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6]; }
    var data: [UInt32] = [number, arch, 0, 0]
    for index in 0..<6 {
        let value = index < arguments.count ? arguments[index] : 0
        data += [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)]
    }
    var accumulator: UInt32 = 0
    var position = 0
    while position * 8 < program.count {
        let word = program.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position * 8, as: UInt64.self) }
        let (code, yes, no) = (word & 0xffff, Int(word >> 16 & 0xff), Int(word >> 24 & 0xff))
        let value = UInt32(truncatingIfNeeded: word >> 32)
        position += 1
        switch code {
        case 0x20: accumulator = data[Int(value / 4)]
        case 0x54: accumulator &= value
        case 0x05: position += Int(value)
        case 0x15: position += accumulator == value ? yes : no
        case 0x25: position += accumulator > value ? yes : no
        case 0x35: position += accumulator >= value ? yes : no
        case 0x06: return value
        default: return 0xdead
        }
    }
    return 0xdead
}
private let allow: UInt32 = 0x7fff_0000
private func fails(_ error: Int32) -> UInt32 { 0x0005_0000 | UInt32(error) }

@Suite struct SeccompTests {
    #if arch(x86_64)
        @Test func defaultProfile() throws {
            let program = try DefaultSeccompProfile.program(capabilities: ordinary)
            #expect(program.count / 8 < 4096)
            #expect(answer(program, 0) == allow)  // read
            #expect(answer(program, 272) == fails(EPERM))  // unshare
            #expect(answer(program, 165) == fails(EPERM))  // mount
            #expect(answer(program, 250) == fails(EPERM))  // keyctl
            #expect(answer(program, 321) == fails(EPERM))  // bpf
            #expect(answer(program, 425) == fails(EPERM))  // io_uring_setup
            #expect(answer(program, 323) == fails(EPERM))  // userfaultfd
            #expect(answer(program, 161) == allow)  // chroot, with CAP_SYS_CHROOT
            #expect(answer(program, 435) == fails(ENOSYS))  // clone3
            #expect(answer(program, 56, arguments: [17]) == allow)  // clone as fork does it
            #expect(answer(program, 56, arguments: [0x1000_0000]) == fails(EPERM))  // clone with CLONE_NEWUSER
            #expect(answer(program, 41, arguments: [2]) == allow)  // socket AF_INET
            #expect(answer(program, 41, arguments: [38]) == fails(EPERM))  // AF_ALG
            #expect(answer(program, 41, arguments: [40]) == fails(EPERM))  // AF_VSOCK
            #expect(answer(program, 135, arguments: [0]) == allow)  // personality
            #expect(answer(program, 135, arguments: [0x0040_0000]) == fails(EPERM))
            #expect(answer(program, 4000) == fails(ENOSYS))  // of a kernel to come
            #expect(answer(program, 4000, arch: 0x4000_0003) == fails(ENOSYS))  // the same for 32 bits
            #expect(answer(program, 310, arch: 0x4000_0003) == fails(EPERM))  // unshare for 32 bits
            #expect(answer(program, 0x4000_0000 + 272) == fails(EPERM))  // unshare for x32
            #expect(answer(program, 0, arch: 0x1234) == 0)  // a foreign machine's: killed
        }

        @Test func capabilitiesAddWhatTheyNeed() throws {
            let program = try DefaultSeccompProfile.program(capabilities: ["CAP_SYS_ADMIN"])
            #expect(answer(program, 272) == allow)
            #expect(answer(program, 165) == allow)
            #expect(answer(program, 435) == allow)
            #expect(answer(program, 161) == fails(EPERM))
        }

        @Test func ownProfile() throws {
            let json = """
                {"defaultAction": "SCMP_ACT_ALLOW", "comment": "x", "syscalls": [
                 {"name": "getcwd", "action": "SCMP_ACT_ERRNO"},
                 {"names": ["nice_try", "mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
                 {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_KILL"]}},
                 {"names": ["chdir"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["arm64"]}},
                 {"names": ["fchdir"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}},
                 {"names": ["lseek"], "action": "SCMP_ACT_KILL_PROCESS", "args":
                  [{"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 5, "op": "SCMP_CMP_EQ"}]}]}
                """
            let filter = try SeccompProfile(parsing: Array(json.utf8)).resolved(capabilities: ["CAP_KILL"])
            let program = try SeccompCompiler.compile(filter)
            #expect(answer(program, 79) == fails(EPERM))
            #expect(answer(program, 83) == fails(95))
            for number: UInt32 in [62, 80, 81, 4000] { #expect(answer(program, number) == allow) }
            #expect([3, 4, 5].map { answer(program, 8, arguments: [0, $0]) } == [0x8000_0000, allow, 0x8000_0000])
        }
    #endif

    @Test(arguments: [
        "", "{}", "[]", #"{"defaultAction": "SCMP_ACT_SMILE"}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]}"#,
        #"{"defaultAction": "SCMP_ACT_NOTIFY"}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 70000}]}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "includes": {"minKernel": "x"}}]}"#,
    ]) func badProfilesAreRefused(_ json: String) {
        #expect(throws: SeccompError.self) {
            try SeccompCompiler.compile(try SeccompProfile(parsing: Array(json.utf8)).resolved(capabilities: []))
        }
    }

    @Test func flags() throws {
        let filter = LinuxSeccomp(defaultAction: .allow, flags: ["SECCOMP_FILTER_FLAG_LOG"])
        #expect(try SeccompCompiler.flags(of: filter) == 2)
        #expect(throws: SeccompError.self) {
            try SeccompCompiler.flags(of: LinuxSeccomp(defaultAction: .allow, flags: ["SECCOMP_FILTER_FLAG_X"]))
        }
    }

    /// On a thread of its own: a filter is a thread's, and for ever.
    @Test func theKernelTakesIt() throws {
        // Written by the one thread, read when that has ended.
        final class Probe: @unchecked Sendable {
            let program: [UInt8]
            var errors: [Int32] = []
            init(_ program: [UInt8]) { self.program = program }
            func run() {
                func record(_ body: () throws(SyscallError) -> Void) {
                    do { try body(); errors.append(0) } catch { errors.append(error.errno) }
                }
                record { () throws(SyscallError) in try Processes.setNoNewPrivileges() }
                record { () throws(SyscallError) in try Processes.installSeccompFilter(program) }
                record { () throws(SyscallError) in try Namespaces.unshare(.uts) }
                record { () throws(SyscallError) in try Processes.joinNewSessionKeyring("x") }
                record { () throws(SyscallError) in try Processes.setHostname("seccomp-test") }
            }
        }
        let probe = Probe(try DefaultSeccompProfile.program(capabilities: ordinary))
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Probe>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(probe).toOpaque())
        pthread_join(thread, nil)
        #expect(probe.errors == [0, 0, EPERM, EPERM, EPERM])
    }
}
