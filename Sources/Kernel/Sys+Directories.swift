import CLinux
import Glibc

extension Sys {
    /// Makes a directory and its missing parents; fine when it is there. Returns whether it is new.
    @discardableResult
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SyscallError) -> Bool {
        do {
            try mkdir(path, mode: mode)
        } catch let error where error.errno == EEXIST {
            return false
        } catch let error where error.errno == ENOENT {
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw error }
            try makeDirectories(String(path[..<slash]), mode: mode)
            do { try mkdir(path, mode: mode) } catch let error where error.errno == EEXIST { return false }
        }
        return true
    }

    /// Has the directories that are made in this one lie far from one another (`FS_TOPDIR_FL`, ioctl_iflags(2)), where
    /// the file system can: of ext2 to ext4 each begins in a group of blocks that has the fewest directories.
    package static func spreadDirectories(in path: String) throws(SyscallError) {
        let directory = try open(path, O_RDONLY | O_DIRECTORY)
        _ = try check("setting FS_TOPDIR_FL", path) { box_set_topdir(directory.raw) }
    }

    /// Removes a file or a whole tree below a directory descriptor. Follows no symlink, enters no mounted file
    /// system (`EBUSY`), and is content when there is nothing.
    ///
    /// A container can nest directories deeper than there are descriptors or stack: from a certain depth on they
    /// are moved up to the top of the tree first.
    package static func removeTree(at parent: Int32 = currentDirectory, _ path: String) throws(SyscallError) {
        let outcome: Result<Void, SyscallError> = path.withCString { name in
            Result { () throws(SyscallError) in try removeTree(at: parent, entry: name) }
        }
        try outcome.get()
    }

    /// As above, for a name that need not be UTF-8.
    package static func removeTree(at parent: Int32, entry: RawName) throws(SyscallError) {
        if try removedAsFile(at: parent, entry) { return }
        do {
            let top = try openForRemoval(at: parent, entry)
            var moved = 0
            // What was moved up, or appeared meanwhile, is met in the next round.
            while try empty(top.raw, top: top.raw, depth: 0, moved: &moved) > 0 {}
        } catch let error where error.errno == ENOENT {
            return
        }
        do { try unlink(at: parent, entry: entry, directory: true) } catch let error where error.errno == ENOENT {}
    }

    private static let removalDepth = 32

    /// Removes or moves up what a directory holds; how many entries that were.
    private static func empty(_ directory: Int32, top: Int32, depth: Int, moved: inout Int) throws(SyscallError) -> Int
    {
        let entries: [DirectoryEntry]
        // Of a directory that somebody else has removed meanwhile there is nothing to read.
        do { entries = try list(raw: directory) } catch let error where error.errno == ENOENT { return 0 }
        for entry in entries {
            let name = entry.rawName.map { CChar(bitPattern: $0) } + [0]
            if try removedAsFile(at: directory, name) { continue }
            let child: FileDescriptor
            do { child = try openForRemoval(at: directory, name) } catch let error where error.errno == ENOENT {
                continue
            }
            if depth < removalDepth {
                while try empty(child.raw, top: top, depth: depth + 1, moved: &moved) > 0 {}
                do { try unlink(at: directory, entry: name, directory: true) } catch let error
                    where error.errno == ENOENT
                {}
            } else {
                try moveUp(name, from: directory, to: top, &moved)
            }
        }
        return entries.count
    }

    private static func moveUp(_ name: [CChar], from: Int32, to top: Int32, _ moved: inout Int) throws(SyscallError) {
        while true {
            moved += 1
            let place = ".box-remove-\(moved)"
            do {
                _ = try check("renameat2", place) { box_renameat2(from, name, top, place, BOX_RENAME_NOREPLACE) }
                return
            } catch let error where error.errno == EEXIST {
                continue
            }
        }
    }

    /// False for a directory.
    private static func removedAsFile(at parent: Int32, _ name: RawName) throws(SyscallError) -> Bool {
        do {
            try unlink(at: parent, entry: name)
            return true
        } catch let error where error.errno == ENOENT {
            return true
        } catch let error where error.errno == EISDIR {
            return false
        }
    }

    private static func openForRemoval(at parent: Int32, _ name: RawName) throws(SyscallError) -> FileDescriptor {
        let directory = try open(at: parent, entry: name, O_RDONLY | O_DIRECTORY)
        if try directory.status().isMountRoot { throw SyscallError("unlinkat", String(cString: name), errno: EBUSY) }
        return directory
    }
}
