import Basics
import Glibc
import Kernel
import Testing

@testable import Command

@Suite struct CopyTests {
    private func plan(_ directory: Bool, content: Bool = false, _ path: String, exists: Bool, isDirectory: Bool = false)
        throws -> CopyPlan
    {
        try CopyPlan.make(
            CopyPlan.Source(isDirectory: directory, name: "src", onlyContent: content),
            CopyPlan.Destination(path: path, exists: exists, isDirectory: isDirectory))
    }

    @Test func plans() throws {
        // A file.
        #expect(try plan(false, "/d", exists: true, isDirectory: true) == CopyPlan(directory: "/d", name: "src"))
        #expect(try plan(false, "/d/x", exists: false) == CopyPlan(directory: "/d", name: "x"))
        #expect(try plan(false, "/d/x", exists: true) == CopyPlan(directory: "/d", name: "x"))
        #expect(throws: CommandError.self) { _ = try plan(false, "/d/x/", exists: false) }
        #expect(throws: CommandError.self) { _ = try plan(false, "/d/x/", exists: true) }
        // A directory.
        #expect(try plan(true, "/d", exists: true, isDirectory: true) == CopyPlan(directory: "/d", name: "src"))
        #expect(try plan(true, "/d/x", exists: false) == CopyPlan(directory: "/d", name: "x"))
        #expect(try plan(true, "/d/x/", exists: false) == CopyPlan(directory: "/d", name: "x"))
        #expect(throws: CommandError.self) { _ = try plan(true, "/d/x", exists: true) }
        // Its content.
        #expect(
            try plan(true, content: true, "/d", exists: true, isDirectory: true) == CopyPlan(directory: "/d", name: ""))
        #expect(try plan(true, content: true, "/d/x", exists: false) == CopyPlan(directory: "/d", name: "x"))
        #expect(try plan(false, "/x", exists: false) == CopyPlan(directory: "/", name: "x"))
    }

    @Test func splits() {
        #expect(CopyPath.split("web:/etc")?.path == "/etc")
        #expect(CopyPath.split("web:a:b")?.path == "a:b")
        for local in ["/a:b", "./a:b", "a", "-", "a/b:c", ":x"] { #expect(CopyPath.split(local) == nil, "\(local)") }
    }

    @Test func pathStat() {
        // {"name":"etc","size":4096,"mode":2147484141,"mtime":"2026-01-01T00:00:00Z","linkTarget":""}
        let text =
            "eyJuYW1lIjoiZXRjIiwic2l6ZSI6NDA5NiwibW9kZSI6MjE0NzQ4NDE0MSwibXRpbWUiOiIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsImxpbmtUYXJnZXQiOiIifQ=="
        let stat = ContainerPathStat(base64: text)
        #expect(stat?.name == "etc")
        #expect(stat?.isDirectory == true)
        #expect(stat?.isSymlink == false)
        #expect(ContainerPathStat(base64: "!") == nil)
    }
}

private final class BytesSource: ByteSource {
    var bytes: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, bytes.count, 700)
        buffer.copyBytes(from: bytes.prefix(count))
        bytes = bytes.dropFirst(count)
        return count
    }
}

