import Archive
import Basics
import Glibc
import Kernel
import Testing

@testable import Storage

@Suite(.enabled(if: getuid() == 0, "needs root")) struct LayerDiffTests {
    /// A lower layer, a writable overlay on top of it, and what was changed in it.
    private final class Container {
        let scratch: LayerScratch
        let root: FileDescriptor
        var lower: String { scratch.layer }
        var upper: String { scratch.path + "/own-upper" }

        init(_ entries: [(TarEntry, [UInt8])]) throws {
            scratch = try LayerScratch()
            for name in ["own-upper", "own-work"] { try Sys.mkdir(scratch.path + "/" + name, mode: 0o755) }
            try unpack(entries, into: scratch.layer)
            root = try mountOverlay(
                [scratch.layer], upper: scratch.path + "/own-upper", work: scratch.path + "/own-work")
        }

        func changes(excluding: [BytePath] = []) throws -> [String] {
            let upper = try Sys.open(upper, O_RDONLY | O_DIRECTORY)
            let lowers = [SharedDescriptor(try Sys.open(lower, O_RDONLY | O_DIRECTORY))]
            return try LayerDiff.changes(upper: upper, lowers: lowers, excluding: excluding)
                .map { "\(["C", "A", "D"][$0.kind.rawValue]) \($0.path)" }
        }

        func layer(excluding: [BytePath] = [], withLowers: Bool = true) throws -> [UInt8] {
            let upper = try Sys.open(upper, O_RDONLY | O_DIRECTORY)
            let lowers = withLowers ? [SharedDescriptor(try Sys.open(lower, O_RDONLY | O_DIRECTORY))] : []
            let sink = MemorySink()
            let result = try LayerDiff.write(upper: upper, lowers: lowers, excluding: excluding, to: sink)
            #expect(result.diffID == SHA256Hasher.digest(of: sink.bytes))
            return sink.bytes
        }

        func paths(_ tar: [UInt8]) throws -> [String] {
            let reader = TarReader(MemorySource(tar))
            var result: [String] = []
            while let entry = try reader.next() {
                result.append("\(entry.path)" + (entry.kind == .hardLink ? " => \(entry.linkTarget)" : ""))
            }
            return result
        }

        func write(_ path: String, _ text: String) throws {
            let file = try Sys.open(at: root.raw, path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try file.writeAll(Array(text.utf8))
        }
    }

    private static let image: [(TarEntry, [UInt8])] = [
        directory("./"), directory("etc"), file("etc/passwd", "root"), file("etc/hosts", ""), directory("opt"),
        file("opt/a"),
        file("opt/b"), directory("opt/sub"), file("opt/sub/c"), directory("var"), file("var/x", "x"),
        file("same", "same"),
        directory("empty"),
    ]

    @Test func unchangedIsEmpty() throws {
        let container = try Container(Self.image)
        #expect(try container.changes() == [])
        #expect(try container.layer() == [UInt8](repeating: 0, count: 1024))
        // Opened for writing and left as it was: copied up, no change.
        _ = try Sys.open(at: container.root.raw, "same", O_WRONLY)
        _ = try Sys.open(at: container.root.raw, "etc/passwd", O_WRONLY)
        #expect(Sys.exists(container.upper + "/etc/passwd"))
        #expect(try container.changes() == [])
        #expect(try container.layer() == [UInt8](repeating: 0, count: 1024))
        // A mountpoint made for the container.
        try container.write("etc/resolv.conf", "")
        #expect(try container.layer(excluding: ["etc/resolv.conf"]) == [UInt8](repeating: 0, count: 1024))
        #expect(try container.changes(excluding: ["etc/resolv.conf"]) == [])
        #expect(try container.changes() == ["C /etc", "A /etc/resolv.conf"])
    }

    @Test func changesAreTold() throws {
        let container = try Container(Self.image)
        try container.write("etc/passwd", "root and more")
        try container.write("new", "new")
        try Sys.mkdir(at: container.root.raw, "dir")
        try container.write("dir/inside", "")
        try Sys.unlink(at: container.root.raw, "var/x")
        try Sys.removeTree(at: container.root.raw, "empty")
        try Sys.chmod(at: container.root.raw, "same", mode: 0o600)
        // Removed, and there again with less.
        try Sys.removeTree(at: container.root.raw, "opt")
        try Sys.mkdir(at: container.root.raw, "opt")
        try container.write("opt/b", "b")
        #expect(
            try container.changes()
                == [
                    "A /dir", "A /dir/inside", "D /empty", "C /etc", "C /etc/passwd", "A /new", "C /opt", "D /opt/a",
                    "C /opt/b", "D /opt/sub", "C /same", "C /var", "D /var/x",
                ].sorted { $0.dropFirst(2) < $1.dropFirst(2) })
        let tar = try container.layer()
        #expect(
            try container.paths(tar) == [
                ".wh.empty", "new", "same", "dir/", "dir/inside", "etc/", "etc/passwd", "opt/", "opt/.wh..wh..opq",
                "opt/b",
                "var/", "var/.wh.x",
            ])
        #expect(try container.layer() == tar)

        // Unpacked on top of the same lower layer it shows the same tree.
        let again = container.scratch.path + "/own-again"
        try Sys.mkdir(again)
        _ = try LayerUnpacker.unpack(MemorySource(tar), into: again)
        let merged = try mountOverlay([again, container.lower])
        let (before, after) = (try snapshot(container.root.procPath), try snapshot(merged.procPath))
        #expect(before.dropFirst() == after.dropFirst())
    }

    @Test func linksSocketsAndAttributes() throws {
        let container = try Container(Self.image)
        try container.write("one", "content")
        try Sys.link(at: container.root.raw, "one", to: container.root.raw, "two")
        try Sys.mknod(at: container.root.raw, "socket", mode: UInt32(S_IFSOCK) | 0o600)
        try Sys.mknod(at: container.root.raw, "null", mode: UInt32(S_IFCHR) | 0o600, major: 1, minor: 3)
        do {
            let file = try Sys.open(at: container.root.raw, "one", O_RDONLY)
            try file.setAttribute("user.mine", [1, 2])
        }
        let tar = try container.layer()
        #expect(try container.paths(tar) == ["null", "one", "two => one"])
        let reader = TarReader(MemorySource(tar))
        var attributes: [ExtendedAttribute] = []
        while let entry = try reader.next() { attributes += entry.attributes }
        #expect(attributes == [.init(name: "user.mine", value: [1, 2])])
        #expect(try container.paths(try container.layer(withLowers: false)) == ["null", "one", "two => one"])
    }

    @Test func coveredByAnOpaqueDirectory() throws {
        let container = try Container([directory("./"), directory("d"), directory("d/e"), file("d/e/f", "same")])
        try Sys.removeTree(at: container.root.raw, "d")
        try Sys.makeDirectories(container.root.procPath + "/d/e")
        for path in ["d/e", "d"] {
            try Sys.setTimes(
                at: container.root.raw, path, accessed: .init(seconds: 1, nanoseconds: 0),
                modified: .init(seconds: 1000, nanoseconds: 0))
        }
        // An empty directory like that of the lower layer is no change, but the layer must have it.
        #expect(try container.paths(try container.layer()) == ["d/", "d/.wh..wh..opq", "d/e/"])
        #expect(try container.changes() == ["C /d", "C /d/e", "D /d/e/f"])
    }

    @Test func redirectedDirectoriesAreRefused() throws {
        let container = try Container(Self.image)
        try Sys.mkdir(container.upper + "/moved")
        let moved = try Sys.open(container.upper + "/moved", O_RDONLY)
        try moved.setAttribute("trusted.overlay.redirect", Array("/etc".utf8))
        #expect(throws: ArchiveError.self) { try container.layer() }
    }
}
