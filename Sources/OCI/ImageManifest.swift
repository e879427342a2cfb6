/// An image (image-spec `manifest.md`; Docker's schema 2 has the same shape).
package struct ImageManifest: Sendable, Equatable, Codable {
    package var schemaVersion: Int
    package var mediaType: MediaType?
    package var artifactType: String?
    package var config: Descriptor
    /// The lowest layer first.
    package var layers: [Descriptor]
    package var subject: Descriptor?
    package var annotations: [String: String]?

    package init(config: Descriptor, layers: [Descriptor], annotations: [String: String]? = nil) {
        schemaVersion = 2
        mediaType = .manifest
        self.config = config
        self.layers = layers
        self.annotations = annotations
    }
}

/// Several images under one name (image-spec `image-index.md`; Docker's manifest list).
package struct ImageIndex: Sendable, Equatable, Codable {
    package var schemaVersion: Int
    package var mediaType: MediaType?
    package var artifactType: String?
    package var manifests: [Descriptor]
    package var subject: Descriptor?
    package var annotations: [String: String]?

    package init(manifests: [Descriptor], annotations: [String: String]? = nil) {
        schemaVersion = 2
        mediaType = .index
        self.manifests = manifests
        self.annotations = annotations
    }
}

/// A manifest or an index, told apart by content, never by the name it came under.
package enum ImageDocument: Sendable, Equatable {
    case manifest(ImageManifest)
    case index(ImageIndex)

    /// `expected`: the media type of the descriptor that led here. Refuses a document that could be read as both
    /// kinds (CVE-2021-41190), one whose own `mediaType` or whose descriptor says another, and schema 1.
    package init(_ bytes: [UInt8], expected: MediaType?, subject: String) throws(JSONError) {
        let shape = try JSONText.decode(Shape.self, bytes, subject: subject)
        guard shape.schemaVersion == 2 else {
            throw JSONError(
                subject: subject,
                reason: "schema version \(shape.schemaVersion.map(String.init) ?? "none") is not supported, only 2")
        }
        let isManifest = shape.layers != nil || shape.config != nil
        let isIndex = shape.manifests != nil
        guard isManifest != isIndex else {
            throw JSONError(
                subject: subject,
                reason: isManifest
                    ? "has the fields of an index and of a manifest: ambiguous, refused"
                    : "is neither an image manifest nor an index")
        }
        for type in [shape.mediaType, expected].compactMap({ $0 }) where !type.rawValue.isEmpty {
            guard isManifest ? !type.isIndex : !type.isManifest else {
                throw JSONError(
                    subject: subject,
                    reason: "is said to be \(type), but has the fields of \(isManifest ? "a manifest" : "an index")")
            }
        }
        if let own = shape.mediaType, let expected, !expected.rawValue.isEmpty, own != expected {
            throw JSONError(subject: subject, reason: "its media type is \(own), its descriptor says \(expected)")
        }
        self =
            isManifest
            ? .manifest(try JSONText.decode(ImageManifest.self, bytes, subject: subject))
            : .index(try JSONText.decode(ImageIndex.self, bytes, subject: subject))
    }

    private struct Shape: Decodable {
        var schemaVersion: Int?
        var mediaType: MediaType?
        var layers: JSONValue?
        var config: JSONValue?
        var manifests: JSONValue?
    }
}
