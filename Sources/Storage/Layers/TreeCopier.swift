import Archive
import Glibc
package import Kernel

/// Copies what a directory holds into another one, with owners, modes, attributes, times, hard links and holes: what
/// an image has at a mountpoint, into the new volume mounted there.
package enum TreeCopier {
    /// `to` must be empty, and gets the attributes of `from` itself too. Neither is followed out of: symlinks are
    /// copied as such. Sockets are left out.
    package static func copyContents(from: borrowing FileDescriptor, to: borrowing FileDescriptor) throws {
        let copy = try TreeCopy(to: to.raw)
        try TreeWalker.walk(from.raw, context: ()) { entry, _ in
            try copy.put(entry)
            return ()
        }
        try copy.applyTimes()
    }
}

private final class TreeCopy {
    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    private let parents: ParentDirectories
    private var written: [Identity: BytePath] = [:]
    private var times = DeferredTimes()

    init(to root: Int32) throws {
        parents = try ParentDirectories(root: root, base: "", overlay: false)
    }

    func put(_ entry: borrowing WalkedEntry) throws {
        let status = entry.status
        if entry.path.isEmpty {
            let root = try parents.open("", create: false)
            try copyAttributes(entry, to: root.descriptor)
            return try times.add("", status.modified)
        }
        let parent = try parents.open(entry.path.parent, create: false).raw
        let name = entry.path.name
        if status.linkCount > 1 && status.kind != .directory {
            let identity = Identity(device: status.device, inode: status.inode)
            if let first = written[identity] {
                let from = try parents.open(first.parent, create: false).raw
                return try first.name.withCString { old in
                    try name.withCString { try Sys.link(at: from, entry: old, to: parent, entry: $0) }
                }
            }
            written[identity] = entry.path
        }
        switch status.kind {
        case .regular:
            try putFile(entry, parent, name)
        case .directory:
            try name.withCString { try Sys.mkdir(at: parent, entry: $0, mode: 0o700) }
            let made = try name.withCString { try Sys.open(at: parent, entry: $0, O_RDONLY | O_DIRECTORY) }
            try copyAttributes(entry, to: made)
            try times.add(entry.path, status.modified)
        case .symlink:
            let target = BytePath(try Sys.readlink(at: entry.file.raw, entry: ""))
            try target.withCString { text in
                try name.withCString { try Sys.symlink(text, at: parent, entry: $0) }
            }
            try finish(entry, parent, name)
        case .characterDevice, .blockDevice, .fifo:
            try name.withCString {
                try Sys.mknod(
                    at: parent, entry: $0, mode: status.mode, major: status.deviceMajor, minor: status.deviceMinor)
            }
            try finish(entry, parent, name)
        case .socket, .unknown:
            break
        }
    }

    func applyTimes() throws {
        try times.forEach { path, time in
            try parents.openExactly(path).setTimes(accessed: time, modified: time)
        }
    }

    private func putFile(_ entry: borrowing WalkedEntry, _ parent: Int32, _ name: BytePath) throws {
        let source = try entry.openContent()
        let made = try name.withCString {
            try Sys.open(at: parent, entry: $0, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        }
        try Sys.copyContent(from: source, to: made)
        try copyAttributes(entry, to: made)
        try made.setTimes(accessed: entry.status.modified, modified: entry.status.modified)
    }

    private func finish(_ entry: borrowing WalkedEntry, _ parent: Int32, _ name: BytePath) throws {
        let made = try name.withCString { try Sys.open(at: parent, entry: $0, Sys.openPath) }
        try copyAttributes(entry, to: made)
        try made.setTimes(accessed: entry.status.modified, modified: entry.status.modified)
    }

    private func copyAttributes(_ entry: borrowing WalkedEntry, to made: borrowing FileDescriptor) throws {
        // The owner first: chown(2) takes set-id bits and capabilities away.
        try made.setOwner(uid: entry.status.uid, gid: entry.status.gid)
        if entry.status.kind != .symlink { try made.setMode(entry.status.permissions) }
        for attribute in try ArchivedAttributes.read(entry.file) {
            try made.setAttribute(attribute.name, attribute.value)
        }
    }
}
