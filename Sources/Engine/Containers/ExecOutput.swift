package import Reactor

/// The beginning of what an exec prints, while somebody waits for its end.
package struct ExecOutput: Sendable {
    private let output: Task<[UInt8], Never>
    private let errors: Task<[UInt8], Never>
    private static let limit = 4096

    package init(_ streams: ExecSession.Streams) {
        output = Task { await Self.head(of: streams.output) }
        errors = Task { await Self.head(of: streams.errors) }
    }

    /// Of standard output, then of standard error, 4,096 bytes each. A child that outlives the program may hold them
    /// open: what there is after a moment is all.
    package func text(_ loop: EventLoop, graceNanoseconds: Int64) async -> String {
        let grace = Task {
            try await loop.sleep(nanoseconds: graceNanoseconds)
            output.cancel()
            errors.cancel()
        }
        let text = String(decoding: await output.value + errors.value, as: UTF8.self)
        grace.cancel()
        return text
    }

    /// The rest is read and dropped, so that the program is not held up.
    private static func head(of stream: AsyncSocket?) async -> [UInt8] {
        var head: [UInt8] = []
        guard let stream else { return head }
        while let bytes = try? await stream.read(), !bytes.isEmpty {
            head += bytes.prefix(max(0, limit - head.count))
        }
        return head
    }
}
