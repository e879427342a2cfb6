/// What happened to a path of a container since it was created; a number on the wire.
package enum FilesystemChangeKind: Int, Codable, Hashable, Sendable {
    case modified = 0
    case added = 1
    case deleted = 2
}
