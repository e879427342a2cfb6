import Basics
import Kernel
import Storage
import Synchronization

/// `/etc/passwd` and `/etc/group` of containers, for turning names into numbers at each start. Those of images
/// are read once.
final class UserFiles: Sendable {
    private let known = Mutex<[Digest: UserDatabase]>([:])
    /// Few images are started at a time; each file may have a megabyte.
    private static let remembered = 16

    /// - Parameters:
    ///   - chain: the image's layers, whose directories are `lowers`.
    ///   - upper: the container's own layer.
    /// Blocks.
    func read(chain: Digest?, lowers: [String], upper: String) throws -> UserDatabase {
        // As long as the container has touched nothing in /etc, the image's files are its files.
        let own = Sys.exists(upper + "/etc")
        if !own, let chain, let database = known.withLock({ $0[chain] }) { return database }
        let root = try OverlayMount.open(lowers: lowers, upper: own || lowers.isEmpty ? upper : nil, work: nil)
        let database = try UserDatabase.read(root)
        if !own, let chain {
            known.withLock { known in
                if known.count >= Self.remembered { known = [:] }
                known[chain] = database
            }
        }
        return database
    }
}
