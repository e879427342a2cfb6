package import Basics
package import OCI

/// An image as the store has it.
package struct StoredImage: Sendable, Equatable {
    /// Digest of the configuration's bytes.
    package let id: Digest
    package let config: ImageConfig
    /// Names with a tag, sorted.
    package var tags: [ImageReference]
    /// Names with a digest, sorted: of the manifest it came with.
    package var digests: [ImageReference]
    /// The lowest first.
    package let layers: [StoredLayer]
    /// The blob of the manifest it came with.
    package let manifest: Digest?
    /// What it was committed from, if that is still here.
    package let parent: Digest?
    package let created: Timestamp
    /// When it was stored here.
    package let added: Timestamp

    /// The stack of its layers; nil when it has none.
    package var chain: Digest? { layers.last?.chain }
    /// Bytes of the files in all its layers.
    package var size: Int64 { layers.reduce(0) { $0 + $1.size } }
    package var hasNames: Bool { !tags.isEmpty || !digests.isEmpty }
}

/// A layer of an image.
package struct StoredLayer: Sendable, Equatable {
    package let chain: Digest
    package let diffID: Digest
    package let blob: Blob
    package let mediaType: MediaType
    /// Bytes of its files.
    package let size: Int64
}

/// Somebody who uses an image.
package struct ImageUse: Sendable, Equatable {
    package let image: Digest
    package let container: String
    package let isRunning: Bool

    package init(image: Digest, container: String, isRunning: Bool) {
        self.image = image
        self.container = container
        self.isRunning = isRunning
    }
}

/// A name that meant another image until now.
package struct MovedName: Sendable, Equatable {
    package let name: ImageReference
    package let from: Digest
}

/// An image that was loaded, imported or committed.
package struct AddedImage: Sendable, Equatable {
    package let id: Digest
    package let names: [ImageReference]
    package let moved: [MovedName]
}
