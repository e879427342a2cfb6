import Glibc
import Kernel

/// A thread's share of the clients: one epoll, edge-triggered, so that a connection is registered once.
final class Worker {
    /// After a failure a client rests so long, as it would run in circles otherwise.
    private static let rest: Int64 = 10_000_000
    private static let lookInterval: Int64 = 100_000_000

    private let options: Options
    private let board: Board
    private let number: Int
    private let epoll: Epoll
    private let clients: [Client]
    private let messages: Messages
    private var counters = Counters()
    private var now = Clock.boottime()
    private var nextLook: Int64 = 0
    /// Requests that may still be begun.
    private var budget: Int
    private var underWay = 0
    /// Those that may ask at once, when the rate allows it; and those that rest after a failure, the first to wake first.
    private var ready: Fifo<Int>
    private var resting = Fifo<(until: Int64, client: Int)>()
    private var tokens: Double = 1
    private var tokensAt: Int64
    private let tokenRate: Double
    private let deadline: Int64
    private var random: Random
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    init(_ options: Options, board: Board, number: Int) throws(SyscallError) {
        func share(_ whole: Int) -> Int { whole / options.threads + (number < whole % options.threads ? 1 : 0) }
        self.options = options
        self.board = board
        self.number = number
        epoll = try Epoll()
        messages = Messages(options)
        let kept = share(options.keepAlive)
        let count = kept + share(options.single)
        clients = (0..<count).map {
            Client(index: $0, isKept: $0 < kept, source: $0 * options.threads + number)
        }
        ready = Fifo(Array(0..<count))
        budget = options.requests.map(share) ?? .max
        tokenRate = Double(options.rate) / Double(options.threads) / 1e9
        let start = Clock.boottime()
        tokensAt = start
        deadline = options.duration.map { start + $0 } ?? .max
        random = Random(state: UInt64(number) &* 0x9e37_79b9_7f4a_7c15 | 1)
    }

    deinit { buffer.deallocate() }

    /// Returns when everything is done or was told to stop.
    func run() {
        while true {
            let events: [Epoll.Event]
            do { events = try epoll.wait(timeout: waitTime) } catch { break }
            now = Clock.boottime()
            for event in events {
                let client = clients[Int(event.token & 0xffff_ffff)]
                if client.token == event.token { advance(client, event.ready) }
            }
            if now >= nextLook { look() }
            if board.isToStop || now >= deadline { budget = 0 }
            if board.isToStopAtOnce { abandon() }
            begin()
            if budget == 0 && underWay == 0 { break }
        }
        board.publish(counters, from: number, isLast: true)
    }

    private var waitTime: Int32 {
        if !ready.isEmpty && budget > 0 {
            if options.rate == 0 || tokens >= 1 { return 0 }
            return Int32(min(100, max(1, (1 - tokens) / tokenRate / 1e6)))
        }
        guard let next = resting.first else { return 100 }
        return Int32(clamping: min(100, max(0, (next.until - now + 999_999) / 1_000_000)))
    }

    // MARK: - Requests

    private func begin() {
        while let next = resting.first, next.until <= now {
            resting.removeFirst()
            ready.append(next.client)
        }
        if options.rate > 0 {
            // What was missed is not made up for in one burst.
            tokens = min(tokens + Double(now - tokensAt) * tokenRate, max(2, tokenRate * 5e6))
            tokensAt = now
        }
        while budget > 0, let index = ready.first, options.rate == 0 || tokens >= 1 {
            ready.removeFirst()
            if options.rate > 0 { tokens -= 1 }
            budget -= 1
            underWay += 1
            ask(clients[index])
        }
    }

    private func ask(_ client: Client) {
        now = Clock.boottime()
        client.begun = now
        client.sent = 0
        client.answer.reset()
        client.kind = chooseKind()
        if let socket = client.socket?.raw {
            // As clients do that keep a pool: a connection that is known to be closed is not used.
            if isOpen(socket) {
                client.phase = .asking
                return send(client)
            }
            counters.closedIdle += 1
            client.disconnect()
        }
        connect(client)
    }

    private func chooseKind() -> RequestKind {
        let draw = Int(random.next() % 10_000)
        if draw < options.posts { return .post }
        return draw < options.posts + options.slow ? .slow : .get
    }

    private func isOpen(_ socket: Int32) -> Bool {
        do { return try Sys.read(socket, into: buffer) == nil } catch { return false }
    }

    private func connect(_ client: Client) {
        client.generation &+= 1
        client.opened = now
        client.phase = .connecting
        counters.connections += 1
        client.source += clients.count * options.threads
        let source = options.sources.isEmpty ? nil : options.sources[client.source % options.sources.count]
        do {
            let socket = try Sys.beginConnection(to: options.address, port: options.port, from: source)
            try epoll.add(socket.raw, [.read, .write, .readHangup, .edge], token: client.token)
            client.socket = consume socket
        } catch {
            fail(client, failure(of: error), "\(error.call): \(error.reason)")
        }
    }

    private func failure(of error: SyscallError) -> Failure {
        switch error.errno {
        case ECONNREFUSED: .refused
        case ETIMEDOUT: .connectTimedOut
        case ECONNRESET, EPIPE: .reset
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN: .unreachable
        default: .local
        }
    }

