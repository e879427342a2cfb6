/// Why an archive, a compressed stream or one entry of it cannot be used.
///
/// Prints as `entry "a/b": its data ends early`.
package struct ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Cut off or inconsistent.
        case damaged
        /// Sound, but of a form that this program does not read.
        case unsupported
        /// Tries what an archive has no business to do.
        case hostile
        /// Beyond a limit that keeps memory or disk bounded.
        case tooLarge
        /// Clashes with what is there already.
        case conflict
    }

    package let kind: Kind
    /// What the problem is with, such as an entry or a stream.
    package let subject: String
    package let problem: String
    package var description: String { "\(subject): \(problem)" }

    package init(_ kind: Kind, _ subject: String, _ problem: String) {
        self.kind = kind
        self.subject = subject
        self.problem = problem
    }

    package init(_ kind: Kind, entry: BytePath, _ problem: String) {
        self.init(kind, "entry \"\(entry)\"", problem)
    }
}
