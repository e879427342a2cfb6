import Archive
import Basics
import Glibc
import Kernel
import Testing

@testable import Storage

@Suite(.enabled(if: getuid() == 0, "needs root")) struct LayerTreeTests {
    private static let tree: [(TarEntry, [UInt8])] = [
        directory("./", mode: 0o711), directory("d", mode: 0o1777), file("d/f", "content", mode: 0o4755),
        hardLink("d/h", "d/f"),
        symlink("d/s", "/etc/passwd"), directory("d/deeper"), file("d/deeper/x", "x"),
        (TarEntry(path: "fifo", kind: .fifo, mode: 0o600, modified: .init(seconds: 5, nanoseconds: 6)), []),
        (
            TarEntry(
                path: "attributes", kind: .file, uid: 5, gid: 6, modified: .init(seconds: 7, nanoseconds: 8),
                attributes: [.init(name: "user.a", value: [9])]), [1, 2, 3]
        ),
        (TarEntry(path: BytePath([0xff, 0x2d]), kind: .file, modified: .init(seconds: 1, nanoseconds: 0)), []),
    ]

    private func archive(_ path: String, as name: BytePath, in root: String, options: TreeArchiver.Options = .init())
        throws -> [UInt8]
    {
        let sink = MemorySink()
        let writer = TarWriter(sink)
        try TreeArchiver.archive(path, as: name, in: try RootedDirectory(path: root), to: writer, options: options)
        try writer.finish()
        return sink.bytes
    }

    private func entries(_ tar: [UInt8]) throws -> [TarEntry] {
        let reader = TarReader(MemorySource(tar))
        var result: [TarEntry] = []
        while let entry = try reader.next() { result.append(entry) }
        return result
    }

    @Test func archivesAndExtracts() throws {
        let scratch = try LayerScratch()
        try unpack(Self.tree, into: scratch.layer)
        let tar = try archive("/", as: "", in: scratch.layer)
        #expect(try archive("/", as: "", in: scratch.layer) == tar)
        let copy = scratch.path + "/own-copy"
        try Sys.mkdir(copy)
        try TreeExtractor.extract(MemorySource(tar), into: try RootedDirectory(path: copy), directory: "/")
        #expect(try snapshot(copy).dropFirst() == snapshot(scratch.layer).dropFirst())
    }

    @Test func archivesPartsUnderAName() throws {
        let scratch = try LayerScratch()
        try unpack(Self.tree, into: scratch.layer)
        #expect(try entries(archive("/d/f", as: "other", in: scratch.layer)).map(\.path) == ["other"])
        #expect(try entries(archive("d/deeper", as: "n", in: scratch.layer)).map(\.path) == ["n/", "n/x"])
        let link = try entries(archive("/d/s", as: "s", in: scratch.layer))
        #expect(link.map(\.kind) == [.symlink])
        #expect(link.map(\.linkTarget) == ["/etc/passwd"])
        // A symlink on the way is the container's: it resolves inside.
        try Sys.symlink(scratch.canary, scratch.layer + "/out")
        #expect(throws: SyscallError.self) { try archive("/out/secret", as: "x", in: scratch.layer) }
        let excluded = try entries(archive("/", as: "", in: scratch.layer, options: .init(excluded: ["d"])))
        #expect(!excluded.contains { $0.path.hasPrefix("d/") })
    }

    @Test func extractsWithOptions() throws {
        let scratch = try LayerScratch()
        try unpack([directory("a"), directory("a/d"), file("a/f", "old"), symlink("run", "/a")], into: scratch.layer)
        let root = try RootedDirectory(path: scratch.layer)
        let tar = MemorySource(try tarOf([directory("."), file("f", "new"), file("n")]))
        try TreeExtractor.extract(
            tar, into: root, directory: "/run/", options: .init(owner: FileOwner(uid: 12, gid: 13)))
        #expect(try Sys.readText(scratch.layer + "/a/f") == "new")
        #expect(try Sys.status(scratch.layer + "/a/n").uid == 12)
        #expect(try Sys.status(scratch.layer + "/a").uid == 0)
        let strict = TreeExtractor.Options(noOverwriteDirNonDir: true)
        #expect(throws: ArchiveError.self) {
            try TreeExtractor.extract(
                MemorySource(try tarOf([file("d")])), into: root, directory: "/a", options: strict)
        }
        #expect(throws: ArchiveError.self) {
            try TreeExtractor.extract(
                MemorySource(try tarOf([directory("f")])), into: root, directory: "/a", options: strict)
        }
        #expect(throws: SyscallError.self) {
            try TreeExtractor.extract(MemorySource(try tarOf([])), into: root, directory: "/a/f")
        }
        // Not a whiteout here, but a name.
        try TreeExtractor.extract(MemorySource(try tarOf([file(".wh.f")])), into: root, directory: "/a")
        #expect(try names(Sys.currentDirectory, scratch.layer + "/a") == [".wh.f", "d", "f", "n"])
    }

    @Test func extractionStaysInTheRoot() throws {
        let scratch = try LayerScratch()
        try Sys.symlink(scratch.canary, scratch.layer + "/abs")
        try Sys.symlink("../canary", scratch.layer + "/rel")
        try Sys.symlink("/proc/self/root" + scratch.canary, scratch.layer + "/magic")
        let root = try RootedDirectory(path: scratch.layer)
        for name in ["abs", "rel", "magic"] {
            let tar = try tarOf([file("secret", "evil"), directory("sub", mode: 0o777)])
            #expect(throws: SyscallError.self) {
                try TreeExtractor.extract(MemorySource(tar), into: root, directory: "/" + name)
            }
            let inside = try tarOf([
                file(BytePath(name + "/secret"), "evil"), directory(BytePath(name + "/sub"), mode: 0o777),
            ])
            #expect(throws: SyscallError.self) {
                try TreeExtractor.extract(MemorySource(inside), into: root, directory: "/")
            }
            #expect(throws: ArchiveError.self) {
                try TreeExtractor.extract(
                    MemorySource(try tarOf([hardLink("h", BytePath(name + "/secret"))])), into: root, directory: "/")
            }
        }
        try scratch.expectCanaryUnharmed()
    }

    /// A container that swaps a directory for a symlink out of it, again and again, while files are copied in and out.
    @Test func racesStayInTheRoot() throws {
        let scratch = try LayerScratch()
        try unpack(
            [directory("d"), directory("d/sub"), file("d/secret", "inside"), file("d/sub/file", "inside")],
            into: scratch.layer)
        try Sys.symlink(scratch.canary, scratch.layer + "/evil")
        let layer = scratch.layer
        let ended = Condition(false)
        let running = Condition(true)
        try Thread.start(name: "swap") {
            while running.withLock({ $0 }) {
                try? Sys.rename(layer + "/d", layer + "/evil", exchange: true)
            }
            ended.withLock { $0 = true }
            ended.signal()
        }
        let root = try RootedDirectory(path: layer)
        let tar = try tarOf([
            file("d/secret", "evil", mode: 0o777), directory("d/sub", mode: 0o777), file("d/sub/file", "evil"),
            symlink("d/l", "/x"),
        ])
        var leaked = false
        for _ in 0..<1000 {
            _ = try? TreeExtractor.extract(MemorySource(tar), into: root, directory: "/")
            _ = try? TreeExtractor.extract(
                MemorySource(try tarOf([file("secret", "evil")])), into: root, directory: "/d")
            let sink = MemorySink()
            let writer = TarWriter(sink)
            if (try? TreeArchiver.archive("/d", as: "d", in: root, to: writer)) != nil, (try? writer.finish()) != nil {
                let reader = TarReader(MemorySource(sink.bytes))
                while let entry = try reader.next() {
                    if entry.kind == .file, try reader.data.readAll(limit: 100, of: "test") == Array("secret".utf8) {
                        leaked = true
                    }
                }
            }
        }
        running.withLock { $0 = false }
        #expect(ended.wait { $0 ? true : nil } == true)
        #expect(!leaked)
        try scratch.expectCanaryUnharmed()
    }

    @Test func mountsAreNotCrossedWhenAsked() throws {
        let scratch = try LayerScratch()
        try unpack([directory("m"), file("m/under", "under"), file("plain")], into: scratch.layer)
        try scratch.withMountNamespace { layer in
            try Mounts.mount("tmpfs", layer + "/m", type: "tmpfs")
            try Sys.replaceFile(layer + "/m/inside", [])
            let all = try entries(archive("/", as: "", in: layer)).map(\.path)
            #expect(all == ["plain", "m/", "m/inside"])
            let some = try entries(archive("/", as: "", in: layer, options: .init(crossesMounts: false))).map(\.path)
            #expect(some == ["plain", "m/"])
            #expect(throws: SyscallError.self) { try Sys.removeTree(layer + "/m") }
            #expect(Sys.exists(layer + "/m/inside"))
        }
    }

    @Test func copiesContents() throws {
        let scratch = try LayerScratch()
        try unpack(Self.tree, into: scratch.layer)
        do {
            let sparse = try Sys.open(scratch.layer + "/sparse", O_RDWR | O_CREAT, mode: 0o644)
            try write("data", to: sparse.raw, at: 3 << 20)
            try sparse.truncate(to: 9 << 20)
        }
        let copy = scratch.path + "/own-copy"
        try Sys.mkdir(copy)
        let (from, to) = (
            SharedDescriptor(try Sys.open(scratch.layer, O_RDONLY | O_DIRECTORY)),
            SharedDescriptor(try Sys.open(copy, O_RDONLY | O_DIRECTORY))
        )
        try TreeCopier.copyContents(from: from.descriptor, to: to.descriptor)
        #expect(try snapshot(copy) == snapshot(scratch.layer))
        #expect(try Sys.status(copy + "/sparse").blocks < 1000)
    }
}

extension LayerScratch {
    /// Runs on a thread with mounts of its own, which vanish with it.
    func withMountNamespace(_ body: @escaping @Sendable (String) throws -> Void) throws {
        let layer = layer
        let outcome = Condition<Result<Void, any Error>?>(nil)
        try Thread.start(name: "mounts") {
            let result = Result {
                try Namespaces.unshare([.mount, .fileSystemAttributes])
                try Mounts.setPropagation("/", [.private, .recursive])
                try body(layer)
            }
            outcome.withLock { $0 = result }
            outcome.signal()
        }
        try outcome.wait { $0 }?.get()
    }
}
