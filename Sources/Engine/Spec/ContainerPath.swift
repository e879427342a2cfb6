/// Paths inside a container, as text: nothing here follows a link.
enum ContainerPath {
    /// Without `.`, `..` and needless slashes; `..` stops at the root. nil for a path that is not absolute, or
    /// that no call can take.
    static func clean(_ path: String) -> String? {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count < 4096, !path.utf8.contains(0) else { return nil }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// A path below some directory: relative, and never above it.
    static func isBelow(_ path: String) -> Bool {
        !path.isEmpty && !path.hasPrefix("/") && !path.utf8.contains(0)
            && !path.split(separator: "/").contains("..")
    }

    static func depth(_ path: String) -> Int { path.split(separator: "/").count }
}
