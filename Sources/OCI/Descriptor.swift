package import Basics

/// Points at a blob (image-spec `descriptor.md`).
package struct Descriptor: Sendable, Equatable, Codable {
    package var mediaType: MediaType
    /// As written; of any registered or unregistered algorithm as long as the grammar holds. `sha256()` to use it.
    package var digest: String
    /// Bytes, never negative.
    package var size: Int64
    package var urls: [String]?
    package var annotations: [String: String]?
    package var artifactType: String?
    package var platform: Platform?

    package init(
        mediaType: MediaType, digest: Digest, size: Int64, annotations: [String: String]? = nil,
        platform: Platform? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest.description
        self.size = size
        self.annotations = annotations
        self.platform = platform
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        mediaType = try container.optional("mediaType") ?? MediaType(rawValue: "")
        digest = try container.decode(String.self, forKey: AnyKey("digest"))
        size = try container.decode(Int64.self, forKey: AnyKey("size"))
        urls = try container.optional("urls")
        annotations = try container.optional("annotations")
        artifactType = try container.optional("artifactType")
        platform = try container.optional("platform")
        guard Self.isDigest(digest) else {
            throw DecodingError.dataCorruptedError(
                forKey: AnyKey("digest"), in: container, debugDescription: "\"\(digest.prefix(100))\" is not a digest")
        }
        guard size >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: AnyKey("size"), in: container, debugDescription: "\(size) is no size")
        }
    }

    package func sha256() throws(JSONError) -> Digest {
        guard let value = Digest(digest) else {
            throw JSONError(subject: digest, reason: "digests other than sha256 are not supported")
        }
        return value
    }

    /// `algorithm ":" encoded` of the specification; sha256 and sha512 with their exact lengths.
    static func isDigest(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":") else { return false }
        let algorithm = text[..<colon]
        let encoded = text[text.index(after: colon)...]
        switch algorithm {
        case "sha256": return Digest(text) != nil
        case "sha512": return encoded.utf8.count == 128 && encoded.utf8.allSatisfy(Hex.isLowerDigit)
        default:
            let components = algorithm.utf8.split(omittingEmptySubsequences: false) { "+._-".utf8.contains($0) }
            return components.allSatisfy { !$0.isEmpty && $0.allSatisfy { isLowerLetter($0) || isDigit($0) } }
                && !encoded.isEmpty && encoded.utf8.allSatisfy { isAlphanumeric($0) || "=_-".utf8.contains($0) }
        }
    }
}

/// `org.opencontainers.image.*` keys with a meaning to us.
package enum Annotations {
    /// On a descriptor of `index.json` alone: the tag or the full name.
    package static let refName = "org.opencontainers.image.ref.name"
    /// containerd's and Docker's: the full name, with the tag.
    package static let containerdImageName = "io.containerd.image.name"
}

func isLowerLetter(_ c: UInt8) -> Bool { (0x61...0x7a).contains(c) }
func isDigit(_ c: UInt8) -> Bool { (0x30...0x39).contains(c) }
func isAlphanumeric(_ c: UInt8) -> Bool { isLowerLetter(c) || isDigit(c) || (0x41...0x5a).contains(c) }
