package import Basics
import CCrypto

/// SHA-256 of bytes as they come, with the processor's own instructions where it has them.
package final class SHA256Hasher {
    private let context: OpaquePointer
    private var finished: Digest?

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("libcrypto offers no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Not after `finish()`.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(finished == nil, "the digest was taken already")
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of everything; the same again when asked again.
    package func finish() -> Digest {
        if let finished { return finished }
        var bytes = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &bytes, nil)
        let digest = Digest(sha256: bytes)
        finished = digest
        return digest
    }

    package static func digest(of bytes: [UInt8]) -> Digest {
        let hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }
}

/// Hashes and counts what is read through it.
package final class HashingSource: ByteSource {
    private let source: any ByteSource
    private let hasher = SHA256Hasher()
    /// Bytes so far.
    package private(set) var count: Int64 = 0

    package init(_ source: any ByteSource) { self.source = source }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try source.read(into: buffer)
        hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        self.count += Int64(count)
        return count
    }

    /// Reads to the end: a digest covers also what the reader of the content had no use for.
    package func drain() throws { try readAway() }

    /// The digest of what was read; nothing may be read after.
    package func finish() -> Digest { hasher.finish() }
}

/// Hashes and counts what is written through it.
package final class HashingSink: ByteSink {
    private let sink: (any ByteSink)?
    private let hasher = SHA256Hasher()
    /// Bytes so far.
    package private(set) var count: Int64 = 0

    /// `sink` nil: only hashes.
    package init(_ sink: (any ByteSink)?) { self.sink = sink }

    package func write(_ buffer: UnsafeRawBufferPointer) throws {
        hasher.update(buffer)
        count += Int64(buffer.count)
        try sink?.write(buffer)
    }

    /// The digest of what was written; nothing may be written after.
    package func finish() -> Digest { hasher.finish() }
}
