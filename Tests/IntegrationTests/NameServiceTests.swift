import Basics
import Glibc
import Kernel
import Synchronization
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need), .timeLimit(.minutes(5)))
struct NameServiceTests {
    private static let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    private static let sleeping = ["busybox", "sleep", "10000"]

    private func address(_ box: Daemon, _ container: String) throws -> String {
        try box.inspect(container, Self.address).trimmed
    }

    /// What `name` stands for inside a container, in the order of the answer; empty when it stands for nothing.
    private func ask(_ box: Daemon, _ container: String, _ name: String) throws -> [String] {
        let outcome = try box.run("exec", container, "nslookup", name)
        return addresses(outcome.output)
    }

    private func addresses(_ output: String) -> [String] {
        // The first address is the server's own.
        output.lines.filter { $0.hasPrefix("Address: ") && !$0.contains("127.0.0.11") }.map {
            String($0.dropFirst(9)).trimmed
        }
    }

    @Test("Names, short ids and aliases; with several addresses in turns; and back from an address to a name")
    func names() throws {
        try withDaemon { box in
            try box.box("network", "create", "net")
            let web = try box.box(["run", "-d", "--name", "web", "--network", "net"] + Self.sleeping)
            var addresses: Set<String> = []
            for name in ["one", "two"] {
                try box.box(
                    ["run", "-d", "--name", name, "--network", "net", "--network-alias", "both"] + Self.sleeping)
                addresses.insert(try address(box, name))
            }
            let own = try address(box, "web")
            for name in ["web", "WEB", String(web.prefix(12)), "web.net"] {
                #expect(try ask(box, "one", name) == [own], "\(name)")
            }
            var first: [String: Int] = [:]
            for _ in 0..<6 {
                let answer = try ask(box, "web", "both")
                #expect(Set(answer) == addresses && answer.count == 2)
                first[answer.first ?? "", default: 0] += 1
            }
            #expect(Set(first.values) == [3], "\(first)")
            #expect(try box.run("exec", "one", "nslookup", own).output.contains("name = web.net"))
            #expect(try box.box("exec", "one", "ping", "-c", "1", "-W", "2", "web").contains("(\(own))"))
            // The default network has no names.
            try box.box(["run", "-d", "--name", "outside", "--dns", "127.0.0.1"] + Self.sleeping)
            #expect(try ask(box, "outside", "web").isEmpty)
            #expect(try ask(box, "one", "outside").isEmpty)
        }
    }

    @Test("Names follow their containers: renamed, connected, disconnected, stopped, started again")
    func changes() throws {
        try withDaemon { box in
            try box.box("network", "create", "net")
            try box.box(["run", "-d", "--name", "asker", "--network", "net"] + Self.sleeping)
            try box.box(["run", "-d", "--name", "before"] + Self.sleeping)
            #expect(try ask(box, "asker", "before").isEmpty)
            // It had no name server when it started.
            try box.box("network", "connect", "--alias", "other", "net", "before")
            #expect(try ask(box, "before", "asker") == [try address(box, "asker")])
            #expect(try ask(box, "asker", "before").count == 1)
            #expect(try ask(box, "asker", "other").count == 1)
            try box.box("rename", "before", "after")
            #expect(try ask(box, "asker", "before").isEmpty)
            #expect(try ask(box, "asker", "after").count == 1)
            try box.box("network", "disconnect", "net", "after")
            #expect(try ask(box, "asker", "after").isEmpty)
            #expect(try ask(box, "asker", "other").isEmpty)
            #expect(try ask(box, "after", "asker").isEmpty)
            try box.box("network", "connect", "net", "after")
            #expect(try ask(box, "after", "asker").count == 1)
            try box.box("stop", "-t", "0", "after")
            #expect(try ask(box, "asker", "after").isEmpty)
            try box.box("start", "after")
            #expect(try ask(box, "asker", "after").count == 1)
            #expect(try ask(box, "after", "asker").count == 1)
        }
    }

