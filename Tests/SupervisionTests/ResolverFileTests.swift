import Basics
import Kernel
import Supervision
import Testing

@Suite struct ResolverFileTests {
    @Test func comesBack() throws {
        let loopback = try #require(IPAddress("127.0.0.53"))
        let six = try #require(IPAddress("2001:db8::1"))
        var file = ResolverFile()
        #expect(ResolverFile(parsing: file.encoded) == file)
        file.networks = ["/run/box/networks/1/names", "/run/a dir/names"]
        file.upstreams = [.init(loopback), .init(six, port: 5353), .init(six)]
        file.isInternal = true
        #expect(ResolverFile(parsing: file.encoded) == file)
        let scratch = try ScratchDirectory()
        let files = RunFiles(directory: scratch.path)
        #expect(throws: SyscallError.self) { try ResolverFile.read(files.resolver) }
        try file.write(files.resolver)
        #expect(try ResolverFile.read(files.resolver) == file)
    }

    @Test func passesOverWhatItDoesNotKnow() throws {
        let text = """
            box-resolver 7
            network
            upstream 1.2.3
            upstream 1.2.3.4#0
            upstream 1.2.3.4#x
            upstream 1.2.3.4#70000
            upstream 1.2.3.4#53
            internal no
            search example.org

            rubbish
            """
        let one = try #require(IPAddress("1.2.3.4"))
        #expect(ResolverFile(parsing: text) == ResolverFile(upstreams: [.init(one)]))
    }
}
