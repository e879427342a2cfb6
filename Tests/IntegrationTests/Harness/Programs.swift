import Glibc
import Kernel
import Testing

/// Where the programs and images under test are, and what else this machine has.
enum Programs {
    /// `BOX_PROGRAMS`, or what `swift build -c release` has made, or `swift build`.
    static let directory: String = {
        if let told = variable("BOX_PROGRAMS") { return told }
        let top = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        return ["release", "debug"].map { "\(top)/.build/\($0)" }.first { Sys.exists("\($0)/boxd") }
            ?? "\(top)/.build/debug"
    }()
    static let images = variable("BOX_IMAGES") ?? variable("BOX_IMAGE_CACHE") ?? "/var/cache/box/images"

    static func image(_ name: String) -> String { "\(images)/\(name).tar" }

    /// Whether containers can be made here at all.
    static let areReady = getuid() == 0 && Sys.exists("\(directory)/boxd") && Sys.exists(image("busybox"))
    static let need: Comment =
        "needs root, the programs (swift build -c release) and the image busybox (scripts/build-images busybox)"

    static func has(image name: String) -> Bool { Sys.exists(image(name)) }

    /// The path of a command of this machine.
    static func find(_ name: String) -> String? {
        if name.contains("/") { return name }
        let folders = (variable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}

/// Says why a step of a test could not be done.
struct Trouble: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Waits until something holds; looks every few milliseconds.
func eventually(
    _ what: String, within seconds: Double = 10, _ condition: () throws -> Bool
) throws {
    let deadline = Clock.boottime() + Int64(seconds * 1e9)
    while try !condition() {
        if Clock.boottime() > deadline { throw Trouble("not within \(seconds) s: \(what)") }
        pause(0.02)
    }
}

func pause(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }

extension Array where Element == UInt8 {
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension String {
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
    /// Both kinds of line ends.
    var lines: [String] { split(whereSeparator: \.isNewline).map(String.init) }
}
