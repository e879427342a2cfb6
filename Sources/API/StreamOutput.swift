import HTTP
import HTTPServer

/// Where a container's output goes: a hijacked connection or a streamed answer, as plain bytes or in frames. Several
/// tasks may write: each piece goes out whole.
actor StreamOutput {
    private let send: @Sendable ([UInt8]) async throws -> Void
    private let framed: Bool
    private var busy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// `framed`: each piece with the stream it belongs to, as for containers without a terminal.
    init(framed: Bool, _ send: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.framed = framed
        self.send = send
    }

    func write(_ kind: StreamKind, _ bytes: some Collection<UInt8> & Sendable) async throws {
        if bytes.isEmpty { return }
        let piece = framed ? StreamFrame.encode(kind, bytes) : Array(bytes)
        // An actor is open to others while it waits, and half a frame must not be.
        while busy { await withCheckedContinuation { waiting.append($0) } }
        busy = true
        defer {
            busy = false
            if !waiting.isEmpty { waiting.removeFirst().resume() }
        }
        try await send(piece)
    }

    /// The type that the answer states, by the version of the API that the client speaks.
    static func type(framed: Bool, _ version: APIVersion) -> String {
        framed && version >= APIVersion(1, 42)
            ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream"
    }
}
