package import Basics
package import Database

/// Everything that one daemon keeps: the data root with the stores on it.
package final class Stores: Sendable {
    package let root: DataRoot
    package let database: Database
    package let content: ContentStore
    package let layers: LayerStore
    package let images: ImageStore
    package let volumes: VolumeStore
    package let containers: ContainerTable

    /// Takes the lock of the data root, and clears away what a crash left.
    package init(dataRoot path: String, log: Logger) throws {
        root = try DataRoot(path, log: log)
        database = try Database(path: root.databasePath, migrations: Schema.migrations)
        content = ContentStore(root: root)
        layers = try LayerStore(root: root, database: database)
        images = try ImageStore(root: root, database: database, content: content, layers: layers)
        volumes = try VolumeStore(root: root, database: database)
        containers = ContainerTable(database: database, log: log.with("containers"))
    }
}
