import Basics
import Testing

@testable import Archive

@Suite struct PipelinedSinkTests {
    private struct Refused: Error {}

    @Test func everythingArrivesInOrder() throws {
        let bytes = sampleBytes(5_000_000)
        let sink = try PipelinedSink(name: "test") { try $0.readAll(limit: 1 << 24, of: "it") }
        for start in stride(from: 0, to: bytes.count, by: 700_001) {
            try sink.write(Array(bytes[start..<min(bytes.count, start + 700_001)]))
        }
        let arrived = try sink.finish()
        #expect(arrived == bytes)
    }

    @Test func theReaderRefuses() throws {
        let sink = try PipelinedSink(name: "test") { source in
            var some = [UInt8](repeating: 0, count: 10)
            _ = try some.withUnsafeMutableBytes { try source.fill($0) }
            throw Refused()
        }
        // More than there is room for.
        #expect(throws: Refused.self) { for _ in 0..<100 { try sink.write(sampleBytes(100_000)) } }
        #expect(throws: Refused.self) { try sink.finish() }
        sink.abandon()
    }

    @Test func theWriterGivesUp() throws {
        let sink = try PipelinedSink(name: "test") { source in
            #expect(throws: ArchiveError.self) { try source.readAway() }
        }
        try sink.write([1, 2, 3])
        sink.abandon()
    }
}
