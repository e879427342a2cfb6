import CLinux
import Glibc

/// bpf(2), for programs that decide about devices (`BPF_PROG_TYPE_CGROUP_DEVICE`).
package enum DeviceFilterProgram {
    private static let attachType: UInt32 = 6  // BPF_CGROUP_DEVICE
    private static let programType: UInt32 = 15  // BPF_PROG_TYPE_CGROUP_DEVICE
    private static let allowMultiple: UInt32 = 2  // BPF_F_ALLOW_MULTI

    /// The fields of `union bpf_attr` up to where these commands need it, as 32-bit words; pointers take two.
    private typealias Attributes = [UInt32]
    private static func words(_ pointer: UnsafeRawPointer?) -> [UInt32] {
        let address = UInt64(UInt(bitPattern: pointer))
        return [UInt32(truncatingIfNeeded: address), UInt32(truncatingIfNeeded: address >> 32)]
    }
    private static func call(_ command: Int32, _ name: StaticString, _ attributes: inout Attributes)
        throws(SyscallError) -> Int32
    {
        let size = UInt32(attributes.count * 4)
        let outcome: Result<Int32, SyscallError> = attributes.withUnsafeMutableBytes { bytes in
            let base = bytes.baseAddress
            return Result { () throws(SyscallError) in
                try check("bpf", "\(name)") { box_bpf(command, base, size) }
            }
        }
        return try outcome.get()
    }

    /// Loads a program of `struct bpf_insn`s, 8 bytes each.
    package static func load(_ instructions: [UInt64]) throws(SyscallError) -> FileDescriptor {
        let outcome: Result<Int32, SyscallError> = instructions.withUnsafeBytes { program in
            // The kernel wants a licence; this program calls nothing that asks for a particular one.
            "Apache-2.0".withCString { license in
                var attributes: Attributes =
                    [programType, UInt32(instructions.count)] + words(program.baseAddress) + words(license)
                    + [0, 0, 0, 0, 0, 0]
                return Result { () throws(SyscallError) in try call(5, "BPF_PROG_LOAD", &attributes) }
            }
        }
        return FileDescriptor(owning: try outcome.get())
    }

    /// Adds a program to a cgroup directory's: a device is allowed when all of them, and its ancestors', allow it.
    package static func attach(_ program: borrowing FileDescriptor, to cgroup: borrowing FileDescriptor)
        throws(SyscallError)
    {
        var attributes: Attributes = [UInt32(cgroup.raw), UInt32(program.raw), attachType, allowMultiple]
        _ = try call(8, "BPF_PROG_ATTACH", &attributes)
    }

    package static func detach(_ program: borrowing FileDescriptor, from cgroup: borrowing FileDescriptor)
        throws(SyscallError)
    {
        var attributes: Attributes = [UInt32(cgroup.raw), UInt32(program.raw), attachType, 0]
        _ = try call(9, "BPF_PROG_DETACH", &attributes)
    }

    /// The kernel's numbers of the programs attached to this very cgroup, at most 64.
    package static func attached(to cgroup: borrowing FileDescriptor) throws(SyscallError) -> [UInt32] {
        var numbers = [UInt32](repeating: 0, count: 64)
        let target = UInt32(cgroup.raw)
        let outcome: Result<Int, SyscallError> = numbers.withUnsafeMutableBytes { space in
            // target_fd, attach_type, query_flags, attach_flags, prog_ids (pointer), prog_cnt, padding
            var attributes: Attributes = [target, attachType, 0, 0] + words(space.baseAddress) + [64, 0]
            return Result { () throws(SyscallError) in
                _ = try call(16, "BPF_PROG_QUERY", &attributes)
                return Int(attributes[6])
            }
        }
        return Array(numbers.prefix(try outcome.get()))
    }

    package static func open(number: UInt32) throws(SyscallError) -> FileDescriptor {
        var attributes: Attributes = [number, 0, 0]
        return FileDescriptor(owning: try call(13, "BPF_PROG_GET_FD_BY_ID", &attributes))
    }
}
