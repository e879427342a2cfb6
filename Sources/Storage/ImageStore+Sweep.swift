import Basics
import Database
import Kernel

/// What a sweep freed.
struct Swept: Sendable {
    var layers: [Digest] = []
    /// Bytes of the files in those layers, and of blobs.
    var bytes: Int64 = 0
}

extension ImageStore {
    /// Removes layers and blobs that nothing uses any more. For those who remove a user of layers other than an
    /// image: a container whose image was removed before it. Later, when images are being added just now.
    package func sweep() { _ = sweepCounting() }

    /// Empty when images are being added just now.
    func sweepCounting() -> Swept {
        var swept = Swept()
        do {
            _ = try collector.sweep { swept = try sweepNow() }
        } catch {
            log.error("removing unused layers: \(error); it is tried again later")
        }
        return swept
    }

    private func sweepNow() throws -> Swept {
        var swept = Swept()
        // Durably: else a power cut brings back rows of layers that are gone.
        let layers = try database.transaction(durably: true) { try LayerStore.deleteUnused($0) }
        for (chain, size) in layers {
            try self.layers.discard(chain)
            swept.layers.append(chain)
            swept.bytes += size
        }
        let used = Set(
            try database.read { db in
                try db.query(
                    "SELECT id FROM images UNION SELECT manifest FROM images WHERE manifest IS NOT NULL UNION SELECT blob FROM image_layers"
                ) { $0.text(0) }
            })
        for digest in try content.all() where !used.contains(digest.hex) {
            swept.bytes += content.size(digest) ?? 0
            try content.remove(digest)
        }
        return swept
    }
}
