package import Basics
import OCI

extension ImageStore {
    /// The named images, and all that stand on the layers of one of them: what the filter `ancestor` asks for.
    package func descendants(ofAny names: [String]) throws -> Set<Digest> {
        var result: Set<Digest> = []
        var chains: Set<Digest> = []
        for name in names {
            let image = try resolve(name)
            result.insert(image.id)
            if let chain = image.chain { chains.insert(chain) }
        }
        for image in try all() where image.layers.contains(where: { chains.contains($0.chain) }) {
            result.insert(image.id)
        }
        return result
    }
}
