import Archive
import Basics
package import Deployment
import FoundationEssentials

/// Spec files as text.
package enum SpecText {
    /// JSON5 (comments, trailing commas, bare keys) as well as JSON. Throws `ServiceError`.
    package static func parse(_ text: String) throws -> JSONValue {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        do { return try decoder.decode(JSONValue.self, from: Data(text.utf8)) } catch {
            var detail = "\(error)"
            if case DecodingError.dataCorrupted(let context) = error {
                detail = context.underlyingError.map { "\($0)" } ?? context.debugDescription
            }
            throw ServiceError(.invalid, "this is not JSON5: \(detail)")
        }
    }
}

extension ServiceSpec {
    /// Of what a running container cannot change, and of what its router cannot: equal ones need no rollout.
    var configurationHash: String {
        struct Configuration: Encodable {
            var content: ServiceSpec.Content
            var published: [String]
        }
        var content = content
        content.image = PinnedImage.identifier(image)
        let published = ports.compactMap { port in
            port.publish.map { "\($0)/\(port.transport.rawValue)=\(port.name)" }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // Values of these types cannot fail to be encoded.
        let data = (try? encoder.encode(Configuration(content: content, published: published.sorted()))) ?? Data()
        let hasher = SHA256Hasher()
        hasher.update(Array(data))
        return hasher.finish().hex
    }
}
