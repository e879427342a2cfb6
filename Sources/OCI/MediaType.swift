/// The media types of images (image-spec `media-types.md`) and the older ones of Docker that mean the same.
package struct MediaType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    package static let index = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
    package static let manifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
    package static let config = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
    package static let layer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
    package static let layerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
    package static let layerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")

    package static let dockerIndex = MediaType(rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
    package static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
    package static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
    package static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
    package static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")

    package var isIndex: Bool { self == .index || self == .dockerIndex }
    package var isManifest: Bool { self == .manifest || self == .dockerManifest }
    package var isConfig: Bool { self == .config || self == .dockerConfig }

    package enum LayerCompression: Sendable, Equatable { case none, gzip, zstd }

    /// How a layer of this type is packed; nil when it is no layer. Layers that must not be redistributed
    /// (`nondistributable`, `foreign`) are read like any other.
    package var layerCompression: LayerCompression? {
        switch rawValue {
        case Self.layer.rawValue, Self.dockerLayer.rawValue,
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar":
            LayerCompression.none
        case Self.layerGzip.rawValue, Self.dockerLayerGzip.rawValue,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            .gzip
        case Self.layerZstd.rawValue, "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            .zstd
        default: nil
        }
    }

    package static func layer(_ compression: LayerCompression) -> MediaType {
        switch compression {
        case .none: layer
        case .gzip: layerGzip
        case .zstd: layerZstd
        }
    }
}
