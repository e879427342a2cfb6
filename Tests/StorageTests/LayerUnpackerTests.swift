import Archive
import Basics
import Glibc
import Kernel
import Testing

@testable import Storage

@Suite(.enabled(if: getuid() == 0, "needs root")) struct LayerUnpackerTests {
    @Test func keepsEverything() throws {
        let scratch = try LayerScratch()
        let time = FileStatus.Time(seconds: 1_600_000_000, nanoseconds: 123_456_789)
        let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let contents = try unpack(
            [
                (TarEntry(path: "./", kind: .directory, mode: 0o711, uid: 3, gid: 4, modified: time), []),
                (TarEntry(path: "bin/", kind: .directory, mode: 0o2755, uid: 7, gid: 8, modified: time), []),
                (TarEntry(path: "bin/su", kind: .file, mode: 0o4755, uid: 0, gid: 1, modified: time), Array("su".utf8)),
                (
                    TarEntry(
                        path: "bin/ping", kind: .file, mode: 0o755, modified: time,
                        attributes: [
                            .init(name: "security.capability", value: capability), .init(name: "user.a", value: [1]),
                        ]),
                    Array("ping".utf8)
                ),
                (TarEntry(path: "bin/su2", kind: .hardLink, linkTarget: "bin/su"), []),
                (
                    TarEntry(
                        path: "bin/l", kind: .symlink, linkTarget: "/bin/su", mode: 0o777, uid: 9, gid: 9,
                        modified: time), []
                ),
                (
                    TarEntry(
                        path: "null", kind: .characterDevice, mode: 0o666, modified: time, deviceMajor: 1,
                        deviceMinor: 3), []
                ),
                (TarEntry(path: "fifo", kind: .fifo, mode: 0o622, modified: time), []),
                (TarEntry(path: BytePath([0x66, 0xff]), kind: .file, mode: 0o600, modified: time), []),
            ], into: scratch.layer)
        #expect(contents.entries == 9)
        #expect(contents.bytes == 6)
        let stamp = "1600000000.123456789"
        let su = SHA256Hasher.digest(of: Array("su".utf8)).short
        let ping = SHA256Hasher.digest(of: Array("ping".utf8)).short
        let empty = SHA256Hasher.digest(of: []).short
        let lines = try snapshot(scratch.layer)
        #expect(
            lines == [
                " 40711 3:4 \(stamp)",
                "bin 42755 7:8 \(stamp)",
                "bin/l 120777 9:9 \(stamp) -> /bin/su",
                "bin/ping 100755 0:0 \(stamp) 4 \(ping) links=1 security.capability=\(capability) user.a=[1]",
                "bin/su 104755 0:1 \(stamp) 2 \(su) links=2",
                "bin/su2 104755 0:1 \(stamp) 2 \(su) links=2",
                "f\\xff 100600 0:0 \(stamp) 0 \(empty) links=1",
                "fifo 10622 0:0 \(stamp)",
                "null 20666 0:0 \(stamp) 1:3",
            ])
    }

    @Test func sparseFilesStaySparse() throws {
        let scratch = try LayerScratch()
        let sparse = scratch.path + "/own-sparse"
        do {
            let made = try Sys.open(sparse, O_RDWR | O_CREAT, mode: 0o644)
            try made.truncate(to: 50 << 20)
            try write("middle", to: made.raw, at: 20 << 20)
        }
        let tar = try Spawn("/usr/bin/tar", ["-C", scratch.path, "-S", "-cf", scratch.path + "/own.tar", "own-sparse"])
            .start()
        var status: Int32 = 0
        _ = try check("waitpid") { waitpid(tar.pid, &status, 0) }
        _ = try LayerUnpacker.unpack(try FileSource(path: scratch.path + "/own.tar"), into: scratch.layer)
        let made = try Sys.status(scratch.layer + "/own-sparse")
        #expect(made.size == 50 << 20)
        #expect(made.blocks * 512 < 1 << 20)
        let content = try Sys.open(scratch.layer + "/own-sparse", O_RDONLY)
        var bytes = [UInt8](repeating: 1, count: 7)
        #expect(try bytes.withUnsafeMutableBytes { try content.read(into: $0, at: 20 << 20) } == 7)
        #expect(bytes == Array("middle".utf8) + [0])
    }

    @Test func laterEntriesWin() throws {
        let scratch = try LayerScratch()
        try unpack(
            [
                directory("d", mode: 0o700), file("d/kept", "kept"), directory("d", mode: 0o755),
                file("f", "one"), hardLink("g", "f"), file("f", "two"),
                directory("gone"), file("gone/x"), file("gone", "file"),
                file("was"), directory("was"), file("was/inside"),
                symlink("s", "/f"), file("s", "plain"),
            ], into: scratch.layer)
        #expect(try Sys.readText(scratch.layer + "/d/kept") == "kept")
        #expect(try Sys.status(scratch.layer + "/d").permissions == 0o755)
        #expect(try Sys.readText(scratch.layer + "/f") == "two")
        // The other name of the file that was replaced keeps the old content.
        #expect(try Sys.readText(scratch.layer + "/g") == "one")
        #expect(try Sys.readText(scratch.layer + "/gone") == "file")
        #expect(Sys.exists(scratch.layer + "/was/inside"))
        #expect(try Sys.status(scratch.layer + "/s").kind == .regular)
        #expect(try Sys.status(scratch.layer + "/d").modified.seconds == 1000)
    }

    @Test func whiteoutsHideLowerLayersOnly() throws {
        let scratch = try LayerScratch()
        let (lower, upper) = (scratch.path + "/own-lower", scratch.layer)
        try Sys.mkdir(lower)
        try unpack(
            [
                file("a"), file("b"), directory("d"), file("d/old"), directory("e"), file("e/old"), directory("f"),
                file("f/old"), directory("g"), file("g/old"), file("h"), directory("i"), file("i/old"),
            ], into: lower)
        try unpack(
            [
                file(".wh.a"),
                // Hidden and there again, in both orders, as a file and as a directory.
                file(".wh.b"), file("b", "new"), file("h", "new"), file(".wh.h"),
                file(".wh.d"), directory("d"), file("d/new"),
                directory("e"), file("e/new"), file(".wh.e"),
                // An opaque mark behind and before what it must not hide.
                directory("f"), file("f/new"), file("f/.wh..wh..opq"),
                directory("g"), file("g/.wh..wh..opq"), file("g/new"),
                // No entry for the directory itself.
                file(".wh.i"), file("i/new"),
                file(".wh..wh.plnk"), file(".wh..wh.orph/12.3"),
            ], into: upper)
        let root = try mountOverlay([upper, lower])
        #expect(try names(root.raw) == ["b", "d", "e", "f", "g", "h", "i"])
        for name in ["d", "e", "f", "g", "i"] { #expect(try names(root.raw, name) == ["new"], "\(name)") }
        #expect(try Sys.readText(at: root.raw, "b") == "new")
        #expect(try Sys.readText(at: root.raw, "h") == "new")
    }

    @Test func opaqueRootIsToldToTheCaller() throws {
        let scratch = try LayerScratch()
        let contents = try unpack([file(".wh..wh..opq"), file("x")], into: scratch.layer)
        #expect(contents.hidesAllBelow)
    }

    @Test(arguments: Compression.allCases)
    func verifiesDigests(_ compression: Compression) throws {
        let scratch = try LayerScratch()
        // Behind the end marker there may be more; it counts.
        let tar = try tarOf([file("a", "content"), directory("d")]) + [UInt8](repeating: 0, count: 9000)
        let sink = MemorySink()
        let compressor = Compressor.open(sink, compression)
        try compressor.write(tar)
        try compressor.finish()
        let root = try Sys.open(scratch.layer, O_RDONLY | O_DIRECTORY)
        let diffID = SHA256Hasher.digest(of: tar)
        let result = try LayerUnpacker.unpackVerified(MemorySource(sink.bytes), expectedDiffID: diffID, into: root)
        #expect(result.diffID == diffID)
        #expect(result.size == Int64(tar.count))
        #expect(result.digest == SHA256Hasher.digest(of: sink.bytes))
        #expect(result.compressedSize == Int64(sink.bytes.count))
        #expect(result.compression == compression)
        #expect(throws: ArchiveError.self) {
            try LayerUnpacker.unpackVerified(
                MemorySource(sink.bytes), expectedDiffID: SHA256Hasher.digest(of: []), into: root)
        }
    }
}

