import Archive
package import Basics
import Glibc
package import Kernel

/// Extracts an archive into a directory of a root file system that exists and may be in use.
///
/// Everything resolves inside the root: a container that swaps directories for symlinks meanwhile gets files in other
/// places of its own tree, never of the host's.
package enum TreeExtractor {
    package struct Options: Sendable {
        /// Docker's `noOverwriteDirNonDir`: a directory and something else never replace each other.
        package var noOverwriteDirNonDir = false
        /// Instead of the archive's owners: what Docker's `copyUIDGID` asks for, with the container's user.
        package var owner: FileOwner?
        package init(noOverwriteDirNonDir: Bool = false, owner: FileOwner? = nil) {
            self.noOverwriteDirNonDir = noOverwriteDirNonDir
            self.owner = owner
        }
    }

    /// `directory`: a path in the root, symlinks and all, of a directory that exists. An entry for the archive's own
    /// root changes nothing.
    @discardableResult
    package static func extract(
        _ source: any ByteSource, into root: borrowing RootedDirectory, directory: String, options: Options = Options()
    ) throws -> LayerContents {
        // Says early, and of the right path, what is wrong with it.
        _ = try root.open(directory, O_DIRECTORY | Sys.openPath)
        let policy = TreeWriter.Policy(
            overlay: false, keepsKinds: options.noOverwriteDirNonDir, owner: options.owner, appliesRoot: false)
        let writer = try TreeWriter(root: root.raw, base: BytePath(directory), policy: policy)
        return try writer.write(TarReader(source))
    }
}