    // MARK: - Events

    private func advance(_ client: Client, _ ready: Epoll.Interest) {
        guard let raw = client.socket?.raw else { return }
        switch client.phase {
        case .resting:
            // The end of a connection on which nothing is asked.
            if !isOpen(raw) {
                counters.closedIdle += 1
                client.disconnect()
            }
        case .connecting:
            do throws(SyscallError) {
                if let error = try Sys.connectionError(of: raw) { throw error }
            } catch {
                return fail(client, failure(of: error), "\(error.call): \(error.reason)")
            }
            client.phase = .asking
            send(client)
        case .asking:
            if ready.contains(.write), client.sent < messages[client.kind, client.isKept].count { send(client) }
            if case .asking = client.phase { receive(client) }
        }
    }

    private func send(_ client: Client) {
        guard let raw = client.socket?.raw else { return }
        let message = messages[client.kind, client.isKept]
        do {
            let taken = try message.withUnsafeBytes {
                try Sys.write(raw, UnsafeRawBufferPointer(rebasing: $0[client.sent...]))
            }
            client.sent += taken ?? 0
        } catch let error as SyscallError {
            failBroken(client, error)
        } catch {}
    }

    private func receive(_ client: Client) {
        guard let raw = client.socket?.raw else { return }
        do {
            while let count = try Sys.read(raw, into: buffer) {
                now = Clock.boottime()
                if count == 0 { return ended(client) }
                switch client.answer.take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
                case .incomplete: continue
                case .complete: return finish(client)
                case .garbled: return fail(client, .garbled, "an answer that cannot be read")
                }
            }
        } catch {
            failBroken(client, error)
        }
    }

    private func ended(_ client: Client) {
        if client.answer.isCompleteAtEnd { return finish(client) }
        let isStale = client.answered > 0 && client.answer.isEmpty
        fail(client, isStale ? .stale : .closedEarly, "closed after \(client.answer.bytes.count) bytes of the answer")
    }

    private func failBroken(_ client: Client, _ error: SyscallError) {
        let isStale = error.isBrokenPipe && client.answered > 0 && client.answer.isEmpty
        fail(client, isStale ? .stale : failure(of: error), error.reason)
    }

    // MARK: - Outcomes

    private func finish(_ client: Client) {
        let duration = now - client.begun
        let status = client.answer.status
        counters.statuses[status, default: 0] += 1
        client.answered += 1
        guard 200...299 ~= status else {
            let words = String(decoding: client.answer.body.prefix(80), as: UTF8.self)
            return fail(client, .status, "status \(status): \(words)", keepsConnection: true)
        }
        let who = witness(of: client)
        if !who.isEmpty { counters.witness(who, now: now, opened: client.opened) }
        if !who.isEmpty && !options.allows(who.prefix { $0 != 32 }) {
            let name = String(decoding: who.prefix(80), as: UTF8.self)
            return fail(client, .wrongVersion, "answered by \(name)", keepsConnection: true)
        }
        if client.kind == .post && !client.answer.body.elementsEqual(Messages.postBody) {
            return fail(client, .garbled, "the echo is not what was sent")
        }
        if client.kind == .slow { counters.slowLatency.add(duration) } else { counters.latency.add(duration) }
        counters.count(nil, isKept: client.isKept, kind: client.kind)
        release(client, keepsConnection: true)
        ready.append(client.index)
    }

    /// The version, and the rest of what `GET /` says; of an echo only the version is known, by the field `Server`.
    private func witness(of client: Client) -> [UInt8] {
        if client.kind == .post {
            let server = client.answer.server
            return server.starts(with: Messages.serverPrefix)
                ? Array(server.dropFirst(Messages.serverPrefix.count)) : []
        }
        return Array(client.answer.body.prefix(256).prefix { $0 != 10 })
    }

    private func fail(_ client: Client, _ failure: Failure, _ detail: String, keepsConnection: Bool = false) {
        counters.count(failure, isKept: client.isKept, kind: client.kind)
        counters.record(
            FailureRecord(
                time: now, failure: failure, isKept: client.isKept, kind: client.kind, duration: now - client.begun,
                detail: detail))
        release(client, keepsConnection: keepsConnection)
        resting.append((now + Self.rest, client.index))
    }

    private func release(_ client: Client, keepsConnection: Bool) {
        client.phase = .resting
        underWay -= 1
        if keepsConnection && client.isKept && !client.answer.announcesClose { return }
        if keepsConnection && client.isKept { counters.closedAnnounced += 1 }
        client.disconnect()
    }

    // MARK: - From time to time

    private func look() {
        nextLook = now + Self.lookInterval
        for client in clients where client.isUnderWay && now - client.begun > options.timeout {
            if case .connecting = client.phase {
                fail(client, .connectTimedOut, "no connection")
            } else {
                fail(client, .timedOut, "\(client.answer.bytes.count) bytes of the answer came")
            }
        }
        board.publish(counters, from: number, isLast: false)
    }

    private func abandon() {
        for client in clients where client.isUnderWay {
            counters.unfinished += 1
            release(client, keepsConnection: false)
        }
    }
}
