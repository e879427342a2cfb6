package import Basics
package import Deployment
import Glibc
import HTTP
import Kernel
package import Reactor

/// A request that tells whether an instance is well.
package struct HTTPProbe: Hashable, Sendable {
    package var path: String
    /// The `Host` field; nil: the address itself.
    package var host: String?
    package var expect: ClosedRange<Int>
    package var followRedirects: Bool
    /// `POST` without a body instead of `GET`: for a notice, where a probe asks.
    package var isNotice: Bool
    package init(
        path: String, host: String? = nil, expect: ClosedRange<Int> = 200...299, followRedirects: Bool = false,
        isNotice: Bool = false
    ) {
        self.isNotice = isNotice
        self.path = path
        self.host = host
        self.expect = expect
        self.followRedirects = followRedirects
    }
}

/// Asks instances how they are, at their own addresses and past the router. Each probe ends when its time is up,
/// whatever the instance does.
package struct Prober: Sendable {
    private let loop: EventLoop

    package init(loop: EventLoop) { self.loop = loop }

    /// Whether a connection comes about. A frozen instance passes: the kernel accepts for it.
    package func tcp(_ address: IPAddress, port: UInt16, timeout: Span) async -> ProbeResult {
        let name = "connect to port \(port)"
        do {
            _ = try await connect(address, port, deadline: Clock.boottime() + timeout.nanoseconds)
            return ProbeResult(passed: true, detail: "\(name): accepted")
        } catch {
            return ProbeResult(passed: false, detail: "\(name): \(Self.text(error, timeout))")
        }
    }

    /// Whether the request is answered with an expected status. The answer is read to its end, up to 1 MiB, as an
    /// instance that is being warmed up should not be interrupted; but its head alone decides.
    package func http(_ address: IPAddress, port: UInt16, _ probe: HTTPProbe, timeout: Span) async -> ProbeResult {
        let deadline = Clock.boottime() + timeout.nanoseconds
        var path = probe.path
        var host = probe.host ?? Self.host(address, port)
        var steps: [String] = []
        do {
            for _ in 0...Self.maximumRedirects {
                let method: HTTPMethod = probe.isNotice ? .post : .get
                steps.append("\(method) \(path) -> ")
                let answer = try await ask(address, port, method, path, host: host, deadline: deadline)
                guard probe.followRedirects, let location = answer.location else {
                    let passed = probe.expect.contains(answer.status.code)
                    steps.append(answer.text(passed: passed))
                    return ProbeResult(passed: passed, detail: steps.joined())
                }
                steps.append("\(answer.status.code), ")
                guard let target = Self.target(location, from: path) else {
                    steps.append("to \(location), which is not this instance's to answer")
                    return ProbeResult(passed: false, detail: steps.joined())
                }
                path = target.path
                host = target.host ?? host
            }
            return ProbeResult(passed: false, detail: "GET \(probe.path): more than \(Self.maximumRedirects) redirects")
        } catch {
            return ProbeResult(passed: false, detail: (steps + [Self.text(error, timeout)]).joined())
        }
    }

    private static let maximumRedirects = 5

    // MARK: - One request

    private struct Answer {
        var status: HTTPStatus
        var location: String?
        /// The beginning of it.
        var body: [UInt8] = []

        func text(passed: Bool) -> String {
            if let location { return "\(status.code) \(location)" }
            let line = String(decoding: body, as: UTF8.self).prefix { !$0.isNewline }
            return passed || line.isEmpty ? "\(status)" : "\(status): \(line)"
        }
    }

    /// A server that always has a little more to say.
    private struct Expired: Error {}

    /// What a server that speaks no HTTP, or none for long, says.
    private struct Garbled: Error, CustomStringConvertible {
        let description: String
    }

    private func connect(_ address: IPAddress, _ port: UInt16, deadline: Int64) async throws -> AsyncSocket {
        let socket = AsyncSocket(SharedDescriptor(try Sys.beginConnection(to: address.bytes, port: port)), loop: loop)
        try await loop.wait(socket.raw, .writable, timeout: Self.left(deadline))
        if let failure = try Sys.connectionError(of: socket.raw) { throw failure }
        return socket
    }

    private func ask(
        _ address: IPAddress, _ port: UInt16, _ method: HTTPMethod, _ path: String, host: String, deadline: Int64
    ) async throws -> Answer {
        let socket = try await connect(address, port, deadline: deadline)
        var request = HTTPRequestHead(
            method, path,
            headers: ["Host": host, "User-Agent": "box-probe", "Accept": "*/*", "Connection": "close"])
        if method == .post { request.headers["Content-Length"] = "0" }
        try await socket.write(request.encoded, timeout: Self.left(deadline))
        var input = InputBuffer()
        var reader = HeadReader()
        while true {
            while let lines = try reader.next(&input) {
                let head = try HTTPResponseHead(parsing: lines)
                guard head.status.code >= 200 else { continue }
                let isRedirect = (300...399).contains(head.status.code) && head.status != .notModified
                var answer = Answer(status: head.status, location: isRedirect ? head.headers["Location"] : nil)
                let decoder = BodyDecoder(try head.bodyFraming(answering: method))
                try? await read(decoder, input, socket, into: &answer.body, deadline: deadline)
                return answer
            }
            let bytes = try await socket.read(timeout: Self.left(deadline))
            guard !bytes.isEmpty else {
                let place = reader.hasBegun ? "in the middle of an answer" : "without an answer"
                throw Garbled(description: "the connection was closed \(place)")
            }
            input.append(bytes)
        }
    }

    private static let bodyLimit = 1 << 20
    private static let keptLength = 200

    private func read(
        _ decoder: BodyDecoder, _ input: InputBuffer, _ socket: AsyncSocket, into body: inout [UInt8], deadline: Int64
    ) async throws {
        var (decoder, input, total) = (decoder, input, 0)
        while !decoder.isFinished, total < Self.bodyLimit {
            var failure: HTTPParseError?
            let piece = [UInt8](unsafeUninitializedCapacity: 16384) { buffer, count in
                do throws(HTTPParseError) {
                    count = try decoder.next(&input, into: UnsafeMutableRawBufferPointer(buffer))
                } catch { failure = error }
            }
            if let failure { throw failure }
            total += piece.count
            body += piece.prefix(max(0, Self.keptLength - body.count))
            guard piece.isEmpty, !decoder.isFinished else { continue }
            let bytes = try await socket.read(timeout: Self.left(deadline))
            if bytes.isEmpty { return }
            input.append(bytes)
        }
    }

    private static func left(_ deadline: Int64) throws -> Int64 {
        let left = deadline - Clock.boottime()
        if left <= 0 { throw Expired() }
        return left
    }

    // MARK: - Words

    private static func host(_ address: IPAddress, _ port: UInt16) -> String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Where a redirect leads; nil when that cannot be asked here.
    static func target(_ location: String, from path: String) -> (path: String, host: String?)? {
        let location = String(location.prefix { $0 != "#" })
        if location.hasPrefix("//") { return nil }
        if location.hasPrefix("/") { return (location, nil) }
        let scheme = "http://"
        if location.lowercased().hasPrefix(scheme) {
            let rest = location.dropFirst(scheme.count)
            let host = rest.prefix { $0 != "/" && $0 != "?" }
            let target = rest.dropFirst(host.count)
            return (target.hasPrefix("/") ? String(target) : "/\(target)", String(host))
        }
        if location.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") || location.isEmpty { return nil }
        // Relative to the directory of the path.
        let bare = path.prefix { $0 != "?" }
        if location.hasPrefix("?") { return ("\(bare)\(location)", nil) }
        return ("\(bare[...(bare.lastIndex(of: "/") ?? bare.startIndex)])\(location)", nil)
    }

    private static func text(_ error: any Error, _ timeout: Span) -> String {
        switch error {
        case is TimedOut, is Expired: "timed out after \(timeout)"
        case is CancellationError: "cancelled"
        case let error as SyscallError:
            switch error.errno {
            case ECONNREFUSED: "connection refused"
            case ECONNRESET, EPIPE: "connection reset"
            case EHOSTUNREACH, ENETUNREACH: "no route to it"
            default: error.reason
            }
        case let error as HTTPParseError: "no HTTP: \(error)"
        default: "\(error)"
        }
    }
}