@Suite(.enabled(if: getuid() == 0, "needs root")) struct LayerAttackTests {
    /// Unpacks, whether that is refused or not, and looks that nothing outside changed.
    private func attack(
        _ entries: [(TarEntry, [UInt8])], refused: Bool? = nil, _ location: SourceLocation = #_sourceLocation
    )
        throws -> LayerScratch
    {
        let scratch = try LayerScratch()
        try attack(entries, scratch, refused: refused, location)
        return scratch
    }

    private func attack(
        _ entries: [(TarEntry, [UInt8])], _ scratch: LayerScratch, refused: Bool?, _ location: SourceLocation
    ) throws {
        var failure: (any Error)?
        do { try unpack(entries, into: scratch.layer) } catch { failure = error }
        if let refused {
            #expect((failure != nil) == refused, "\(failure.map { "\($0)" } ?? "")", sourceLocation: location)
        }
        try scratch.expectCanaryUnharmed(location)
    }

    @Test(arguments: ["../x", "../canary/secret", "a/../../canary/secret", "..", "a/..", "/../canary/secret"])
    func pathsWithDotsAreRefused(_ path: String) throws {
        _ = try attack([directory("a"), file(BytePath(path), "evil")], refused: true)
        _ = try attack([directory("a"), directory(BytePath(path), mode: 0o777)], refused: true)
    }

    @Test func absolutePathsStayInside() throws {
        let scratch = try LayerScratch()
        try attack([file(BytePath(scratch.canary + "/secret"), "evil")], scratch, refused: false, #_sourceLocation)
        #expect(try Sys.readText(scratch.layer + scratch.canary + "/secret") == "evil")
    }

    @Test func writingThroughASymlinkStaysInside() throws {
        for target in [
            "ABS", "../canary", "../../../../../../../../../../../../ABS", "/proc/self/root/ABS", "/proc/1/root",
        ] {
            let scratch = try LayerScratch()
            let path = BytePath(
                target.split(separator: "ABS", omittingEmptySubsequences: false).joined(separator: scratch.canary))
            try attack([symlink("d", path), file("d/secret", "evil")], scratch, refused: nil, #_sourceLocation)
            try attack(
                [symlink("d", path), directory("d/sub", mode: 0o777), file("d/sub/file", "evil")], scratch,
                refused: nil,
                #_sourceLocation)
            try attack(
                [symlink("d", path), file("d/.wh.secret"), file("d/.wh..wh..opq")], scratch, refused: nil,
                #_sourceLocation)
            try attack(
                [symlink("d", path), hardLink("h", "d/secret"), file("h", "evil")], scratch, refused: nil,
                #_sourceLocation)
            try attack([symlink("d", path), hardLink("d/h", "d")], scratch, refused: nil, #_sourceLocation)
        }
    }

    @Test func symlinkedParentsInsideWork() throws {
        let scratch = try attack(
            [directory("usr/lib"), symlink("lib", "/usr/lib"), file("lib/x", "x")], refused: false)
        #expect(try Sys.readText(scratch.layer + "/usr/lib/x") == "x")
        #expect(try Sys.status(scratch.layer + "/lib").kind == .symlink)
    }

    @Test func hardLinksOutsideAreRefused() throws {
        for target in ["../canary/secret", "../../etc/passwd", "ABS/secret", "/etc/passwd", "nothing", "", "."] {
            let scratch = try LayerScratch()
            let path = BytePath(target.hasPrefix("ABS") ? scratch.canary + "/secret" : target)
            if path.isEmpty { continue }
            try attack([hardLink("h", path), file("h", "evil")], scratch, refused: true, #_sourceLocation)
        }
        _ = try attack([file("h"), hardLink("h", "h")], refused: true)
        _ = try attack([directory("d"), hardLink("h", "d")], refused: true)
    }

    @Test func hardLinkToASymlinkIsTheSymlink() throws {
        let scratch = try LayerScratch()
        try attack(
            [symlink("s", BytePath(scratch.canary + "/secret")), hardLink("h", "s"), file("h", "evil", mode: 0o777)],
            scratch,
            refused: false, #_sourceLocation)
        #expect(try Sys.status(scratch.layer + "/h").kind == .regular)
    }

    @Test func symlinkChains() throws {
        var entries: [(TarEntry, [UInt8])] = [symlink("l0", "/nowhere")]
        for index in 1...45 { entries.append(symlink(BytePath("l\(index)"), BytePath("l\(index - 1)"))) }
        _ = try attack(entries + [file("l45/x")], refused: true)
        _ = try attack([symlink("a", "b"), symlink("b", "a"), file("a/x")], refused: true)
    }

    @Test(arguments: ["/", "./", ".", ".//."])
    func theRootIsADirectory(_ path: String) throws {
        for kind in [TarEntry.Kind.symlink, .file, .fifo, .characterDevice, .hardLink] {
            let entry = TarEntry(
                path: BytePath(path), kind: kind, linkTarget: kind == .symlink || kind == .hardLink ? "../canary" : "")
            // A name ending in a slash makes a directory of what says it is a file.
            if kind == .file && path.hasSuffix("/") { continue }
            _ = try attack([(entry, []), file("secret", "evil")], refused: true)
        }
    }

    @Test func attributesDoNotFollowSymlinks() throws {
        let scratch = try LayerScratch()
        let target = BytePath(scratch.canary + "/secret")
        try attack([symlink("s", target), file("s", mode: 0o777)], scratch, refused: false, #_sourceLocation)
        try attack([symlink("t", target), directory("t", mode: 0o777)], scratch, refused: false, #_sourceLocation)
        let link = TarEntry(
            path: "u", kind: .symlink, linkTarget: target, mode: 0o777, uid: 4711, gid: 4711,
            modified: .init(seconds: 5, nanoseconds: 0), attributes: [.init(name: "user.x", value: [1])])
        // The kernel allows no user attributes on symlinks; what matters is where it was not set.
        try attack([(link, [])], scratch, refused: nil, #_sourceLocation)
    }

    @Test(arguments: [".wh.", ".wh..", ".wh...", "d/.wh.", ".wh.a/b", "d/.wh.x/.wh.y"])
    func whiteoutAbuse(_ name: String) throws {
        _ = try attack([directory("d"), file(BytePath(name))], refused: true)
    }

    @Test func redirectsOfOverlayAreNotContent() throws {
        let entry = TarEntry(
            path: "d", kind: .directory, mode: 0o755,
            attributes: [
                .init(name: "trusted.overlay.redirect", value: Array("/etc".utf8)),
                .init(name: "trusted.overlay.metacopy", value: []), .init(name: "trusted.mine", value: [1]),
            ])
        let scratch = try attack([(entry, [])], refused: false)
        let made = try Sys.open(scratch.layer + "/d", O_RDONLY)
        #expect(try made.attributeNames() == ["trusted.mine"])
    }

    @Test func deepPaths() throws {
        let scratch = try attack([file(BytePath(String(repeating: "a/", count: 2000) + "x"))], refused: false)
        // Symlinks make it deeper than any path can say.
        let deep = BytePath(String(repeating: "a/", count: 2000) + "l")
        try attack(
            [
                symlink("m", BytePath(String(repeating: "a/", count: 2000))), symlink(deep, "/"),
                file(
                    BytePath("m/" + String(repeating: "b/", count: 2000) + "y")),
            ], scratch, refused: nil, #_sourceLocation)
        try Sys.removeTree(scratch.layer)
        #expect(!Sys.exists(scratch.layer))
    }

    @Test func bombsMeetTheLimit() throws {
        let scratch = try LayerScratch()
        for compression in [Compression.gzip, .zstd] {
            let sink = MemorySink()
            let compressor = Compressor.open(sink, compression)
            let writer = TarWriter(compressor)
            try writer.begin(TarEntry(path: "zeros", kind: .file, size: 64 << 20))
            try writer.fillWithZeros()
            try writer.finish()
            try compressor.finish()
            #expect(sink.bytes.count < 1 << 20)
            #expect(throws: ArchiveError.self) {
                try LayerUnpacker.unpackVerified(
                    MemorySource(sink.bytes), expectedDiffID: nil,
                    into: try Sys.open(scratch.layer, O_RDONLY | O_DIRECTORY), options: .init(maximumBytes: 1 << 20))
            }
        }
        #expect(try names(Sys.currentDirectory, scratch.layer).isEmpty)
    }

    @Test func manyEntriesNeedLittleMemory() throws {
        // The paths of directories are remembered; all else is not.
        var times = DeferredTimes()
        let path = BytePath(String(repeating: "x", count: 4000))
        #expect(throws: ArchiveError.self) {
            for _ in 0..<20_000 { try times.add(path, .init(seconds: 0, nanoseconds: 0)) }
        }
    }
}
