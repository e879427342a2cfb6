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

extension ContainerRecord: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("config", config)
            $0.member("created", created)
            $0.member("hostConfig", hostConfig)
            $0.member("id", id)
            $0.member("image", image)
            $0.member("imageName", imageName)
            $0.member("mounts", mounts)
            $0.member("name", name)
            $0.member("networks", networks)
            $0.member("topLayer", topLayer)
        }
    }
}

extension PlannedMount: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("anonymous", anonymous)
            $0.member("createSource", createSource)
            $0.member("destination", destination)
            $0.member("kind", kind.rawValue)
            $0.member("mode", mode)
            $0.member("noCopy", noCopy)
            $0.member("nonRecursive", nonRecursive)
            $0.member("options", options)
            $0.member("propagation", propagation)
            $0.member("readOnly", readOnly)
            $0.member("readOnlyTopOnly", readOnlyTopOnly)
            $0.member("source", source)
            $0.member("subpath", subpath)
            $0.member("volumeLabels", volumeLabels)
        }
    }
}

extension NetworkWish: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("aliases", aliases)
            $0.member("mac", mac)
            $0.member("name", name)
            $0.member("network", network)
            $0.member("v4", v4)
            $0.member("v6", v6)
        }
    }
}
