import Glibc
import Testing

@testable import Kernel

@Suite struct RemoveTreeTests {
    @Test func deeperThanPathsAndDescriptors() throws {
        let scratch = try Scratch()
        try Sys.mkdir(scratch.path + "/tree")
        do {
            var current = try Sys.open(scratch.path + "/tree", O_RDONLY | O_DIRECTORY)
            for level in 0..<3000 {
                try Sys.mkdir(at: current.raw, "directory", mode: 0o755)
                if level % 100 == 0 { try Sys.mknod(at: current.raw, "file", mode: UInt32(S_IFREG) | 0o600) }
                current = try Sys.open(at: current.raw, "directory", O_RDONLY | O_DIRECTORY)
            }
        }
        try Sys.removeTree(scratch.path + "/tree")
        #expect(!Sys.exists(scratch.path + "/tree"))
    }

    @Test func namesThatAreNoText() throws {
        let scratch = try Scratch()
        try Sys.makeDirectories(scratch.path + "/tree")
        do {
            let tree = try Sys.open(scratch.path + "/tree", O_RDONLY | O_DIRECTORY)
            let name: [CChar] = [-1, -2, 0]
            try Sys.mkdir(at: tree.raw, entry: name, mode: 0o755)
            let inner = try Sys.open(at: tree.raw, entry: name, O_RDONLY | O_DIRECTORY)
            try Sys.mknod(at: inner.raw, entry: name, mode: UInt32(S_IFREG) | 0o600, major: 0, minor: 0)
        }
        try Sys.symlink("/etc", scratch.path + "/tree/link")
        try Sys.removeTree(scratch.path + "/tree")
        #expect(!Sys.exists(scratch.path + "/tree"))
        #expect(Sys.exists("/etc/passwd"))
    }

    @Test func nothingIsFine() throws {
        try Sys.removeTree("/tmp/box-kernel-test-that-is-not-there")
    }
}
