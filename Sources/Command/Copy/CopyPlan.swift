/// How `cp` treats a destination: Docker's rules, which are cp(1)'s made independent of what is guessed from names.
package struct CopyPlan: Equatable, Sendable {
    /// The existing directory that the archive is unpacked into.
    package let directory: String
    /// What the source is called there; empty when only a directory's content goes there.
    package let name: String

    package struct Source: Sendable {
        package let isDirectory: Bool
        /// Its own name.
        package let name: String
        /// `DIR/.`: its content, not itself.
        package let onlyContent: Bool
        package init(isDirectory: Bool, name: String, onlyContent: Bool) {
            self.isDirectory = isDirectory
            self.name = name
            self.onlyContent = onlyContent
        }
    }
    package struct Destination: Sendable {
        /// Absolute, as typed otherwise.
        package let path: String
        package let exists: Bool
        package let isDirectory: Bool
        package init(path: String, exists: Bool, isDirectory: Bool) {
            self.path = path
            self.exists = exists
            self.isDirectory = isDirectory
        }
    }

    package static func make(_ source: Source, _ destination: Destination) throws(CommandError) -> CopyPlan {
        let path = HostPath.clean(destination.path)
        let parent = CopyPath.parent(path)
        let base = CopyPath.base(path)
        if destination.exists, destination.isDirectory {
            return CopyPlan(directory: path, name: source.onlyContent ? "" : source.name)
        }
        if destination.exists {
            if source.isDirectory { throw CommandError("cannot copy directory to file \(path)") }
            if CopyPath.assertsDirectory(destination.path) { throw CommandError("not a directory: \(path)") }
            return CopyPlan(directory: parent, name: base)
        }
        if !source.isDirectory, CopyPath.assertsDirectory(destination.path) {
            throw CommandError("no such directory: \(path)")
        }
        return CopyPlan(directory: parent, name: base)
    }
}

/// Paths as `cp` takes them, by their text.
package enum CopyPath {
    /// `DIR/.`: the content of a directory.
    package static func isContent(_ path: String) -> Bool { path == "." || path.hasSuffix("/.") }
    /// `DIR/`, `DIR/.`, `DIR/..`: it must be a directory.
    package static func assertsDirectory(_ path: String) -> Bool {
        path.hasSuffix("/") || isContent(path) || path == ".." || path.hasSuffix("/..")
    }
    package static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
    package static func base(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? ""
    }

    /// `CONTAINER:PATH`, or a path of this host. A colon behind a slash or a dot at the beginning is part of a path.
    package static func split(_ text: String) -> (container: String, path: String)? {
        if text.hasPrefix("/") { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].hasPrefix("."), !parts[0].contains("/") else { return nil }
        return (parts[0], parts[1])
    }
}
