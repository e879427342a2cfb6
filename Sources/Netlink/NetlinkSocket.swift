import Glibc
import Kernel
import Synchronization

/// A connection to one part of the kernel's network, in the network namespace where it was opened: it stays there
/// whichever thread uses it later.
///
/// The kernel works on a request inside `send`, so every answer waits by the time that returns and nothing here
/// waits for long. The lock is held over a request and its answers, which would mix otherwise.
package final class NetlinkSocket: Sendable {
    package enum Family: Sendable {
        case route, netfilter
        /// Sockets of other programs, sock_diag(7).
        case sockets
        var raw: Int32 {
            switch self {
            case .route: Sys.netlinkRoute
            case .netfilter: Sys.netlinkNetfilter
            case .sockets: Sys.netlinkSocketDiagnostics
            }
        }
    }

    package let family: Family
    /// What notifications of this socket's own changes carry.
    package let port: UInt32
    private let descriptor: FileDescriptor
    /// The number of the last request.
    private let sequence = Mutex<UInt32>(0)

    /// In the calling thread's network namespace.
    package init(_ family: Family) throws(NetlinkError) {
        self.family = family
        do throws(SyscallError) {
            descriptor = try Sys.netlinkSocket(family.raw)
            port = try Sys.netlinkPort(descriptor.raw)
            try Sys.setBuffers(descriptor.raw, send: 8 << 20, receive: 8 << 20)
            if family == .route { try Sys.setNetlinkStrictChecking(descriptor.raw) }
        } catch {
            throw NetlinkError(error)
        }
    }

    /// In another network namespace, given by an open `/proc/PID/ns/net`.
    @available(*, noasync)
    package static func open(_ family: Family, inNamespace namespace: Int32) throws -> NetlinkSocket {
        try NamespaceThread.run {
            try Namespaces.enter(namespace, .network)
            return try NetlinkSocket(family)
        }
    }

    // MARK: - Requests

    /// Sends all requests at once and waits until the kernel has worked on all. It goes on after one that fails;
    /// the first failure is thrown. Only the last is acknowledged: failures are always told.
    package func perform(_ requests: [NetlinkRequest]) throws(NetlinkError) {
        guard !requests.isEmpty else { return }
        try send(requests, acknowledge: requests.count - 1)
    }

    package func perform(_ request: NetlinkRequest) throws(NetlinkError) { try perform([request]) }

    /// As `perform`, where some failure is as good as success: to make what is there, to delete what is not. Returns
    /// whether there was none.
    @discardableResult
    package func perform(_ requests: [NetlinkRequest], unless isFine: (NetlinkError) -> Bool) throws(NetlinkError)
        -> Bool
    {
        do { try perform(requests) } catch {
            guard isFine(error) else { throw error }
            return false
        }
        return true
    }

    /// One transaction of nfnetlink: all of it, or nothing when it throws (`NFNL_MSG_BATCH_BEGIN` … `_END`).
    package func commit(_ requests: [NetlinkRequest], subsystem: UInt16) throws(NetlinkError) {
        guard !requests.isEmpty else { return }
        func boundary(_ type: UInt16) -> NetlinkRequest {
            NetlinkRequest(type: type, subject: "commit") { $0.netfilterHeader(family: 0, resource: subsystem) }
        }
        try send([boundary(0x10)] + requests + [boundary(0x11)], acknowledge: requests.count, offset: 1)
    }

    private func send(_ requests: [NetlinkRequest], acknowledge: Int, offset: Int = 0) throws(NetlinkError) {
        let outcome: Result<Void, NetlinkError> = sequence.withLock { sequence in
            Result { () throws(NetlinkError) in
                let first = sequence &+ 1
                var bytes: [UInt8] = []
                bytes.reserveCapacity(requests.reduce(0) { $0 + $1.body.count + 20 })
                for (index, request) in requests.enumerated() {
                    request.encode(
                        into: &bytes, sequence: first &+ UInt32(index), index == acknowledge ? .acknowledge : [])
                }
                sequence = first &+ UInt32(requests.count)
                try transmit(bytes, subject: requests[acknowledge].subject)
                try collect(requests, first: first, acknowledge: acknowledge, offset: offset)
            }
        }
        try outcome.get()
    }

    private func transmit(_ bytes: [UInt8], subject: String) throws(NetlinkError) {
        do throws(SyscallError) {
            _ = try Sys.send(descriptor.raw, bytes)
        } catch {
            throw NetlinkError(subject, errno: error.errno)
        }
    }

    /// Reads until the queue is empty: an answer that is not there by then will not come.
    private func collect(_ requests: [NetlinkRequest], first: UInt32, acknowledge: Int, offset: Int)
        throws(NetlinkError)
    {
        var failure: NetlinkError?
        var acknowledged = false
        while let messages = try receive(wait: false) {
            for message in messages where message.type == Self.errorType {
                let index = Int(message.sequence &- first)
                // What an earlier request left behind, given up half-way.
                guard index < requests.count, let code: Int32 = message.body.host(at: 0) else { continue }
                if code == 0 {
                    acknowledged = acknowledged || index == acknowledge
                } else if failure == nil {
                    let inside = index >= offset && index < requests.count - offset
                    failure = NetlinkError(
                        requests[inside ? index : acknowledge].subject, errno: -code,
                        explanation: Self.explanation(message), index: inside ? index - offset : nil)
                }
            }
        }
        if let failure { throw failure }
        guard acknowledged else {
            throw NetlinkError(requests[acknowledge].subject, errno: EPROTO, explanation: "the kernel did not answer")
        }
    }

    static let errorType: UInt16 = 2
    private static let doneType: UInt16 = 3

    /// struct nlmsgerr: s32 error, the 16 bytes of the request's header, the request itself unless it was left out
    /// (`NLM_F_CAPPED`), then attributes when there are any (`NLM_F_ACK_TLVS`).
    private static func explanation(_ message: NetlinkMessage) -> String {
        guard message.flags & 0x200 != 0, let length: UInt32 = message.body.host(at: 4) else { return "" }
        let skipped = message.flags & 0x100 != 0 ? 0 : max(0, Int(length) - 16 + 3) & ~3
        return message.attributes(after: 20 + skipped).text(1) ?? ""
    }

    // MARK: - Questions

    /// All objects of a kind, again from the start when they changed meanwhile.
    package func dump<Value>(_ request: NetlinkRequest, _ parse: (NetlinkMessage) -> Value?) throws(NetlinkError)
        -> [Value]
    {
        for _ in 0..<16 {
            if let messages = try query(request, .dump) { return messages.compactMap(parse) }
        }
        throw NetlinkError(request.subject, errno: EAGAIN, explanation: "it changed each time it was read")
    }

    /// One object.
    package func get<Value>(_ request: NetlinkRequest, _ parse: (NetlinkMessage) -> Value?) throws(NetlinkError)
        -> Value?
    {
        try query(request, .acknowledge)?.lazy.compactMap(parse).first
    }

    /// nil when the answer is not to be trusted: something changed while it was put together.
    private func query(_ request: NetlinkRequest, _ flags: NetlinkRequest.Flags) throws(NetlinkError)
        -> [NetlinkMessage]?
    {
        let outcome: Result<[NetlinkMessage]?, NetlinkError> = sequence.withLock { sequence in
            Result { () throws(NetlinkError) in
                sequence &+= 1
                var bytes: [UInt8] = []
                request.encode(into: &bytes, sequence: sequence, flags)
                try transmit(bytes, subject: request.subject)
                return try answers(to: request, sequence)
            }
        }
        return try outcome.get()
    }

    private func answers(to request: NetlinkRequest, _ sequence: UInt32) throws(NetlinkError) -> [NetlinkMessage]? {
        var result: [NetlinkMessage] = []
        var isWhole = true
        var failure: NetlinkError?
        while let messages = try receive(wait: false) {
            for message in messages where message.sequence == sequence {
                // NLM_F_DUMP_INTR
                if message.flags & 0x10 != 0 { isWhole = false }
                switch message.type {
                case Self.doneType, Self.errorType:
                    let code: Int32 = message.body.host(at: 0) ?? 0
                    if -code == EINTR || -code == EAGAIN {
                        isWhole = false
                    } else if code != 0 {
                        failure = NetlinkError(
                            request.subject, errno: -code,
                            explanation: message.type == Self.errorType ? Self.explanation(message) : "")
                    }
                default: result.append(message)
                }
            }
        }
        if let failure { throw failure }
        return isWhole ? result : nil
    }

    /// The messages of one datagram; nil when none waits. An overrun (`ENOBUFS`) reads as an empty one.
    private func receive(wait: Bool) throws(NetlinkError) -> [NetlinkMessage]? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        do throws(SyscallError) {
            guard let count = try Sys.receiveDatagram(descriptor.raw, into: buffer, wait: wait) else { return nil }
            return NetlinkMessage.split(Array(buffer[..<count])[...])
        } catch {
            if error.errno == ENOBUFS { return [] }
            throw NetlinkError(error)
        }
    }

    // MARK: - Notifications

    /// Groups of notifications, by the numbers of `enum rtnetlink_groups` and `enum nfnetlink_groups`.
    package enum Group: UInt32, Sendable {
        case links = 1
        case nftables = 7
    }

    package func join(_ group: Group) throws(NetlinkError) {
        do throws(SyscallError) { try Sys.joinNetlinkGroup(descriptor.raw, group.rawValue) } catch {
            throw NetlinkError(error)
        }
    }

    /// Number of the descriptor, to wait for notifications with.
    package var raw: Int32 { descriptor.raw }

    /// What has been told since the last call; for sockets that ask nothing themselves. nil: more was told than the
    /// socket could hold, so anything may have changed.
    package func notifications() throws(NetlinkError) -> [NetlinkMessage]? {
        var result: [NetlinkMessage] = []
        while let messages = try receive(wait: false) {
            if messages.isEmpty { return nil }
            result += messages
        }
        return result
    }
}

extension NetlinkBuffer {
    /// struct nfgenmsg: u8 address family, u8 version, be16 resource.
    mutating func netfilterHeader(family: UInt8, resource: UInt16 = 0) {
        host(family)
        host(UInt8(0))
        network(resource)
    }
}
