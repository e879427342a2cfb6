import Basics
import Glibc
import Kernel
import Testing

@testable import Archive

@Suite struct TarRoundTripTests {
    private static let longName = BytePath(String(repeating: "directory/", count: 40) + "file")

    @Test func everyKindOfEntry() throws {
        let time = FileStatus.Time(seconds: 1_700_000_000, nanoseconds: 123_456_789)
        let entries: [(TarEntry, [UInt8])] = [
            (TarEntry(path: "./", kind: .directory, mode: 0o755), []),
            (TarEntry(path: "d/", kind: .directory, mode: 0o1777, uid: 1000, gid: 1001, modified: time), []),
            (TarEntry(path: "d/f", kind: .file, mode: 0o4755, modified: time, size: 1000), sampleBytes(1000)),
            (TarEntry(path: "d/empty", kind: .file), []),
            (TarEntry(path: "d/h", kind: .hardLink, linkTarget: "d/f"), []),
            (TarEntry(path: "d/s", kind: .symlink, linkTarget: "../../x", mode: 0o777), []),
            (TarEntry(path: "d/c", kind: .characterDevice, deviceMajor: 1, deviceMinor: 1_048_575), []),
            (TarEntry(path: "d/b", kind: .blockDevice, deviceMajor: 4095, deviceMinor: 9), []),
            (TarEntry(path: "d/p", kind: .fifo), []),
            (TarEntry(path: Self.longName, kind: .symlink, linkTarget: Self.longName), []),
            (TarEntry(path: BytePath([0x66, 0xff, 0xfe]), kind: .file, uid: 4_000_000_000, gid: 3_000_000), []),
            (TarEntry(path: BytePath([UInt8](repeating: 0xff, count: 120)), kind: .file), []),
            (TarEntry(path: "old", kind: .file, modified: .init(seconds: -2, nanoseconds: 500_000_000)), []),
            (
                TarEntry(
                    path: "cap", kind: .file, size: 5,
                    attributes: [
                        .init(name: "security.capability", value: [1, 0, 0, 2, 0x0a, 0, 0x3d]),
                        .init(name: "user.x", value: []),
                    ]), Array("hello".utf8)
            ),
        ]
        let tar = try makeTar(entries)
        #expect(tar.count % 512 == 0)
        for piece in [Int.max, 511] {
            let back = try readTar(tar, piece: piece)
            #expect(back.count == entries.count)
            for (index, pair) in back.enumerated() where index < entries.count {
                #expect(pair.entry == entries[index].0)
                #expect(pair.data == entries[index].1)
            }
        }
        #expect(try makeTar(entries) == tar)
    }

    @Test func prefixIsUsedBeforePax() throws {
        let path = BytePath(String(repeating: "a", count: 90) + "/" + String(repeating: "b", count: 90))
        let tar = try makeTar([(TarEntry(path: path, kind: .file), [])])
        #expect(tar.count == 512 + 1024)
        #expect(try readTar(tar).first?.entry.path == path)
    }

    @Test func gnuTarReadsOurs() throws {
        let scratch = try Scratch()
        let tar = try makeTar([
            (TarEntry(path: "d", kind: .directory, mode: 0o755), []),
            (TarEntry(path: BytePath("d/" + String(repeating: "é", count: 100)), kind: .file), Array("x".utf8)),
            (
                TarEntry(path: "d/f", kind: .file, modified: .init(seconds: 1_600_000_000, nanoseconds: 5_000_000)),
                Array("hello".utf8)
            ),
        ])
        try Sys.replaceFile(scratch.path + "/t.tar", tar)
        try Sys.mkdir(scratch.path + "/out")
        #expect(try run("tar", "-C", scratch.path + "/out", "-xf", scratch.path + "/t.tar") == 0)
        #expect(try Sys.readText(scratch.path + "/out/d/f") == "hello")
        let status = try Sys.status(scratch.path + "/out/d/f")
        #expect(status.modified == .init(seconds: 1_600_000_000, nanoseconds: 5_000_000))
    }

