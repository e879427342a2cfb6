import Glibc
import Kernel

struct Response {
    var status = 200
    var type = "text/plain; charset=utf-8"
    var body: [UInt8]
    var allow: String?

    init(_ body: [UInt8], status: Int = 200) {
        self.body = body
        self.status = status
    }
    init(_ text: String, status: Int = 200) { self.init(Array(text.utf8), status: status) }

    /// Appends the message. `hasBody` is false for HEAD: the length is told, the body not sent.
    func write(to output: inout [UInt8], fields: [UInt8], keepsAlive: Bool, hasBody: Bool) {
        output.append(contentsOf: "HTTP/1.1 \(status) \(Self.reason(status))\r\n".utf8)
        output.append(contentsOf: fields)
        // No content: neither body nor length, RFC 9110 section 15.3.5.
        let isEmpty = status == 204 || status == 304
        if !isEmpty { output.append(contentsOf: "Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n".utf8) }
        if let allow { output.append(contentsOf: "Allow: \(allow)\r\n".utf8) }
        output.append(contentsOf: (keepsAlive ? "\r\n" : "Connection: close\r\n\r\n").utf8)
        if hasBody && !isEmpty { output.append(contentsOf: body) }
    }

    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 426: "Upgrade Required"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// What there is under which path.
struct Responder {
    var configuration: Configuration
    private let hostname: String
    let identity: [UInt8]
    private var stampedSecond: Int64 = -1
    private var lameUntil: Int64 = 0
    /// Header fields that all answers have; renewed once a second.
    private(set) var fields: [UInt8] = []

    init(_ configuration: Configuration) {
        self.configuration = configuration
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, 255)
        hostname = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        identity = Array("\(configuration.version) \(hostname) \(getpid())\n".utf8)
    }

    mutating func stamp() {
        let second = Clock.realtime() / 1_000_000_000
        if second == stampedSecond { return }
        stampedSecond = second
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let length = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        let date = String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        fields = Array("Server: box-web/\(configuration.version)\r\nDate: \(date)\r\n".utf8)
    }

    /// Clients are asked to go: connections end with their next answer.
    mutating func becomeLame(for nanoseconds: Int64) { lameUntil = Clock.boottime() + nanoseconds }
    var isLame: Bool { lameUntil > 0 && Clock.boottime() < lameUntil }

    /// How late the answer is to be, in milliseconds.
    func delay(of request: Request) -> Int {
        switch request.path {
        case "/healthz", "/control": 0
        case "/slow": min(max(Int(request.parameter("ms") ?? "") ?? 1000, 0), Configuration.longestDelay)
        default: configuration.delay
        }
    }

    mutating func answer(_ request: Request, body: [UInt8]) -> Response {
        switch request.path {
        case "/healthz":
            return allowing(["GET", "HEAD"], request) {
                configuration.failsHealth ? Response("failing\n", status: 503) : Response("ok\n")
            }
        case "/control":
            if request.method == "POST" { return control(request) }
            return allowing(["GET", "HEAD", "POST"], request) { Response(configuration.description) }
        default: break
        }
        if configuration.failsRequests { return Response("told to fail\n", status: 500) }
        switch request.path {
        case "/", "/slow": return allowing(["GET", "HEAD"], request) { Response(identity) }
        case "/version": return allowing(["GET", "HEAD"], request) { Response(configuration.version + "\n") }
        case "/hostname": return allowing(["GET", "HEAD"], request) { Response(hostname + "\n") }
        case "/pid": return allowing(["GET", "HEAD"], request) { Response("\(getpid())\n") }
        case "/echo":
            return allowing(["POST", "PUT"], request) {
                var response = Response(body)
                response.type = request.contentType.isEmpty ? "application/octet-stream" : request.contentType
                return response
            }
        case "/ws": return Response("this is a websocket\n", status: 426)
        default: return status(request)
        }
    }

    private func status(_ request: Request) -> Response {
        let prefix = "/status/"
        guard request.path.hasPrefix(prefix) else { return Response("there is no \(request.path)\n", status: 404) }
        guard let status = Int(request.path.dropFirst(prefix.count)), 200...599 ~= status else {
            return Response("a status is a number from 200 to 599\n", status: 400)
        }
        return Response("status \(status)\n", status: status)
    }

    private func allowing(_ methods: [String], _ request: Request, _ make: () -> Response) -> Response {
        if methods.contains(request.method) { return make() }
        var response = Response("\(request.path) does not do \(request.method)\n", status: 405)
        response.allow = methods.joined(separator: ", ")
        return response
    }

    private mutating func control(_ request: Request) -> Response {
        // All settings or none.
        var changed = configuration
        for pair in request.query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            do {
                try changed.set(parts[0], parts.count == 2 ? parts[1] : "")
            } catch {
                return Response(error.message + "\n", status: 400)
            }
        }
        configuration = changed
        return Response(configuration.description)
    }
}