    @Test("kill -9 of boxd: names go on, and those of the next boxd are known")
    func killed() throws {
        try withDaemon { box in
            try box.box("network", "create", "net")
            try box.box(["run", "-d", "--name", "web", "--network", "net"] + Self.sleeping)
            let loop = "while :; do nslookup web >/tmp/out 2>&1 && echo yes || cat /tmp/out; sleep 0.05; done"
            let asker = try box.box("run", "-d", "--name", "asker", "--network", "net", "busybox", "sh", "-c", loop)
            try eventually("it asks") { try box.box("logs", asker).lines.count > 5 }
            try box.kill()
            pause(1.5)
            try box.start()
            pause(0.5)
            try box.box("stop", "-t", "0", asker)
            let lines = try box.box("logs", asker).lines
            #expect(lines.count > 20)
            #expect(lines.allSatisfy { $0 == "yes" }, "\(lines.filter { $0 != "yes" }.prefix(5))")
            try box.box(["run", "-d", "--name", "late", "--network", "net"] + Self.sleeping)
            try box.box("start", asker)
            #expect(try ask(box, asker, "late") == [try address(box, "late")])
            #expect(try ask(box, "late", "web") == [try address(box, "web")])
        }
    }

    @Test("Other names: the host's servers are asked, those on its loopback too; of internal networks nothing leaves")
    func others() throws {
        try withDaemon { box in
            let server = try NameServerOnHost()
            try box.box("network", "create", "open")
            try box.box("network", "create", "--internal", "closed")
            let dns = ["run", "-d", "--dns", server.address]
            try box.box(dns + ["--name", "free", "--network", "open"] + Self.sleeping)
            #expect(try ask(box, "free", "example.org").first == "192.0.2.77")
            #expect(server.count > 0)
            try box.box(dns + ["--name", "held", "--network", "closed"] + Self.sleeping)
            try box.box(dns + ["--name", "other", "--network", "closed"] + Self.sleeping)
            let before = server.count
            for kind in ["a", "aaaa", "txt", "mx", "ptr"] {
                let outcome = try box.run("exec", "held", "nslookup", "-type=\(kind)", "secret.example.org")
                #expect(outcome.output.contains("SERVFAIL"), "\(outcome)")
            }
            #expect(server.count == before)
            #expect(try ask(box, "held", "other") == [try address(box, "other")])
            // On both it may ask; and not any more when the other is gone.
            try box.box("network", "connect", "open", "held")
            #expect(try ask(box, "held", "example.org").first == "192.0.2.77")
            try box.box("network", "disconnect", "open", "held")
            let open = server.count
            #expect(try ask(box, "held", "example.org").isEmpty)
            #expect(server.count == open)
        }
    }

    @Test("A container on such a network can be a name server itself")
    func ownServer() throws {
        try withDaemon { box in
            try box.box("network", "create", "net")
            let script = "while nc -l -p 53 -e echo mine; do :; done"
            try box.box("run", "-d", "--name", "dns", "--network", "net", "busybox", "sh", "-c", script)
            try box.box(["run", "-d", "--name", "asker", "--network", "net"] + Self.sleeping)
            try eventually("it listens on the port") {
                try box.run("exec", "asker", "timeout", "1", "nc", "dns", "53").output.trimmed == "mine"
            }
            #expect(try ask(box, "dns", "asker") == [try address(box, "asker")])
        }
    }
}

/// A name server on the host's loopback, to which every name is one address.
private final class NameServerOnHost: Sendable {
    let address: String
    private let socket: SharedDescriptor
    private let questions = Atomic<Int>(0)
    private let isOver = Condition(false)

    var count: Int { questions.load(ordering: .relaxed) }

    init() throws {
        let bytes: [UInt8] = [127, 77, UInt8(getpid() >> 8 & 0x7f), UInt8(getpid() & 0x7f) + 1]
        address = bytes.map(String.init).joined(separator: ".")
        socket = SharedDescriptor(try Sys.bindInternet(.datagram, bytes, port: 53))
        try Thread.start(name: "names") { [socket, weak self] in
            let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
            defer { space.deallocate() }
            while let self, !self.isOver.withLock({ $0 }) {
                guard (try? Sys.poll(socket.raw, for: .reading, timeout: 50)) == true,
                    let (count, source) = try? Sys.receiveDatagram(socket.raw, into: space), count > 16
                else { continue }
                self.questions.wrappingAdd(1, ordering: .relaxed)
                var message = Array(space[..<count])
                message.replaceSubrange(2..<4, with: [0x81, 0x80])
                if message[(count - 4)...] == [0, 1, 0, 1] {
                    message[7] = 1
                    message += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 77]
                }
                _ = try? Sys.sendDatagram(socket.raw, message, to: source)
            }
        }
    }

    deinit { isOver.withLock { $0 = true } }
}
