import APIModel
import Kernel

/// `/dev/shm` of a container that others may share, `--ipc shareable`: a tmpfs in its run directory, because one
/// that was mounted inside the container cannot be mounted into another.
enum SharedMemory {
    static func path(_ runDirectory: String) -> String { runDirectory + "/shm" }

    /// Fine when it is there already.
    static func mount(_ runDirectory: String, size: Int64) throws {
        let path = path(runDirectory)
        try Sys.makeDirectories(path, mode: 0o700)
        guard try !Sys.status(path).isMountRoot else { return }
        try Mounts.mount("shm", path, type: "tmpfs", [.noSuid, .noDev, .noExec], data: "mode=1777,size=\(size)")
    }

    /// Who still uses it keeps it. Nothing happens when it is not there.
    static func unmount(_ runDirectory: String) {
        let path = path(runDirectory)
        guard (try? Sys.status(path))?.isMountRoot == true else { return }
        try? Mounts.unmount(path)
    }
}
