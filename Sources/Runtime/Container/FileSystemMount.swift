import Glibc
import Kernel

/// A new file system by fsopen(2), not attached anywhere yet.
enum FileSystemMount {
    static func makeDetached(_ type: String, source: String?, _ options: MountOptions, name: String)
        throws(RuntimeError) -> FileDescriptor
    {
        let context = try attempt(.mounts, name) { () throws(SyscallError) in try Mounts.openFileSystem(type) }
        do {
            try Mounts.configure(context, "source", source ?? type)
            for parameter in options.parameters {
                do {
                    try Mounts.configure(context, parameter.key, parameter.value)
                } catch let error where parameter == Self.inodeVersion && error.errno == EINVAL {
                    // Only some file systems know it, and mount(2) ignores it with the others.
                    continue
                }
            }
            try Mounts.create(context)
            return try Mounts.makeDetached(context, options.own.set.union(options.recursive.set))
        } catch {
            let said = explanation(context)
            throw RuntimeError(.mounts, "\(name): \(error)\(said)", errno: error.errno)
        }
    }

    private static let inodeVersion = MountOptions.Parameter(key: "iversion", value: nil)

    /// What the file system itself says of the failure: reading the context gives lines such as
    /// `e tmpfs: Bad value for 'size'`.
    private static func explanation(_ context: borrowing FileDescriptor) -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 1)
        defer { buffer.deallocate() }
        var text = ""
        for _ in 0..<4 {
            guard let count = try? context.read(into: buffer), count > 2 else { break }
            let line = String(decoding: buffer[2..<count], as: UTF8.self)
            text += " (\(line.hasSuffix("\n") ? String(line.dropLast()) : line))"
        }
        return text
    }
}
