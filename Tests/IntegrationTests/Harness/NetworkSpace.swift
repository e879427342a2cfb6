import Glibc
import Kernel
import Testing

/// A network namespace, and programs in it.
final class NetworkSpace {
    /// What keeps it alive; nil for somebody else's.
    private let holder: Running?
    private let path: String

    /// A new one, with nothing but its loopback up.
    init() throws {
        let holder = try Running("unshare", ["--net", "sleep", "100000"])
        self.holder = holder
        path = "/proc/\(holder.pid)/ns/net"
        let ours = try Sys.readlink("/proc/self/ns/net")
        try eventually("a network namespace is made") { try Sys.readlink("/proc/\(holder.pid)/ns/net") != ours }
        try expect("ip", "link", "set", "lo", "up")
    }

    /// That of a process: of a container's first one, for example.
    init(of pid: String) {
        holder = nil
        path = "/proc/\(pid)/ns/net"
    }

    deinit { try? holder?.signal(SIGKILL) }

    /// The command line of a program in it, for `Running`.
    func command(_ program: String, _ arguments: [String]) -> (String, [String]) {
        ("nsenter", ["--net=\(path)", Programs.find(program) ?? program] + arguments)
    }

    func start(_ program: String, _ arguments: [String]) throws -> Running {
        let (program, arguments) = command(program, arguments)
        return try Running(program, arguments)
    }

    func run(_ program: String, _ arguments: [String], input: [UInt8]? = nil) throws -> Outcome {
        let (program, arguments) = command(program, arguments)
        return try Running.run(program, arguments, input: input)
    }

    /// It has to succeed: its output.
    @discardableResult
    func expect(_ program: String, _ arguments: String...) throws -> String {
        let outcome = try run(program, arguments)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
        return outcome.output.trimmed
    }

    // MARK: - Clients and servers

    /// What a web server says; nil when nothing comes.
    func fetch(_ url: String, within seconds: Double = 5, _ options: String...) throws -> String? {
        let outcome = try run("curl", ["-sf", "--max-time", "\(seconds)", "--noproxy", "*"] + options + [url])
        return outcome.status == 0 ? outcome.output.trimmed : nil
    }

    /// What a UDP server says; nil when nothing comes.
    func ask(_ address: String, _ port: Int, within seconds: Double = 1) throws -> String? {
        let program = """
            import socket, sys
            s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(float(sys.argv[3])); s.sendto(b"question", (sys.argv[1], int(sys.argv[2])))
            print(s.recv(2000).decode())
            """
        let outcome = try run(Self.python, ["-c", program, address, "\(port)", "\(seconds)"])
        return outcome.status == 0 ? outcome.output.trimmed : nil
    }

    /// Answers every UDP packet with the address that it came from, and prints that.
    func echoUDP(_ address: String, _ port: Int) throws -> Running {
        try server(
            """
            import socket, sys
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], int(sys.argv[2])))
            print("ready", flush=True)
            while True:
                data, peer = s.recvfrom(2000); print(peer[0], flush=True); s.sendto(peer[0].encode(), peer)
            """, address, "\(port)")
    }

    /// Listens and does nothing more.
    func occupy(_ address: String, _ port: Int) throws -> Running {
        try server(
            """
            import socket, sys, time
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(); print("ready", flush=True); time.sleep(1000)
            """, address, "\(port)")
    }

    /// A name server to which every name has the address 203.0.113.7; prints the names that it is asked.
    func nameServer(_ address: String) throws -> Running {
        try server(
            """
            import socket, struct, sys
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 53))
            print("ready", flush=True)
            while True:
                data, peer = s.recvfrom(2000)
                end, labels = 12, []
                while data[end]:
                    labels.append(data[end + 1:end + 1 + data[end]].decode()); end += 1 + data[end]
                question = data[12:end + 5]
                wanted = struct.unpack("!H", data[end + 1:end + 3])[0]
                print(".".join(labels), flush=True)
                answer = question[:0]
                if wanted == 1: answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x05\\0\\4" + bytes([203, 0, 113, 7])
                head = data[:2] + b"\\x81\\x80\\0\\1" + struct.pack("!H", 1 if answer else 0) + b"\\0\\0\\0\\0"
                s.sendto(head + question + answer, peer)
            """, address)
    }

    /// Sends one frame on an interface: what no decent program would.
    func send(frame: String, on interface: String, _ arguments: String...) throws {
        let outcome = try run(Self.python, ["-c", Self.frames, frame, interface] + arguments)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
    }

