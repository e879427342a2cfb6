import Glibc
import Kernel

/// A client of web servers at addresses of this host.
enum TCP {
    /// What a server answers to a request for `path`; nil when there is none within the time.
    static func ask(_ address: String, _ port: Int, path: String = "/", within milliseconds: Int32 = 2000) -> String? {
        let bytes = address.split(separator: ".").compactMap { UInt8($0) }
        guard let socket = try? Sys.beginConnection(to: bytes, port: UInt16(port)),
            (try? Sys.poll(socket.raw, for: .writing, timeout: milliseconds)) == true,
            (try? Sys.connectionError(of: socket.raw)) == .some(nil)
        else { return nil }
        try? socket.writeAll("GET \(path) HTTP/1.0\r\n\r\n".utf8)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while (try? Sys.poll(socket.raw, for: .reading, timeout: milliseconds)) == true {
            let count = buffer.withUnsafeMutableBytes { (try? Sys.read(socket.raw, into: $0)) ?? 0 }
            if count == 0 { break }
            answer += buffer[..<count]
        }
        return answer.isEmpty ? nil : answer.text
    }

    static func answers(_ address: String, _ port: Int) -> Bool { ask(address, port)?.hasPrefix("HTTP/1") ?? false }
}