    @Test(arguments: ["v7", "oldgnu", "gnu", "ustar", "posix"])
    func readsGnuTar(_ format: String) throws {
        let scratch = try Scratch()
        let deep =
            scratch.path + "/in/" + String(repeating: "long/", count: format == "v7" || format == "ustar" ? 15 : 40)
        try Sys.makeDirectories(deep)
        try Sys.replaceFile(deep + "/file", sampleBytes(3000))
        try Sys.symlink("/nowhere", scratch.path + "/in/link")
        #expect(
            try run(
                "tar", "-C", scratch.path + "/in", "--format=" + format, "--mtime=@1234567890", "-cf",
                scratch.path + "/t.tar", ".") == 0)
        let back = try readTar(try Sys.readFile(scratch.path + "/t.tar"))
        #expect(back.first?.entry.path == "./")
        #expect(back.allSatisfy { $0.entry.modified == .init(seconds: 1_234_567_890, nanoseconds: 0) })
        #expect(back.first { $0.entry.kind == .symlink }?.entry.linkTarget == "/nowhere")
        let file = back.first { $0.entry.kind == .file }
        #expect(file?.entry.path.normalized?.name == "file")
        #expect(file?.data == sampleBytes(3000))
    }

    @Test(arguments: ["gnu", "0.0", "0.1", "1.0"])
    func readsSparseFiles(_ version: String) throws {
        let scratch = try Scratch()
        var expected = [UInt8](repeating: 0, count: 2_000_000)
        do {
            let file = try Sys.open(scratch.path + "/sparse", O_RDWR | O_CREAT, mode: 0o644)
            try file.truncate(to: expected.count)
            for place in stride(from: 0, to: 1_900_000, by: 65536 * 2) {
                try file.seek(to: place)
                try file.writeAll(sampleBytes(4096, seed: UInt64(place)))
                expected.replaceSubrange(place..<place + 4096, with: sampleBytes(4096, seed: UInt64(place)))
            }
        }
        let form = version == "gnu" ? ["--format=gnu"] : ["--format=posix", "--sparse-version=" + version]
        #expect(
            try run("tar", "-C", scratch.path, form[0], form.last ?? "", "-S", "-cf", scratch.path + "/t.tar", "sparse")
                == 0)
        let tar = try Sys.readFile(scratch.path + "/t.tar")
        #expect(tar.count < 200_000)
        let back = try readTar(tar)
        #expect(back.count == 1)
        #expect(back.first?.entry.path == "sparse")
        #expect(back.first?.entry.size == 2_000_000)
        let same = back.first?.data == expected
        #expect(same)
    }

    @Test func globalPaxHeadersApply() throws {
        let records = PaxRecords.format("uid", Array("77".utf8))
        let global = try makeTar([(TarEntry(path: "g", kind: .file), records)])
        let body = Array(patched(global) { $0[156] = UInt8(ascii: "g") }.dropLast(1024))
        let tar = try makeTar([(TarEntry(path: "a", kind: .file, uid: 5), []), (TarEntry(path: "b", kind: .file), [])])
        #expect(try readTar(body + tar).map(\.entry.uid) == [77, 77])
    }
}

@Suite struct HostileTarTests {
    private func small() throws -> [UInt8] {
        try makeTar([
            (TarEntry(path: "a", kind: .file), sampleBytes(600)),
            (TarEntry(path: BytePath(String(repeating: "x", count: 200)), kind: .file), sampleBytes(100)),
        ])
    }