    /// `udp DESTINATION-MAC SOURCE DESTINATION PORT`, and `announcement`: a router that there is not, with a prefix.
    private static let frames = """
        import socket, struct, sys
        def checksum(data):
            data += b"\\0" * (len(data) % 2)
            total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
            while total >> 16: total = (total & 0xffff) + (total >> 16)
            return ~total & 0xffff
        kind, interface = sys.argv[1:3]
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((interface, 0))
        own = s.getsockname()[4]
        if kind == "udp":
            mac, source, target, port = sys.argv[3:]
            packet = struct.pack("!HHHH", 4000, int(port), 8 + 6, 0) + b"forged"
            head = lambda sum: struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(packet), 1, 0, 64, 17, sum) \\
                + socket.inet_aton(source) + socket.inet_aton(target)
            s.send(bytes.fromhex(mac.replace(":", "")) + own + b"\\x08\\0" + head(checksum(head(0))) + packet)
        else:
            source, target = socket.inet_pton(socket.AF_INET6, "fe80::bad"), socket.inet_pton(socket.AF_INET6, "ff02::1")
            prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 7200, 7200, 0) \\
                + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
            body = lambda sum: struct.pack("!BBHBBHII", 134, 0, sum, 64, 0, 1800, 0, 0) + b"\\1\\1" + own + prefix
            pseudo = source + target + struct.pack("!II", len(body(0)), 58)
            s.send(bytes.fromhex("333300000001") + own + b"\\x86\\xdd" + struct.pack("!IHBB", 6 << 28, len(body(0)), 58, 255)
                + source + target + body(checksum(pseudo + body(0))))
        """

    private static let python = "/usr/bin/python3"

    private func server(_ program: String, _ arguments: String...) throws -> Running {
        let running = try start(Self.python, ["-c", program] + arguments)
        try eventually("a server is ready") {
            if !running.isRunning { throw Trouble(try running.wait().description) }
            return running.output.hasPrefix("ready")
        }
        return running
    }
}

/// A host of a daemon's own, and a neighbour on the same wire, which sends through it whatever it does not know.
///
///     neighbour (192.0.2.2, 2001:db8::2) ---- lan0 host (192.0.2.1, 2001:db8::1) ---- bridges ---- containers
///
/// What is done to this host is not done to the machine.
struct Lan {
    let host: NetworkSpace
    let neighbour: NetworkSpace

    static let hostAddress = "192.0.2.1"
    static let neighbourAddress = "192.0.2.2"

    init() throws {
        host = try NetworkSpace()
        neighbour = try NetworkSpace()
        try host.expect("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", neighbour.id)
        for (space, link, v4, v6) in [
            (host, "lan0", Self.hostAddress, "2001:db8::1"), (neighbour, "eth0", Self.neighbourAddress, "2001:db8::2"),
        ] {
            try space.expect("ip", "address", "add", "\(v4)/24", "dev", link)
            try space.expect("ip", "address", "add", "\(v6)/64", "dev", link, "nodad")
            try space.expect("ip", "link", "set", link, "up")
        }
        try neighbour.expect("ip", "route", "add", "default", "via", Self.hostAddress)
        try neighbour.expect("ip", "-6", "route", "add", "default", "via", "2001:db8::1")
    }

    /// Links, rules, and how many connections the host remembers. The ends of namespaces that are prepared for
    /// containers to come have a name of their own each, and count.
    func state() throws -> String {
        let links = try host.expect("ip", "-o", "link").lines.map { line in
            let name = line.split(separator: ":").dropFirst().first.map(String.init)?.trimmed ?? ""
            return name.hasPrefix("vb") ? "prepared" : name
        }
        let rules = try host.expect("nft", "list", "ruleset")
        let connections = try host.expect("cat", "/proc/sys/net/netfilter/nf_conntrack_count")
        return "links \(links.sorted()), connections \(connections), rules \(rules)"
    }

    static let tools = ["ip", "nft", "nsenter", "unshare", "curl"]
    /// Whether this machine has what these tests use beside Box.
    static let isPossible =
        Programs.areReady && tools.allSatisfy { Programs.find($0) != nil } && Sys.exists("/usr/bin/python3")
    static let need: Comment = "needs what Box's other tests need, and iproute2, nftables, curl and python3"
}

extension NetworkSpace {
    /// For `ip … netns ID`.
    fileprivate var id: String { String(path.split(separator: "/")[1]) }
}

/// As `withDaemon`, on a host of the daemon's own.
func withLan(
    images: [String] = ["busybox"], options: [String] = [], _ body: (Daemon, Lan) throws -> Void
) throws {
    let lan = try Lan()
    try withDaemon(images: images, options: options, in: lan.host) { try body($0, lan) }
    withExtendedLifetime(lan) {}
}

extension Daemon {
    /// What a web server says to a busybox in a container; nil when nothing comes. Debian's static busybox has no wget
    /// that works.
    func fetch(from container: String, _ host: String, _ port: Int = 80, within seconds: Int = 3) throws -> String? {
        let program = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout \(seconds) nc -w \(seconds) \(host) \(port)"
        let answer = try run("exec", container, "sh", "-c", program).output
        guard answer.hasPrefix("HTTP/1.") else { return nil }
        return answer.firstSplit(at: "\r\n\r\n").1.trimmed
    }
}
