import Glibc
package import Kernel
import Supervision

/// Answers a container's questions for names, for as long as its monitor runs.
///
/// A part of somebody else's loop: it never blocks, does a bounded amount of work at a time, and has one descriptor
/// that is readable when there is some. Between questions it holds three descriptors and next to no memory.
///
///     container's namespace:  127.0.0.11 ── datagrams, streams ──┐
///                                                            Resolver ── names of its networks (files)
///     host's namespace:       upstream servers ── Inquiry ───────┘
package final class NameServer {
    /// Nanoseconds.
    package struct Patience: Sendable {
        /// For a server, when there is another to ask.
        package var others: Int64 = 1_500_000_000
        /// For the last one. A program that asks waits 5 s, resolv.conf(5).
        package var last: Int64 = 3_000_000_000
        /// How long a server that did not answer is asked last.
        package var memory: Int64 = 30_000_000_000
        /// With a connection on which nothing happens.
        package var stream: Int64 = 10_000_000_000
        package init() {}
    }

    /// What an event is about: the kind above, a number below.
    private enum Token {
        static let datagrams: UInt64 = 1 << 32
        static let listener: UInt64 = 2 << 32
        static let timer: UInt64 = 3 << 32
        static let stream: UInt64 = 4 << 32
        static let inquiry: UInt64 = 5 << 32
    }

    /// Answered at a time, before the others get their turn.
    private static let datagramsAtOnce = 32
    private static let longestDatagram = 4096
    private static let maximumStreams = 16
    /// Questions that others are asked at a time; each has a socket.
    private static let maximumInquiries = 64

    private let sockets: NameServerSockets
    private let patience: Patience
    private let epoll: Epoll
    private let timer: TimerDescriptor
    /// When the timer goes off; 0: it does not.
    private var alarm: Int64 = 0
    private var resolver: Resolver
    private var streams: [UInt32: StreamAsker] = [:]
    private var inquiries: [UInt32: Inquiry] = [:]
    /// Until when servers that did not answer are asked last.
    private var silent: [ResolverFile.Upstream: Int64] = [:]
    private var nextNumber: UInt32 = 0

    /// `file`: the path of a `ResolverFile`, looked at with every question.
    package init(file: String, _ sockets: NameServerSockets, patience: Patience = Patience())
        throws(SyscallError)
    {
        self.sockets = sockets
        self.patience = patience
        epoll = try Epoll()
        timer = try TimerDescriptor()
        resolver = Resolver(path: file)
        try epoll.add(sockets.datagrams.raw, .read, token: Token.datagrams)
        try epoll.add(sockets.listener.raw, .read, token: Token.listener)
        try epoll.add(timer.descriptor.raw, .read, token: Token.timer)
    }

    /// Readable when `serve` has something to do.
    package var descriptor: Int32 { epoll.descriptor.raw }

    /// Does what can be done now, and no more than a bounded amount of it. `space`: at least 64 KiB, for nothing that
    /// lasts.
    package func serve(using space: UnsafeMutableRawBufferPointer) throws(SyscallError) {
        for event in try epoll.wait(timeout: 0) {
            let number = UInt32(truncatingIfNeeded: event.token)
            switch event.token & 0xffff_ffff_0000_0000 {
            case Token.datagrams: receive(space)
            case Token.listener: accept()
            case Token.timer: timer.drain(); alarm = 0
            case Token.stream: if let stream = streams[number] { serve(stream, event.ready, space) }
            default: if let inquiry = inquiries[number] { proceed(inquiry, space) }
            }
        }
        try expire()
    }

    // MARK: - Questions

    private func receive(_ space: UnsafeMutableRawBufferPointer) {
        for _ in 0..<Self.datagramsAtOnce {
            guard let (count, source) = try? Sys.receiveDatagram(sockets.datagrams.raw, into: space) else { return }
            guard count <= Self.longestDatagram else { continue }
            take(Array(space[..<count]), .datagram(source), space)
        }
    }

    private func take(_ message: [UInt8], _ asker: Asker, _ space: UnsafeMutableRawBufferPointer) {
        let limit: Int? = if case .stream = asker { Int(UInt16.max) } else { nil }
        switch resolver.take(message, limit: limit, using: space) {
        case .nothing: if case .stream(let number) = asker { drop(stream: number) }
        case .answer(let bytes): answer(bytes, asker)
        case .ask(let query, let upstreams): ask(query, upstreams, asker)
        }
    }

    private func answer(_ message: [UInt8], _ asker: Asker) {
        switch asker {
        // One that cannot be sent is lost, as datagrams may be.
        case .datagram(let source): _ = try? Sys.sendDatagram(sockets.datagrams.raw, message, to: source)
        case .stream(let number):
            guard let stream = streams[number] else { return }
            if stream.answer(message) { wait(for: stream) } else { drop(stream: number) }
        }
    }

    // MARK: - Streams

    private func accept() {
        for _ in 0..<Self.maximumStreams {
            guard let connection = try? Sys.accept(from: sockets.listener.raw) else { return }
            if streams.count >= Self.maximumStreams {
                // The one that has been idle for longest makes room.
                let idle = streams.values.filter { !$0.isAsking }.min { $0.deadline < $1.deadline }
                guard let idle else { continue }
                drop(stream: idle.number)
            }
            let stream = StreamAsker(newNumber(), connection, deadline: Clock.boottime() + patience.stream)
            guard (try? epoll.add(stream.socket.raw, .read, token: Token.stream | UInt64(stream.number))) != nil else {
                continue
            }
            streams[stream.number] = stream
        }
    }

    private func serve(_ stream: StreamAsker, _ ready: Epoll.Interest, _ space: UnsafeMutableRawBufferPointer) {
        // Told whether it is waited for or not: nobody is there any more.
        if !ready.isDisjoint(with: [.error, .hangup]) { return drop(stream: stream.number) }
        stream.deadline = Clock.boottime() + patience.stream
        guard stream.flush() else { return drop(stream: stream.number) }
        switch ready.contains(.read) ? stream.read(using: space) : stream.next() {
        case .waiting: wait(for: stream)
        case .over: drop(stream: stream.number)
        case .question(let message): take(message, .stream(stream.number), space)
        }
    }

    private func wait(for stream: StreamAsker) {
        let token = Token.stream | UInt64(stream.number)
        if (try? epoll.modify(stream.socket.raw, stream.interest, token: token)) == nil { drop(stream: stream.number) }
    }

    /// With what is asked for it. Its descriptor leaves the epoll as it is closed.
    private func drop(stream number: UInt32) {
        streams[number] = nil
        for inquiry in inquiries.values where inquiry.asker == .stream(number) { inquiries[inquiry.number] = nil }
    }

    // MARK: - Asking others

    private func ask(_ query: DNSQuery, _ upstreams: [ResolverFile.Upstream], _ asker: Asker) {
        // Asked again, because the answer takes its time.
        let isAsked = inquiries.values.contains { $0.asker == asker && $0.query.message == query.message }
        if isAsked { return }
        guard inquiries.count < Self.maximumInquiries else { return answer(DNSAnswer.empty(.refused, query), asker) }
        if case .stream(let number) = asker, let stream = streams[number] {
            stream.isAsking = true
            wait(for: stream)
        }
        let inquiry = Inquiry(newNumber(), asker, query, ordered(upstreams))
        inquiries[inquiry.number] = inquiry
        askNext(inquiry)
    }

    private func ordered(_ upstreams: [ResolverFile.Upstream]) -> [ResolverFile.Upstream] {
        if silent.isEmpty { return upstreams }
        let now = Clock.boottime()
        silent = silent.filter { $0.value > now }
        return upstreams.filter { silent[$0] == nil } + upstreams.filter { silent[$0] != nil }
    }

    private func askNext(_ inquiry: Inquiry) {
        let token = Token.inquiry | UInt64(inquiry.number)
        while inquiry.askNext() {
            guard let descriptor = inquiry.descriptor else { continue }
            guard (try? epoll.add(descriptor, inquiry.interest, token: token)) != nil else { continue }
            inquiry.deadline = Clock.boottime() + (inquiry.rest.isEmpty ? patience.last : patience.others)
            return
        }
        inquiries[inquiry.number] = nil
        answer(DNSAnswer.empty(.serverFailure, inquiry.query), inquiry.asker)
    }

    private func proceed(_ inquiry: Inquiry, _ space: UnsafeMutableRawBufferPointer) {
        let before = inquiry.interest
        switch inquiry.proceed(using: space) {
        case .waiting:
            guard inquiry.interest != before, let descriptor = inquiry.descriptor else { return }
            let token = Token.inquiry | UInt64(inquiry.number)
            if (try? epoll.modify(descriptor, inquiry.interest, token: token)) == nil { askNext(inquiry) }
        case .failed: askNext(inquiry)
        case .answered(let message):
            if let upstream = inquiry.upstream { silent[upstream] = nil }
            inquiries[inquiry.number] = nil
            answer(inquiry.query.adopt(message, limit: inquiry.limit), inquiry.asker)
        }
    }

    private func newNumber() -> UInt32 {
        nextNumber &+= 1
        return nextNumber
    }

    // MARK: - Time

    /// Ends what took too long, and sets the timer for the next such moment.
    private func expire() throws(SyscallError) {
        if inquiries.isEmpty, streams.isEmpty { return }
        let now = Clock.boottime()
        for inquiry in inquiries.values where inquiry.deadline <= now {
            if let upstream = inquiry.upstream { silent[upstream] = now + patience.memory }
            askNext(inquiry)
        }
        for stream in streams.values where !stream.isAsking && stream.deadline <= now { drop(stream: stream.number) }
        let deadlines = inquiries.values.map(\.deadline) + streams.values.filter { !$0.isAsking }.map(\.deadline)
        guard let next = deadlines.min(), alarm == 0 || next < alarm else { return }
        // 0 would disarm it.
        try timer.set(nanoseconds: max(1, next - now))
        alarm = next
    }
}