/// What `cp` packs and unpacks; in directories of its own.
@Suite struct TarTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let path = "/tmp/box-command-test-\(Identifier().short)"
        try Sys.mkdir(path)
        defer { try? Sys.removeTree(path) }
        try body(path)
    }

    private func pack(_ path: String, as name: String, keepsOwner: Bool = false) throws -> [UInt8] {
        let packer = try TarPacker(path: path, as: name, follow: false, keepsOwner: keepsOwner, complain: { _ in })
        var result: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
        defer { buffer.deallocate() }
        while case let count = try packer.read(into: buffer), count > 0 { result += buffer[..<count] }
        return result
    }

    @Test func roundTrip() throws {
        try withDirectory { root in
            let long = String(repeating: "n", count: 200)
            try Sys.makeDirectories("\(root)/src/sub/\(long)")
            try Sys.replaceFile("\(root)/src/a", Array("hello".utf8), mode: 0o640)
            try Sys.replaceFile("\(root)/src/sub/\(long)/b", [UInt8](repeating: 7, count: 100_000))
            try Sys.link("\(root)/src/a", "\(root)/src/sub/hard")
            try Sys.symlink("../a", "\(root)/src/sub/soft")
            try Sys.setTimes(
                "\(root)/src/a", accessed: .init(seconds: 5, nanoseconds: 0),
                modified: .init(seconds: -5, nanoseconds: 123_456_789))
            let archive = try pack("\(root)/src", as: "top")
            #expect(archive.count % 512 == 0)
            try Sys.mkdir("\(root)/out")
            let unpacker = try TarUnpacker(
                BytesSource(archive), into: "\(root)/out", as: "new", replacesFirst: true, keepsOwner: false)
            try unpacker.run()
            #expect(try Sys.readText("\(root)/out/new/a") == "hello")
            #expect(try Sys.readFile("\(root)/out/new/sub/\(long)/b").count == 100_000)
            #expect(try Sys.readlink("\(root)/out/new/sub/soft") == "../a")
            let status = try Sys.status("\(root)/out/new/a")
            #expect(status.inode == (try Sys.status("\(root)/out/new/sub/hard").inode))
            #expect(status.permissions == 0o640)
            #expect(status.modified == .init(seconds: -5, nanoseconds: 123_456_789))
        }
    }

    @Test func contentOnly() throws {
        try withDirectory { root in
            try Sys.makeDirectories("\(root)/src/d")
            try Sys.replaceFile("\(root)/src/d/f", Array("x".utf8))
            try Sys.mkdir("\(root)/out")
            try TarUnpacker(
                BytesSource(try pack("\(root)/src/.", as: "")), into: "\(root)/out", as: "new", replacesFirst: false,
                keepsOwner: false
            ).run()
            #expect(try Sys.readText("\(root)/out/new/d/f") == "x")
        }
    }

    private func archive(_ entries: [(TarEntry, [UInt8])]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (entry, data) in entries {
            var entry = entry
            entry.size = UInt64(data.count)
            bytes += TarHeader.encode(entry) + data + [UInt8](repeating: 0, count: TarHeader.padding(entry.size))
        }
        return bytes + TarHeader.end
    }

    private func refuses(_ entries: [(TarEntry, [UInt8])], _ message: String) throws {
        try withDirectory { root in
            try Sys.mkdir("\(root)/out")
            try Sys.mkdir("\(root)/other")
            let unpacker = try TarUnpacker(
                BytesSource(archive(entries)), into: "\(root)/out", as: "x", replacesFirst: true, keepsOwner: false)
            let error = #expect(throws: TarError.self) { try unpacker.run() }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
            #expect(try Sys.list(at: Sys.currentDirectory, "\(root)/other").isEmpty)
        }
    }

    private func entry(_ path: String, _ kind: TarEntry.Kind, to target: String = "") -> TarEntry {
        TarEntry(path: Array(path.utf8), kind: kind, mode: 0o755, linkTarget: Array(target.utf8))
    }

    @Test func hostileArchives() throws {
        try refuses([(entry("a/../../other/f", .file), [1])], "leads out")
        try refuses([(entry("/etc/passwd", .file), [1])], "leads out")
        try refuses(
            [
                (entry("a", .directory), []), (entry("a/l", .symlink, to: "../../other"), []),
                (entry("a/l/f", .file), [1]),
            ], "symlink")
        try refuses([(entry("a", .symlink, to: "../other"), []), (entry("a/f", .file), [1])], "symlink")
        try refuses(
            [(entry("a", .directory), []), (entry("a/h", .hardLink, to: "../../../etc/passwd"), [])], "leads out")
        try refuses([(entry("a", .directory), []), (entry("a/disk", .blockDevice), [])], "device")
    }

    @Test func damagedArchives() throws {
        try withDirectory { root in
            let good = archive([(entry("a", .file), [UInt8](repeating: 1, count: 600))])
            for bytes in [
                Array(good.prefix(100)), Array(good.prefix(700)), Array(good.prefix(1536)),
                [UInt8](repeating: 0x41, count: 1024),
            ] {
                let unpacker = try TarUnpacker(
                    BytesSource(bytes), into: root, as: "x", replacesFirst: true, keepsOwner: false)
                #expect(throws: TarError.self) { try unpacker.run() }
            }
        }
    }

    @Test func setIdBitsGoWithTheOwner() throws {
        try withDirectory { root in
            var file = entry("a", .file)
            file.mode = 0o4755
            try TarUnpacker(
                BytesSource(archive([(file, [1])])), into: root, as: "x", replacesFirst: true, keepsOwner: false
            ).run()
            #expect(try Sys.status("\(root)/x").permissions == 0o755)
        }
    }
}
