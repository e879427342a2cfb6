import Glibc
import Kernel
import OCI

/// The terminal of a process: a pair of the container's own devpts.
enum ContainerTerminal {
    /// Makes a pair, sends the master to the launcher, and returns the container's side.
    static func open(
        in root: borrowing RootedDirectory, _ process: ProcessSpec, _ channel: LaunchChannel
    ) throws(RuntimeError) -> FileDescriptor {
        let master = try openMaster(in: root)
        do {
            let peer = try Terminal.openPeer(of: master)
            try Sys.chown(at: peer.raw, "", uid: process.user?.uid ?? 0, gid: ttyGroup(of: peer))
            if let size = process.consoleSize {
                let limit = UInt(UInt16.max)
                try Terminal.setSize(
                    peer.raw,
                    Terminal.Size(rows: UInt16(min(size.height, limit)), columns: UInt16(min(size.width, limit))))
            }
            try sendMaster(master, channel)
            return peer
        } catch let error as SyscallError {
            throw RuntimeError(.terminal, "making the terminal", error)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.terminal, "making the terminal: \(error)")
        }
    }

    private static func sendMaster(_ master: borrowing FileDescriptor, _ channel: LaunchChannel)
        throws(RuntimeError)
    {
        try channel.send(.terminal, descriptor: master.raw)
    }

    /// The group that devpts gave it.
    private static func ttyGroup(of peer: borrowing FileDescriptor) throws(SyscallError) -> UInt32 {
        try peer.status().gid
    }

    private static func openMaster(in root: borrowing RootedDirectory) throws(RuntimeError) -> FileDescriptor {
        let raw = root.raw
        do throws(SyscallError) {
            let master = try Sys.open(
                at: raw, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK,
                resolve: [.inRoot, .noMagicLinks, .noSymlinks])
            let status = try master.status()
            // CVE-2025-52565: a terminal is what the kernel says is one, not what lies at the path of one.
            guard try master.fileSystemStatus().type == FileSystemStatus.devpts, status.kind == .characterDevice,
                status.deviceMajor == 5, status.deviceMinor == 2
            else { throw SyscallError("open", "/dev/pts/ptmx is not of a devpts file system", errno: ENODEV) }
            try master.setNonBlocking(false)
            return master
        } catch {
            throw RuntimeError(
                .terminal, "opening /dev/pts/ptmx in the container, which needs a devpts mount at /dev/pts", error)
        }
    }

    /// Shows the terminal as `/dev/console`, as login programs and init systems expect it.
    static func bindConsole(_ peer: borrowing FileDescriptor, in root: borrowing RootedDirectory) throws(RuntimeError) {
        do throws(SyscallError) {
            let dev = try root.makeDirectories("/dev")
            do {
                try Sys.mknod(at: dev.raw, "console", mode: UInt32(S_IFREG) | 0o600)
            } catch let error where error.errno == EEXIST {
            }
            // Whatever an image has there, a symlink is not followed.
            let place = try Sys.open(at: dev.raw, "console", Sys.openPath | O_NOFOLLOW)
            guard try place.status().kind != .symlink else {
                throw SyscallError("open", "/dev/console is a symlink in the image", errno: ELOOP)
            }
            try Mounts.attach(try Mounts.cloneTree(at: peer.raw, "", recursive: false), onto: place.raw)
        } catch {
            throw RuntimeError(.terminal, "making /dev/console", error)
        }
    }
}
