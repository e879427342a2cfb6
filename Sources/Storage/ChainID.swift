import Archive
package import Basics

/// Names of stacks of layers (image-spec `config.md`, "Layer ChainID").
package enum ChainID {
    /// One for each layer, the lowest first: `chain(n) = sha256(chain(n-1) + " " + diffID(n))`.
    package static func chain(_ diffIDs: [Digest]) -> [Digest] {
        var result: [Digest] = []
        for diffID in diffIDs {
            result.append(result.last.map { next($0, diffID) } ?? diffID)
        }
        return result
    }

    package static func next(_ parent: Digest, _ diffID: Digest) -> Digest {
        SHA256Hasher.digest(of: Array("\(parent) \(diffID)".utf8))
    }
}
