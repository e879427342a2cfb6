package import Basics

/// The name of an image: `registry/path[:tag][@digest]`, normalised as Docker does (`busybox` is
/// `docker.io/library/busybox:latest`). Grammar: github.com/distribution/reference.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// `docker.io`, `localhost:5000`.
    package let domain: String
    /// `library/busybox`.
    package let path: String
    package var tag: String?
    package var digest: Digest?

    /// Parses and normalises; adds no tag. Docker's wording of errors.
    package init(_ text: String) throws(ReferenceError) {
        guard !(text.utf8.count == 64 && text.utf8.allSatisfy(Hex.isLowerDigit)) else {
            throw .invalid("invalid repository name (\(text)), cannot specify 64-byte hexadecimal strings")
        }
        guard !text.isEmpty, text.utf8.count <= 1024 else { throw .invalid("invalid reference format") }
        let (domain, rest) = Self.splitDomain(text)
        var remainder = Substring(rest)
        var digest: Digest?
        if let at = remainder.firstIndex(of: "@") {
            let digestText = remainder[remainder.index(after: at)...]
            remainder = remainder[..<at]
            digest = try Self.parseDigest(String(digestText))
        }
        var tag: String?
        if let colon = remainder.firstIndex(of: ":") {
            tag = String(remainder[remainder.index(after: colon)...])
            remainder = remainder[..<colon]
        }
        let path = String(remainder)
        guard path.lowercased() == path else {
            throw .invalid("invalid reference format: repository name (\(path)) must be lowercase")
        }
        guard Self.isDomain(domain), Self.isPath(path), tag.map(Self.isTag) ?? true else {
            throw .invalid("invalid reference format")
        }
        guard path.utf8.count <= 255 else {
            throw .invalid("repository name must not be more than 255 characters")
        }
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    /// `docker.io/library/busybox`.
    package var name: String { "\(domain)/\(path)" }
    /// The name as people write it: `busybox`, `bitnami/redis`, `localhost:5000/a`.
    package var familiarName: String {
        guard domain == Self.defaultDomain else { return name }
        let prefix = "library/"
        guard path.hasPrefix(prefix), !path.dropFirst(prefix.count).contains("/") else { return path }
        return String(path.dropFirst(prefix.count))
    }
    /// In full: `docker.io/library/busybox:latest`.
    package var description: String { name + suffix }
    /// As people write it: `busybox:latest`.
    package var familiar: String { familiarName + suffix }
    private var suffix: String { (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

    /// Has neither tag nor digest.
    package var isNameOnly: Bool { tag == nil && digest == nil }
    /// With the tag `latest` when it has neither tag nor digest.
    package var withDefaultTag: ImageReference {
        guard isNameOnly else { return self }
        var result = self
        result.tag = "latest"
        return result
    }
    /// Name and tag alone.
    package var withoutDigest: ImageReference {
        var result = self
        result.digest = nil
        return result
    }
}

/// Why a text is no reference.
package enum ReferenceError: Error, Sendable, Equatable, CustomStringConvertible {
    case invalid(String)
    package var description: String {
        switch self {
        case .invalid(let message): message
        }
    }
}

// MARK: - Grammar

extension ImageReference {
    package static let defaultDomain = "docker.io"

    /// The part before the first `/` is a registry only when it looks like one: has a `.` or a `:`, is
    /// `localhost`, or has capital letters (which no path may have).
    private static func splitDomain(_ text: String) -> (String, String) {
        var domain = defaultDomain
        var rest = text
        if let slash = text.firstIndex(of: "/") {
            let first = String(text[..<slash])
            if first.contains(".") || first.contains(":") || first == "localhost" || first.lowercased() != first {
                domain = first
                rest = String(text[text.index(after: slash)...])
            }
        }
        if domain == "index.docker.io" { domain = defaultDomain }
        if domain == defaultDomain, !rest.contains("/") { rest = "library/" + rest }
        return (domain, rest)
    }

    private static func parseDigest(_ text: String) throws(ReferenceError) -> Digest {
        if let digest = Digest(text) { return digest }
        let colon = text.firstIndex(of: ":")
        guard let colon, Descriptor.isDigest(text) || text.hasPrefix("sha256:") else {
            throw .invalid("invalid reference format")
        }
        guard text[..<colon] == "sha256" else { throw .invalid("unsupported digest algorithm") }
        let encoded = text[colon...].dropFirst()
        let isHex = encoded.utf8.count >= 32 && encoded.utf8.allSatisfy(Hex.isLowerDigit)
        throw .invalid(isHex ? "invalid checksum digest length" : "invalid reference format")
    }

    /// `host[:port]`; the host a name, an IPv4 address, or an IPv6 address in brackets.
    private static func isDomain(_ text: String) -> Bool {
        var host = text[...]
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let port = text[text.index(after: colon)...]
            guard !port.isEmpty, port.utf8.allSatisfy(OCI.isDigit) else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.utf8.count > 2 else { return false }
            return host.dropFirst().dropLast().utf8.allSatisfy {
                OCI.isDigit($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) || $0 == UInt8(ascii: ":")
            }
        }
        let dash = UInt8(ascii: "-")
        return host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.first != dash && part.last != dash
                && part.allSatisfy { isAlphanumeric($0) || $0 == dash }
        }
    }

    /// Components of `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`; components joined by `/`.
    package static func isPath(_ text: String) -> Bool {
        text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { component in
            var separator: [UInt8] = []
            var any = false
            for c in component {
                if isLowerLetter(c) || OCI.isDigit(c) {
                    guard separator.isEmpty || any && isSeparator(separator) else { return false }
                    separator = []
                    any = true
                } else {
                    separator.append(c)
                }
            }
            return any && separator.isEmpty
        }
    }
    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
        bytes == [0x2e] || bytes == [0x5f] || bytes == [0x5f, 0x5f] || bytes.allSatisfy { $0 == 0x2d }
    }

    /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
    package static func isTag(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count) else { return false }
        return text.utf8.enumerated().allSatisfy { index, c in
            isAlphanumeric(c) || c == 0x5f || index > 0 && (c == 0x2e || c == 0x2d)
        }
    }
}
