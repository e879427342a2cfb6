import Basics

/// What the command line asks for.
struct Options: Sendable {
    struct Failure: Error {
        let message: String
    }

    static let usage = """
        usage: swap-load [OPTION…] http://ADDRESS:PORT

        Sends requests to the demo server `web` and counts what becomes of each; none is ever sent twice. Prints one JSON
        object at the end: when all requests are done, the time is over, or at SIGTERM or SIGINT, after which requests under
        way are still answered. Exits with 1 when a request failed, with 2 when it could not start.

          --keep-alive N      clients that keep their connections (32)
          --single N          clients that make a connection for each request (32)
          --post PERCENT      of the requests are POSTs (5)
          --slow PERCENT      of the requests ask for a late answer (0)
          --slow-ms MS        how late (2000)
          --requests N        ends after so many
          --duration SECONDS  ends after so long (10, when neither is given)
          --rate N            at most so many requests a second (0: as fast as answers come)
          --timeout SECONDS   for a connection with its answer (10)
          --versions LIST     allowed versions, separated by commas; a * at the end stands for any ending
          --sources NET       uses all addresses of the IPv4 subnet for its side of connections
          --host NAME         the field Host (ADDRESS:PORT)
          --threads N         (1)
          --live FILE         writes one line of JSON a second; - is the standard error

        """

    static let mostClients = 4096

    var keepAlive = 32
    var single = 32
    /// In hundredths of a percent.
    var posts = 500
    var slow = 0
    var slowMilliseconds = 2000
    var requests: Int?
    /// Nanoseconds.
    var duration: Int64?
    var rate = 0
    var timeout: Int64 = 10_000_000_000
    var versions: [String] = []
    /// 4 bytes each; empty: the kernel chooses.
    var sources: [[UInt8]] = []
    var host = ""
    var threads = 1
    var live: String?
    var address: [UInt8] = []
    var port: UInt16 = 80

    init(_ arguments: [String]) throws(Failure) {
        var target: String?
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if !argument.hasPrefix("-") {
                guard target == nil else { throw Failure(message: "there is one target, not also \(argument)") }
                target = argument
                continue
            }
            guard let value = rest.popFirst() else { throw Failure(message: "\(argument) needs a value") }
            try set(argument, value)
        }
        guard let target else { throw Failure(message: "no target is given: http://ADDRESS:PORT") }
        try setTarget(target)
        guard 1...Self.mostClients ~= keepAlive + single else {
            throw Failure(message: "there can be 1 to \(Self.mostClients) clients, not \(keepAlive + single)")
        }
        if requests == nil && duration == nil { duration = 10_000_000_000 }
    }

    private mutating func set(_ name: String, _ value: String) throws(Failure) {
        switch name {
        case "--keep-alive": keepAlive = try Self.number(name, value, 0...Self.mostClients)
        case "--single": single = try Self.number(name, value, 0...Self.mostClients)
        case "--post": posts = try Self.hundredths(name, value)
        case "--slow": slow = try Self.hundredths(name, value)
        case "--slow-ms": slowMilliseconds = try Self.number(name, value, 0...600_000)
        case "--requests": requests = try Self.number(name, value, 1...1_000_000_000)
        case "--duration": duration = try Self.seconds(name, value)
        case "--rate": rate = try Self.number(name, value, 0...1_000_000)
        case "--timeout": timeout = try Self.seconds(name, value)
        case "--versions": versions = value.split(separator: ",").map(String.init)
        case "--sources": try setSources(value)
        case "--host": host = value
        case "--threads": threads = try Self.number(name, value, 1...16)
        case "--live": live = value
        default: throw Failure(message: "there is no option \(name)")
        }
    }

    private mutating func setTarget(_ target: String) throws(Failure) {
        let wrong = Failure(message: "the target is \(target); it is http://ADDRESS:PORT, with an IPv4 address")
        guard target.hasPrefix("http://") else { throw wrong }
        let place = target.dropFirst(7).prefix { $0 != "/" }
        let parts = place.split(separator: ":", omittingEmptySubsequences: false)
        guard let first = parts.first, let parsed = IPAddress(first), parsed.family == .v4, parts.count <= 2,
            let number = parts.count == 2 ? UInt16(parts[1]) : 80
        else { throw wrong }
        (address, port) = (parsed.bytes, number)
        if host.isEmpty { host = String(place) }
    }

    private mutating func setSources(_ text: String) throws(Failure) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let first = IPAddress(parts[0]), first.family == .v4, let bits = Int(parts[1]),
            20...32 ~= bits
        else { throw Failure(message: "--sources is \(text); it is an IPv4 subnet with 20 to 32 bits: 127.0.1.0/26") }
        let size = UInt128(1) << UInt128(32 - bits)
        let base = first.number / size * size
        sources = (0..<size).map { IPAddress(.v4, base + $0).bytes }
        // The network's own address and the one for all are nobody's, outside of loopback.
        if sources.count > 2 { sources = Array(sources.dropFirst().dropLast()) }
    }

    private static func number(_ name: String, _ text: String, _ range: ClosedRange<Int>) throws(Failure) -> Int {
        guard let value = Int(text), range ~= value else {
            throw Failure(message: "\(name) is \(text); it is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func hundredths(_ name: String, _ text: String) throws(Failure) -> Int {
        guard let value = Double(text), 0...100 ~= value else {
            throw Failure(message: "\(name) is \(text); it is a percentage from 0 to 100")
        }
        return Int(value * 100)
    }

    private static func seconds(_ name: String, _ text: String) throws(Failure) -> Int64 {
        guard let value = Double(text), 0.001...86400 ~= value else {
            throw Failure(message: "\(name) is \(text); it is seconds from 0.001 to 86400")
        }
        return Int64(value * 1e9)
    }

    /// Whether `--versions` allows what answered.
    func allows(_ version: some Collection<UInt8>) -> Bool {
        versions.isEmpty
            || versions.contains { pattern in
                pattern.hasSuffix("*")
                    ? version.starts(with: pattern.utf8.dropLast()) : version.elementsEqual(pattern.utf8)
            }
    }
}
