package import Archive
import Glibc
package import Kernel

/// Writes a part of a root file system as an archive: for export, and for copying out of a container.
///
/// Follows no symlink below the start, and resolves the path to it inside the root. A container that changes things
/// meanwhile changes what is archived of it, and nothing else.
package enum TreeArchiver {
    package struct Options: Sendable {
        /// Whether other file systems mounted in the tree are archived too. If not, they show as what a mountpoint
        /// is: an empty directory or file.
        package var crossesMounts = true
        /// Left out with all below, relative to the start and normalized.
        package var excluded: [BytePath] = []
        package init(crossesMounts: Bool = true, excluded: [BytePath] = []) {
            self.crossesMounts = crossesMounts
            self.excluded = excluded
        }
    }

    /// `path`: in the root; a symlink there is archived as such. `name`: what it is called in the archive, instead of
    /// its own name; empty for a directory whose entries stand at the archive's root, without one for itself. Does
    /// not finish the writer.
    package static func archive(
        _ path: String, as name: BytePath, in root: borrowing RootedDirectory, to writer: TarWriter,
        options: Options = Options()
    ) throws {
        let start = try root.open(path, Sys.openPath | O_NOFOLLOW)
        let status = try start.status()
        let emitter = EntryEmitter(writer)
        guard status.kind == .directory else {
            if status.kind == .socket {
                throw ArchiveError(.unsupported, "\"\(path)\"", "is a socket, which an archive cannot hold")
            }
            return try emitter.emit(WalkedEntry(path: "", status: status, file: start), as: name)
        }
        try TreeWalker.walk(start.raw, context: ()) { entry, _ in
            if options.excluded.contains(where: { entry.path.isAtOrBelow($0) && !$0.isEmpty }) { return nil }
            let target = name.appending(entry.path)
            let isForeign = !options.crossesMounts && entry.status.mountID != status.mountID
            if isForeign && entry.status.kind == .regular {
                var placeholder = TarEntry(path: target, kind: .file)
                placeholder.mode = entry.status.permissions
                placeholder.modified = entry.status.modified
                try writer.begin(placeholder)
                return nil
            }
            if !target.isEmpty { try emitter.emit(entry, as: target) }
            return isForeign ? nil : ()
        }
    }
}
