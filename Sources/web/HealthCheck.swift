import Glibc
import Kernel

/// `web --healthcheck`: asks the server in the same container, for images that have no other client.
enum HealthCheck {
    /// 0 when `/healthz` answers 200, else 1, with the reason printed.
    static func run(port: UInt16) -> Int32 {
        do {
            let connection = try Sys.connectLoopback(port: port, timeout: 5)
            try connection.writeAll("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
            let answer = String(decoding: try connection.readAll(limit: 64 << 10), as: UTF8.self)
            if answer.hasPrefix("HTTP/1.1 200 ") {
                print("ok")
                return 0
            }
            print("unhealthy: \(answer.prefix { $0 != "\r\n" })")
        } catch {
            print("unhealthy: \(error)")
        }
        return 1
    }
}
