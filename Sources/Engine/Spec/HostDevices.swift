import Glibc
import Kernel
package import OCI

/// The device nodes of the host.
package protocol HostDevices: Sendable {
    /// The node at a path, or all of them below it when it is a directory. Throws when there is none.
    func find(_ path: String) throws -> [LinuxDevice]
    /// The node at a path, which must be one; for limits on a disk.
    func number(_ path: String) throws -> (major: Int64, minor: Int64)
}

/// Those that are really there.
package struct DeviceDirectory: HostDevices {
    package init() {}

    /// Made anew in every container, or no device of the machine's.
    private static let left: Set<String> = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]

    package func find(_ path: String) throws -> [LinuxDevice] {
        let status = try Sys.status(path, follow: true)
        if let device = Self.device(path, status) { return [device] }
        guard status.kind == .directory else { throw SpecError.invalid("\(path.quoted) is not a device node") }
        return try Self.below(path, depth: 0)
    }

    package func number(_ path: String) throws -> (major: Int64, minor: Int64) {
        let status = try Sys.status(path, follow: true)
        guard status.kind == .blockDevice || status.kind == .characterDevice else {
            throw SpecError.invalid("\(path.quoted) is not a device node")
        }
        return (Int64(status.deviceMajor), Int64(status.deviceMinor))
    }

    /// Links are left out: what they lead to is found by itself, or is elsewhere.
    private static func below(_ directory: String, depth: Int) throws -> [LinuxDevice] {
        guard depth < 16 else { return [] }
        var found: [LinuxDevice] = []
        for entry in try Sys.list(at: Sys.currentDirectory, directory) where !left.contains(entry.name) {
            let path = directory == "/" ? "/" + entry.name : directory + "/" + entry.name
            // Devices come and go while we look.
            guard let status = try? Sys.status(path) else { continue }
            if status.kind == .directory {
                found += try below(path, depth: depth + 1)
            } else if let device = device(path, status) {
                found.append(device)
            }
        }
        return found.sorted { $0.path < $1.path }
    }

    private static func device(_ path: String, _ status: FileStatus) -> LinuxDevice? {
        let type: String
        switch status.kind {
        case .characterDevice: type = "c"
        case .blockDevice: type = "b"
        default: return nil
        }
        return LinuxDevice(
            type: type, path: path, major: Int64(status.deviceMajor), minor: Int64(status.deviceMinor),
            fileMode: status.permissions & 0o777, uid: status.uid, gid: status.gid)
    }
}
