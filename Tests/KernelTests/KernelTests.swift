import Glibc
import Testing

@testable import Kernel

/// A directory of the test's own, removed with it.
final class Scratch {
    let path: String
    init() throws {
        path = "/tmp/box-kernel-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path)
    }
    deinit { try? Sys.removeTree(path) }
}

@Suite struct RootedDirectoryTests {
    @Test func symlinksStayInside() throws {
        let scratch = try Scratch()
        try Sys.makeDirectories(scratch.path + "/root/etc")
        try Sys.replaceFile(scratch.path + "/outside", Array("secret".utf8))
        try Sys.replaceFile(scratch.path + "/root/etc/inside", Array("mine".utf8))
        try Sys.symlink("/etc/inside", scratch.path + "/root/absolute")
        try Sys.symlink("../../../../../../..\(scratch.path)/outside", scratch.path + "/root/escape")
        let root = try RootedDirectory(path: scratch.path + "/root")
        #expect(try root.readFile("/absolute", limit: 100) == Array("mine".utf8))
        #expect(throws: SyscallError.self) { try root.readFile("/escape", limit: 100) }
        #expect(try root.readFile("../../etc/inside", limit: 100) == Array("mine".utf8))
    }

    @Test func fifoDoesNotHang() throws {
        let scratch = try Scratch()
        try Sys.mknod(scratch.path + "/fifo", mode: UInt32(S_IFIFO) | 0o600)
        let root = try RootedDirectory(path: scratch.path)
        #expect(throws: SyscallError.self) { try root.readFile("fifo", limit: 100) }
    }

    @Test func makesMissingParents() throws {
        let scratch = try Scratch()
        try Sys.makeDirectories(scratch.path + "/root/real")
        try Sys.symlink("/real", scratch.path + "/root/link")
        let root = try RootedDirectory(path: scratch.path + "/root")
        _ = try root.makeDirectories("/link/a/b")
        #expect(Sys.exists(scratch.path + "/root/real/a/b"))
        let name = try root.parent(of: "/link/a/file")?.name
        #expect(name == "file")
    }
}

@Suite struct SpawnTests {
    @Test func onlyTheGivenDescriptors() throws {
        var pipe = try Sys.pipe()
        let read = pipe.takeFirst()
        let write = pipe.takeSecond()
        let process = try Spawn("/bin/ls", ["/proc/self/fd"], descriptors: [nil, write.raw, nil]).start()
        try write.close()
        let text = String(decoding: try read.readAll(), as: UTF8.self)
        // ls itself opens the directory as descriptor 3.
        #expect(text == "0\n1\n2\n3\n")
        #expect(try Processes.wait(process.pidfd)?.code == 0)
    }

    @Test func missingProgramIsAnError() {
        #expect(throws: SyscallError.self) { _ = try Spawn("/no/such/program", []).start().pid }
    }
}
