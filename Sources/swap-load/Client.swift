import Kernel

enum RequestKind: String, Sendable {
    case get
    case post
    case slow
}

/// One client: a connection, or none, and the request that is under way on it.
final class Client {
    enum Phase {
        case resting
        case connecting
        /// Sends, then reads.
        case asking
    }

    let index: Int
    let isKept: Bool
    var phase = Phase.resting
    var socket: FileDescriptor?
    /// Tells this connection's events from those of the one before.
    var generation: UInt32 = 0
    var kind = RequestKind.get
    var sent = 0
    var answer = AnswerReader()
    /// When the request was begun, its connection included.
    var begun: Int64 = 0
    var opened: Int64 = 0
    /// Answers that came on this connection.
    var answered = 0
    /// Of the source addresses; the next connection takes another one.
    var source: Int

    init(index: Int, isKept: Bool, source: Int) {
        self.source = source
        self.index = index
        self.isKept = isKept
    }

    var token: UInt64 { UInt64(generation) << 32 | UInt64(index) }
    var isUnderWay: Bool {
        if case .resting = phase { return false }
        return true
    }

    func disconnect() {
        socket = nil
        answered = 0
    }
}
