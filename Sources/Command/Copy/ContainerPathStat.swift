import HTTP

/// What `HEAD /containers/{id}/archive` says of a path: JSON in base64, in a header field.
package struct ContainerPathStat: Equatable, Sendable {
    package let name: String
    /// Go's `os.FileMode`: the permissions, and type bits of its own.
    package let mode: UInt32
    package let linkTarget: String
    package var isDirectory: Bool { mode & 1 << 31 != 0 }
    package var isSymlink: Bool { mode & 1 << 27 != 0 }

    static let field = "X-Docker-Container-Path-Stat"

    init(_ response: HTTPClientResponse) throws(CommandError) {
        guard let text = response.head.headers[Self.field], let stat = ContainerPathStat(base64: text) else {
            throw CommandError("boxd did not say what the path is (\(Self.field))")
        }
        self = stat
    }

    package init?(base64 text: String) {
        guard let bytes = Base64.decode(text), let json = try? JSONValue(parsing: bytes),
            let mode = json["mode"].integer
        else {
            return nil
        }
        name = json["name"].text
        self.mode = UInt32(truncatingIfNeeded: mode)
        linkTarget = json["linkTarget"].text
    }
}

/// RFC 4648, section 4.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for c in text.utf8 {
            let value: UInt8
            switch c {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = c - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = c - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = c - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            case UInt8(ascii: "="): return result
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(bits >> UInt32(count) & 0xff))
            }
        }
        return result
    }
}
