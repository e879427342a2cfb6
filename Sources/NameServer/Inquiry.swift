import Basics
import Kernel
import Supervision

/// A question that others are asked, one after the other until one can tell.
final class Inquiry {
    enum Progress: Equatable {
        case waiting
        /// This server cannot tell.
        case failed
        /// As it came, under the number it was asked with.
        case answered([UInt8])
    }

    let number: UInt32
    let asker: Asker
    let query: DNSQuery
    /// Those not asked yet.
    private(set) var rest: ArraySlice<ResolverFile.Upstream>
    /// The one that is asked now.
    private(set) var upstream: ResolverFile.Upstream?
    /// When the next one is asked.
    var deadline: Int64 = 0
    private(set) var interest: Epoll.Interest = .read
    /// Connected, so that nobody but the one asked is heard; with a port of its own, so that nobody else knows what
    /// to pretend.
    private var socket: FileDescriptor?
    private var id: UInt16 = 0
    private var output: ArraySlice<UInt8> = []
    private var input: [UInt8] = []

    init(_ number: UInt32, _ asker: Asker, _ query: DNSQuery, _ upstreams: [ResolverFile.Upstream]) {
        self.number = number
        self.asker = asker
        self.query = query
        rest = upstreams[...]
    }

    private var isStream: Bool { if case .stream = asker { true } else { false } }

    /// Bytes the asker takes.
    var limit: Int { isStream ? Int(UInt16.max) : query.datagramLimit }

    /// The descriptor to wait for.
    var descriptor: Int32? { socket?.raw }

    /// Asks the next one that can be asked at all; false when there is none left.
    func askNext() -> Bool {
        while let next = rest.popFirst() {
            upstream = next
            socket = nil
            do {
                let bytes = try Clock.randomBytes(2)
                id = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
                let message = query.message(id: id)
                let address = next.address.bytes
                let new = try Sys.connectInternet(isStream ? .stream : .datagram, address, port: next.port)
                if isStream {
                    input = []
                    output = ([UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message)[...]
                    interest = .write
                } else {
                    guard try Sys.send(new.raw, message) == message.count else { continue }
                }
                socket = consume new
                return true
            } catch {
                continue
            }
        }
        socket = nil
        return false
    }

    /// Goes on with what can go on now.
    func proceed(using space: UnsafeMutableRawBufferPointer) -> Progress {
        do {
            return isStream ? try proceedStream(space) : try receiveDatagrams(space)
        } catch {
            // Refused, or out of reach.
            return .failed
        }
    }

    private func receiveDatagrams(_ space: UnsafeMutableRawBufferPointer) throws -> Progress {
        guard let raw = socket?.raw else { return .failed }
        // Whoever sends many wrong ones does not keep us from the rest.
        for _ in 0..<4 {
            guard let count = try Sys.receiveDatagram(raw, into: space, wait: false) else { return .waiting }
            let message = Array(space[..<count])
            switch query.match(message, id: id) {
            case .other: continue
            case .failure: return .failed
            case .answer: return .answered(message)
            }
        }
        return .waiting
    }

    private func proceedStream(_ space: UnsafeMutableRawBufferPointer) throws -> Progress {
        guard let raw = socket?.raw else { return .failed }
        while !output.isEmpty {
            guard let count = try Sys.send(raw, Array(output)) else { return .waiting }
            output = output.dropFirst(count)
            interest = .read
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: space[..<min(space.count, 2 + Int(UInt16.max))])
        guard let count = try Sys.read(raw, into: room) else { return .waiting }
        if count == 0 { return .failed }
        input += room[..<count]
        guard input.count >= 2 else { return .waiting }
        let length = Int(input[0]) << 8 | Int(input[1])
        guard input.count >= 2 + length else { return .waiting }
        let message = Array(input[2..<(2 + length)])
        // One connection, one question: there is nothing else to wait for.
        return query.match(message, id: id) == .answer ? .answered(message) : .failed
    }
}
