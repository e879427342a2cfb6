/// `GET /system/df`.
package struct DiskUsage: Codable, Hashable, Sendable {
    package var layersSize: Int64
    package var images: [ImageSummary]
    package var containers: [ContainerSummary]
    package var volumes: [Volume]
    /// Box builds nothing itself: always empty.
    package var buildCache: [EmptyObject]

    package init(
        layersSize: Int64, images: [ImageSummary], containers: [ContainerSummary], volumes: [Volume],
        buildCache: [EmptyObject] = []
    ) {
        self.layersSize = layersSize
        self.images = images
        self.containers = containers
        self.volumes = volumes
        self.buildCache = buildCache
    }

    private enum CodingKeys: String, CodingKey {
        case layersSize = "LayersSize"
        case images = "Images"
        case containers = "Containers"
        case volumes = "Volumes"
        case buildCache = "BuildCache"
    }
}
