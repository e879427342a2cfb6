package import APIModel
package import Basics

/// What makes a container: fixed at `create`, but for what `rename` and `update` change. Kept in the database.
package struct ContainerRecord: Codable, Sendable {
    package let id: String
    /// Without Docker's leading slash.
    package var name: String
    package let created: Timestamp
    /// Of the image's configuration, `sha256:...`.
    package let image: Digest
    /// The image as the user named it.
    package let imageName: String
    /// The container's own settings over the image's.
    package let config: ContainerConfig
    package var hostConfig: HostConfig
    /// Everything mounted into it by the user's or the image's wish.
    package let mounts: [PlannedMount]
    /// The image's layers, by chain; nil for an image without any.
    package let topLayer: Digest?
    /// In the order in which it came to them. nil, with `--network host` and the like, is none.
    package var networks: [NetworkWish]?

    /// The program and its arguments, as `inspect` shows them.
    package var command: [String] { (config.entrypoint ?? []) + (config.cmd ?? []) }
    package var shortID: String { String(id.prefix(12)) }
}
