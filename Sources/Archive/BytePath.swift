/// A path, or one name of it, as the kernel keeps it: bytes in no particular encoding, none of them NUL.
///
/// Names in images need not be UTF-8; a `String` would repair, and so change, those that are not.
package struct BytePath: Hashable, Comparable, Sendable {
    package var bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ text: String) { bytes = Array(text.utf8) }

    package var isEmpty: Bool { bytes.isEmpty }

    /// The text, when it is UTF-8.
    package var string: String? { String(validating: bytes, as: UTF8.self) }

    /// By bytes: the order of every archive we write.
    package static func < (a: BytePath, b: BytePath) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    /// The path without empty and `.` components, relative whether it began with `/` or not; empty for the root.
    /// nil when a component is `..`.
    package var normalized: BytePath? {
        if isNormal { return self }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for component in bytes.split(separator: Self.slash) where !component.elementsEqual(".".utf8) {
            if component.elementsEqual("..".utf8) { return nil }
            if !result.isEmpty { result.append(Self.slash) }
            result.append(contentsOf: component)
        }
        return BytePath(result)
    }

    /// Whether `normalized` would change nothing: the usual case, found in one pass without memory.
    private var isNormal: Bool {
        var length = 0
        var onlyDots = true
        for byte in bytes {
            if byte == Self.slash {
                if length == 0 || (onlyDots && length <= 2) { return false }
                length = 0
                onlyDots = true
            } else {
                length += 1
                if byte != UInt8(ascii: ".") { onlyDots = false }
            }
        }
        return bytes.isEmpty || (length > 0 && !(onlyDots && length <= 2))
    }

    /// The number of components of a normalized path.
    package var depth: Int { bytes.isEmpty ? 0 : bytes.count { $0 == Self.slash } + 1 }

    /// The last component of a normalized path.
    package var name: BytePath { BytePath(bytes[nameStart...]) }

    /// A normalized path without its last component.
    package var parent: BytePath { BytePath(bytes[..<max(0, nameStart - 1)]) }

    private var nameStart: Int { bytes.lastIndex(of: Self.slash).map { $0 + 1 } ?? 0 }

    package func appending(_ name: some Collection<UInt8>) -> BytePath {
        if bytes.isEmpty { return BytePath(name) }
        var result = self
        result.bytes.reserveCapacity(bytes.count + name.count + 1)
        result.bytes.append(Self.slash)
        result.bytes.append(contentsOf: name)
        return result
    }
    package func appending(_ name: BytePath) -> BytePath { name.isEmpty ? self : appending(name.bytes) }

    /// Whether it is `other` or below it; both normalized.
    package func isAtOrBelow(_ other: BytePath) -> Bool {
        if other.isEmpty { return true }
        guard bytes.starts(with: other.bytes) else { return false }
        return bytes.count == other.bytes.count || bytes[other.bytes.count] == Self.slash
    }

    package func hasPrefix(_ text: String) -> Bool { bytes.starts(with: text.utf8) }

    private static let slash = UInt8(ascii: "/")
}

extension BytePath: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(value) }
}

/// For people: bytes that a terminal would act on, and those that are no UTF-8, as `\xNN`; shortened when long.
extension BytePath: CustomStringConvertible {
    package var description: String {
        let shown = bytes.prefix(300)
        var text = ""
        if let valid = String(validating: shown, as: UTF8.self) {
            for scalar in valid.unicodeScalars {
                if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                    text += Self.escape(UInt8(scalar.value))
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        } else {
            for byte in shown {
                text += (0x20..<0x7f).contains(byte) ? String(UnicodeScalar(byte)) : Self.escape(byte)
            }
        }
        return bytes.count > shown.count ? text + "…" : text
    }

    private static func escape(_ byte: UInt8) -> String {
        "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

extension BytePath {
    /// Lends the bytes to a system call, ended by NUL.
    package func withCString<Value: ~Copyable, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let outcome: Result<Value, Failure> = withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) {
            buffer in
            for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
            buffer[bytes.count] = 0
            guard let base = buffer.baseAddress else { preconditionFailure("a buffer of at least one byte") }
            return Result { () throws(Failure) in try body(base) }
        }
        return try outcome.get()
    }
}
