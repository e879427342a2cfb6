import Archive
import Basics
import Glibc
import Kernel
import Testing

@testable import Storage

/// Directories of one layer test, removed with it: `layer` to unpack into, `canary` that nothing may touch.
final class LayerScratch {
    let path: String
    let canaryBefore: [String]
    var layer: String { path + "/layer" }
    var canary: String { path + "/canary" }

    init() throws {
        path = "/tmp/box-layer-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path, mode: 0o700)
        try Sys.mkdir(path + "/layer", mode: 0o755)
        try Sys.makeDirectories(path + "/canary/sub")
        try Sys.replaceFile(path + "/canary/secret", Array("secret".utf8), mode: 0o600)
        try Sys.replaceFile(path + "/canary/sub/file", Array("file".utf8), mode: 0o644)
        canaryBefore = try snapshot(path + "/canary")
    }
    deinit { try? Sys.removeTree(path) }

    /// Nothing outside the layer was made, removed or changed.
    func expectCanaryUnharmed(_ location: SourceLocation = #_sourceLocation) throws {
        let after = try snapshot(canary)
        #expect(after == canaryBefore, sourceLocation: location)
        let beside = try Sys.list(at: Sys.currentDirectory, path).map(\.name).sorted()
        #expect(
            beside.allSatisfy { ["canary", "layer"].contains($0) || $0.hasPrefix("own-") }, sourceLocation: location)
    }
}

/// A tree in words, one line an entry: path, mode, owner, size or target or device, time, content.
func snapshot(_ directory: String, times: Bool = true) throws -> [String] {
    var lines: [String] = []
    let root = try Sys.open(directory, O_RDONLY | O_DIRECTORY)
    try TreeWalker.walk(root.raw, context: ()) { entry, _ in
        let s = entry.status
        var line = "\(entry.path) \(String(s.mode, radix: 8)) \(s.uid):\(s.gid)"
        if times { line += " \(s.modified.seconds).\(s.modified.nanoseconds)" }
        switch s.kind {
        case .regular:
            let content = try entry.openContent().readAll(limit: 1 << 24)
            line += " \(s.size) \(SHA256Hasher.digest(of: content).short) links=\(s.linkCount)"
        case .symlink: line += " -> \(BytePath(try Sys.readlink(at: entry.file.raw, entry: "")))"
        case .characterDevice, .blockDevice: line += " \(s.deviceMajor):\(s.deviceMinor)"
        default: break
        }
        for attribute in try ArchivedAttributes.read(entry.file) { line += " \(attribute.name)=\(attribute.value)" }
        if s.kind == .directory, try Whiteout.isOpaque(entry.file) { line += " opaque" }
        lines.append(line)
        return ()
    }
    return lines.sorted()
}

func tarOf(_ entries: [(TarEntry, [UInt8])]) throws -> [UInt8] {
    let sink = MemorySink()
    let writer = TarWriter(sink)
    for (entry, data) in entries { try writer.add(entry, data) }
    try writer.finish()
    return sink.bytes
}

func file(_ path: BytePath, _ content: String = "", mode: UInt32 = 0o644) -> (TarEntry, [UInt8]) {
    (TarEntry(path: path, kind: .file, mode: mode, modified: .init(seconds: 1000, nanoseconds: 0)), Array(content.utf8))
}
func directory(_ path: BytePath, mode: UInt32 = 0o755) -> (TarEntry, [UInt8]) {
    (TarEntry(path: path, kind: .directory, mode: mode, modified: .init(seconds: 1000, nanoseconds: 0)), [])
}
func symlink(_ path: BytePath, _ target: BytePath) -> (TarEntry, [UInt8]) {
    (TarEntry(path: path, kind: .symlink, linkTarget: target, mode: 0o777), [])
}
func hardLink(_ path: BytePath, _ target: BytePath) -> (TarEntry, [UInt8]) {
    (TarEntry(path: path, kind: .hardLink, linkTarget: target), [])
}

@discardableResult
func unpack(_ entries: [(TarEntry, [UInt8])], into path: String) throws -> LayerContents {
    try LayerUnpacker.unpack(MemorySource(try tarOf(entries)), into: path)
}

/// An overlay of layers, top first, mounted nowhere: readable through the descriptor. With `upper`, writable.
func mountOverlay(_ layers: [String], upper: String? = nil, work: String? = nil) throws -> FileDescriptor {
    let context = try Mounts.openFileSystem("overlay")
    try Mounts.configure(context, "source", "overlay")
    try Mounts.configure(context, "lowerdir", layers.joined(separator: ":"))
    if let upper, let work {
        try Mounts.configure(context, "upperdir", upper)
        try Mounts.configure(context, "workdir", work)
    }
    for option in ["redirect_dir", "metacopy", "index"] { try Mounts.configure(context, option, "off") }
    try Mounts.create(context)
    return try Mounts.makeDetached(context)
}

func names(_ root: Int32, _ path: String = ".") throws -> [String] {
    try Sys.list(at: root, path).map(\.name).sorted()
}

func write(_ text: String, to fd: Int32, at offset: Int64) throws {
    try Array(text.utf8).withUnsafeBytes { try Sys.writeAll(fd, $0, at: offset) }
}
