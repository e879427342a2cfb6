import Kernel

/// Who asked, to answer there.
enum Asker: Equatable {
    case datagram(Sys.DatagramSource)
    /// The number of a `StreamAsker`.
    case stream(UInt32)
}

/// A program in the container that asks over TCP: RFC 7766. One question at a time; the next waits in the connection.
final class StreamAsker {
    /// A question has no more bytes; nor has what is read ahead.
    static let longestQuestion = 4096

    enum Progress {
        /// Nothing to do now.
        case waiting
        case question([UInt8])
        /// It closed, or does not speak the protocol.
        case over
    }

    let number: UInt32
    let socket: FileDescriptor
    /// When it is closed if nothing happens.
    var deadline: Int64
    /// Its question is being asked of others.
    var isAsking = false
    private var input: [UInt8] = []
    private var output: ArraySlice<UInt8> = []
    private var isAtEnd = false

    init(_ number: UInt32, _ socket: consuming FileDescriptor, deadline: Int64) {
        self.number = number
        self.socket = socket
        self.deadline = deadline
    }

    /// What to wait for. That it can be written to comes at once, and brings the turn of what was read ahead.
    var interest: Epoll.Interest {
        if !output.isEmpty { return .write }
        if isAsking { return [] }
        return isAtEnd || nextLength != nil ? .write : .read
    }

    /// Of the next question, when all of it is there.
    private var nextLength: Int? {
        guard input.count >= 2 else { return nil }
        let length = Int(input[0]) << 8 | Int(input[1])
        return input.count >= 2 + length ? length : nil
    }

    /// Reads what is there, and says what to do next.
    func read(using space: UnsafeMutableRawBufferPointer) -> Progress {
        let room = UnsafeMutableRawBufferPointer(rebasing: space[..<(2 + Self.longestQuestion)])
        do throws(SyscallError) {
            guard let count = try socket.read(into: room) else { return next() }
            if count == 0 { isAtEnd = true }
            input += room[..<count]
        } catch {
            return .over
        }
        return next()
    }

    /// The next question, unless an answer is on its way.
    func next() -> Progress {
        guard !isAsking, output.isEmpty else { return .waiting }
        if let length = nextLength {
            let question = Array(input[2..<(2 + length)])
            input.removeSubrange(..<(2 + length))
            return .question(question)
        }
        if input.count >= 2 + Self.longestQuestion { return .over }
        return isAtEnd ? .over : .waiting
    }

    /// At most 65535 bytes. False when nobody takes it.
    func answer(_ message: [UInt8]) -> Bool {
        isAsking = false
        output = ([UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message)[...]
        return flush()
    }

    /// False when nobody takes it.
    func flush() -> Bool {
        while !output.isEmpty {
            do throws(SyscallError) {
                guard let count = try Sys.send(socket.raw, Array(output)) else { return true }
                output = output.dropFirst(count)
            } catch {
                return false
            }
        }
        // Its memory too.
        output = []
        return true
    }
}
