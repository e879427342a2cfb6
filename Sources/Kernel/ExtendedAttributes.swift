import CLinux
import Glibc

/// xattr(7). The paths' last component is never followed; to reach a file below a directory descriptor
/// use `/proc/self/fd/N/name`.
package enum ExtendedAttributes {
    package static func list(_ path: String) throws(SyscallError) -> [String] {
        let size = try check("llistxattr", path) { box_llistxattr(path, nil, 0) }
        if size == 0 { return [] }
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
        defer { buffer.deallocate() }
        let count = try check("llistxattr", path) { box_llistxattr(path, buffer, size) }
        return UnsafeRawBufferPointer(start: buffer, count: count).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// nil when the file has no such attribute, or the file system none at all.
    package static func get(_ path: String, _ name: String) throws(SyscallError) -> [UInt8]? {
        do {
            let size = try check("lgetxattr", "\(path) \(name)") { box_lgetxattr(path, name, nil, 0) }
            if size == 0 { return [] }
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
            defer { buffer.deallocate() }
            let count = try check("lgetxattr", "\(path) \(name)") { box_lgetxattr(path, name, buffer, size) }
            return Array(UnsafeRawBufferPointer(start: buffer, count: count))
        } catch let error where error.errno == ENODATA || error.errno == EOPNOTSUPP {
            return nil
        }
    }

    package static func set(_ path: String, _ name: String, _ value: [UInt8]) throws(SyscallError) {
        _ = try check("lsetxattr", "\(path) \(name)") { box_lsetxattr(path, name, value, value.count, 0) }
    }

    package static func remove(_ path: String, _ name: String) throws(SyscallError) {
        _ = try check("lremovexattr", "\(path) \(name)") { box_lremovexattr(path, name) }
    }
}