    @Test func everyTruncationIsAnError() throws {
        let tar = try small()
        // The marker's second block may be missing.
        for length in stride(from: 0, through: tar.count - 1024, by: 512) {
            #expect(throws: ArchiveError.self, "cut to \(length) of \(tar.count)") {
                try readTar(Array(tar[..<length]))
            }
        }
        for length in [1, 511, 513, 700, tar.count - 1025] {
            #expect(throws: ArchiveError.self) { try readTar(Array(tar[..<length])) }
        }
        #expect(try readTar(Array(tar.dropLast(512))).count == 2)
    }

    @Test func endMarkerIsOptionalOnRequest() throws {
        let reader = TarReader(
            MemorySource(Array(try small().dropLast(1024))), options: .init(requiresEndMarker: false))
        #expect(try reader.next()?.path == "a")
        #expect(try reader.next() != nil)
        #expect(try reader.next() == nil)
        #expect(try reader.next() == nil)
    }

    @Test func absurdSizes() throws {
        func withPax(_ key: String, _ value: String) throws -> [UInt8] {
            let pax = try makeTar([(TarEntry(path: "p", kind: .file), PaxRecords.format(key, Array(value.utf8)))])
            return Array(patched(pax) { $0[156] = UInt8(ascii: "x") }.dropLast(1024)) + (try small())
        }
        #expect(throws: ArchiveError.self) { try readTar(withPax("size", "9223372036854775807")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("size", "9223372036854775808")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("size", "-1")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("size", "4611686018427387904")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("uid", "4294967295")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("path", "a\u{0}b")) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("path", String(repeating: "a/", count: 5000))) }
        #expect(throws: ArchiveError.self) { try readTar(withPax("mtime", "12x")) }
        #expect(
            try readTar(withPax("mtime", "-1.25")).first?.entry.modified
                == .init(seconds: -2, nanoseconds: 750_000_000))
    }

    @Test func negativeSize() throws {
        let tar = patched(try small()) { header in
            for index in 124..<136 { header[index] = 0xff }
        }
        #expect(throws: ArchiveError(.damaged, "entry \"a\"", "its size is negative")) { try readTar(tar) }
    }

    @Test func hugeExtendedHeader() throws {
        let tar = patched(try small()) { header in
            header[156] = UInt8(ascii: "x")
            header.replaceSubrange(124..<135, with: Array("00010000000".utf8))
        }
        #expect(throws: ArchiveError.self) { try readTar(tar) }
    }

    @Test(arguments: ["", "5", "99999 path=x\n", "8 =abcd\n", "5 a=\u{0}", "0 a=b\n", "-6 a=b\n", "6 a=bc\n"])
    func brokenRecords(_ text: String) throws {
        if text.isEmpty {
            #expect(try PaxRecords([], over: PaxRecords()).path == nil)
        } else {
            #expect(throws: ArchiveError.self) { try PaxRecords(Array(text.utf8), over: PaxRecords()) }
        }
    }

    @Test func sparseMapsThatLie() throws {
        func sparse(_ map: String, size: String, stored: Int) throws -> [UInt8] {
            let records =
                PaxRecords.format("GNU.sparse.map", Array(map.utf8))
                + PaxRecords.format("GNU.sparse.size", Array(size.utf8))
            let pax = try makeTar([(TarEntry(path: "p", kind: .file), records)])
            let file = try makeTar([(TarEntry(path: "f", kind: .file), sampleBytes(stored))])
            return Array(patched(pax) { $0[156] = UInt8(ascii: "x") }.dropLast(1024)) + file
        }
        #expect(try readTar(sparse("0,10,20,10", size: "100", stored: 20)).first?.data.count == 100)
        for (map, size, stored) in [
            ("0,10,5,10", "100", 20), ("0,10,20,10", "25", 20), ("0,10", "100", 20), ("0,10,20", "100", 10),
            ("0,9223372036854775807", "100", 10), ("9223372036854775807,10", "100", 10),
        ] {
            #expect(throws: ArchiveError.self, "\(map)") { try readTar(sparse(map, size: size, stored: stored)) }
        }
    }

    @Test func noTarAtAll() throws {
        #expect(throws: ArchiveError.self) { try readTar(sampleBytes(2000)) }
        #expect(throws: ArchiveError.self) { try readTar([]) }
        #expect(try readTar([UInt8](repeating: 0, count: 1024)).isEmpty)
        #expect(throws: ArchiveError.self) { try readTar([UInt8](repeating: 0, count: 512) + small()) }
    }

    /// Whatever bytes come, the answer is entries or an error.
    @Test func mutationsNeverCrash() throws {
        let tar = try small()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = patched(tar, at: [0, 3].randomElement(using: &random) ?? 0) { header in
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    header[Int.random(in: 0..<512, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            bytes.removeLast(Int.random(in: 0..<600, using: &random))
            _ = try? readTar(bytes)
        }
    }
}

@Suite struct BytePathTests {
    @Test func normalizes() {
        #expect(BytePath("/a//b/./c/").normalized == "a/b/c")
        #expect(BytePath("./").normalized == "")
        #expect(BytePath("/").normalized == "")
        #expect(BytePath("a/b").normalized == "a/b")
        #expect(BytePath("a/.b").normalized == "a/.b")
        #expect(BytePath("a/...").normalized == "a/...")
        #expect(BytePath("a/../b").normalized == nil)
        #expect(BytePath("..").normalized == nil)
        #expect(BytePath("a/..").normalized == nil)
    }

    @Test func parts() {
        #expect(BytePath("a/b/c").name == "c")
        #expect(BytePath("a/b/c").parent == "a/b")
        #expect(BytePath("a").parent == "")
        #expect(BytePath("a/b").depth == 2)
        #expect(BytePath("").depth == 0)
        #expect(BytePath("a/b").isAtOrBelow("a"))
        #expect(!BytePath("ab").isAtOrBelow("a"))
        #expect(BytePath([0x61, 0xff, 0x0a]).description == "a\\xff\\x0a")
    }
}
