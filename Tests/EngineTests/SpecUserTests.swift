import Glibc
import Kernel
import Testing

@testable import Engine

@Suite struct SpecUserTests {
    static let database = UserDatabase(
        passwd: Array(
            """
            # comment
            root:x:0:0:root:/root:/bin/sh
            app:x:1000:1001:App:/home/app:/bin/sh
            1000:x:0:0:trap:/trap:/bin/sh
            daemon:x:1:1
            huge:x:4294967296:0::/:
            minus:x:-1:0::/:
            odd:x:7:7:odd:../etc:/bin/sh
            wild:x:8:8:wild:/a\u{1}b:/bin/sh
            incomplete:x
            :::
            """.utf8),
        group: Array(
            """
            root:x:0:
            app:x:1001:
            audio:x:29:app,other
            video:x:44:other,app
            app2:x:45:xapp,appx
            1001:x:0:
            bad:x:99999999999:app
            nomembers:x:50
            """.utf8))

    @Test(
        arguments: [
            ("", 0, 0, [0], "/root"), ("root", 0, 0, [0], "/root"), ("0", 0, 0, [0], "/root"),
            ("app", 1000, 1001, [1001, 29, 44], "/home/app"),
            // A number is an id, whatever a line is called.
            ("1000", 1000, 1001, [1001, 29, 44], "/home/app"), ("1000:", 1000, 1001, [1001, 29, 44], "/home/app"),
            ("app:audio", 1000, 29, [29], "/home/app"), ("app:1001", 1000, 1001, [1001], "/home/app"),
            ("4242", 4242, 0, [0], "/"), ("4242:7", 4242, 7, [7], "/"), (":44", 0, 44, [44], "/root"),
            ("1", 1, 1, [1], "/"), ("2147483647", 2_147_483_647, 0, [0], "/"), ("odd", 7, 7, [7], "/"),
            ("wild", 8, 8, [8], "/"), ("007", 7, 7, [7], "/"),
        ] as [(String, UInt32, UInt32, [UInt32], String)])
    func found(text: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String) throws {
        let user = try UserLookup.resolve(text, in: Self.database)
        #expect(user == ResolvedUser(uid: uid, gid: gid, additionalGids: groups, home: home))
    }

    @Test(arguments: [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("app:nogroup", "unable to find group nogroup: no matching entries in group file"),
        ("4294967296", "uids and gids must be in range 0-2147483647, and 4294967296 is not"),
        ("2147483648", "uids and gids must be in range 0-2147483647, and 2147483648 is not"),
        ("99999999999999999999999", "uids and gids must be in range 0-2147483647, and 99999999999999999999999 is not"),
        ("0:4294967296", "uids and gids must be in range 0-2147483647, and 4294967296 is not"),
        ("-1", "unable to find user -1: no matching entries in passwd file"),
        ("0x0", "unable to find user 0x0: no matching entries in passwd file"),
        ("+1", "unable to find user +1: no matching entries in passwd file"),
        ("huge", "unable to find user huge: no matching entries in passwd file"),
        ("minus", "unable to find user minus: no matching entries in passwd file"),
        ("incomplete", "unable to find user incomplete: no matching entries in passwd file"),
        ("app:bad", "unable to find group bad: no matching entries in group file"),
        ("app:a:b", "unable to find group a:b: no matching entries in group file"),
    ])
    func refused(text: String, message: String) {
        #expect(refusal { _ = try UserLookup.resolve(text, in: Self.database) } == message)
    }

    @Test func withoutFiles() throws {
        let nothing = UserDatabase()
        #expect(try UserLookup.resolve("", in: nothing) == ResolvedUser())
        #expect(try UserLookup.resolve("5:6", in: nothing).gid == 6)
        #expect(refusal { _ = try UserLookup.resolve("root", in: nothing) } != nil)
    }

    @Test func furtherGroups() throws {
        let user = try UserLookup.resolve("app", groups: ["audio", "7", "1001"], in: Self.database)
        #expect(user.additionalGids == [1001, 29, 44, 7])
        #expect(
            refusal { _ = try UserLookup.resolve("", groups: ["x"], in: Self.database) }?.contains("group x") == true)
    }

    @Test func manyLines() throws {
        // As large as it may be, of the lines that cost most.
        let passwd = [UInt8](repeating: UInt8(ascii: "\n"), count: 2 << 20) + Array("a:b:1:2:::\n".utf8)
        let group = Array(String(repeating: "g:x:5:a\n", count: 100_000).utf8)
        let user = try UserLookup.resolve("a", in: UserDatabase(passwd: passwd, group: group))
        #expect(user.additionalGids == [2, 5])
    }

    @Test func filesOfTheImage() throws {
        let top = "/tmp/box-spec-test-\(getpid())"
        try Sys.mkdir(top, mode: 0o700)
        try Sys.mkdir(top + "/etc", mode: 0o700)
        defer {
            for name in ["etc/passwd", "etc/group"] { _ = unlink(top + "/" + name) }
            _ = rmdir(top + "/etc")
            _ = rmdir(top)
        }
        func read() throws -> UserDatabase { try UserDatabase.read(try RootedDirectory(path: top)) }
        func write(_ name: String, _ count: Int) throws {
            let file = try Sys.open(top + "/etc/" + name, O_WRONLY | O_CREAT, mode: 0o600)
            #expect(ftruncate(file.raw, count) == 0)
        }

        #expect(try read().passwd.isEmpty)
        try write("passwd", 10)
        #expect(try read().passwd.count == 10)
        try write("group", 1 << 32)
        #expect(refusal { _ = try read() } == "the container's /etc/group is larger than 4 MiB")
        _ = unlink(top + "/etc/group")
        #expect(mkfifo(top + "/etc/group", 0o600) == 0)
        #expect(refusal { _ = try read() } == "the container's /etc/group is not a regular file")
        _ = unlink(top + "/etc/group")
        // Of the host this would be a file; in the image there is none.
        try Sys.symlink("/../../../../etc/group", at: Sys.currentDirectory, top + "/etc/group")
        #expect(refusal { _ = try read() }?.contains("/etc/group") == true)
    }
}
