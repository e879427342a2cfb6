import Basics
import Kernel
import Testing

@testable import Archive

@Suite struct HashTests {
    @Test func knownDigest() {
        #expect(
            SHA256Hasher.digest(of: Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256Hasher.digest(of: []).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func passesOnWhatItHashes() throws {
        let bytes = sampleBytes(100_000)
        let source = HashingSource(MemorySource(bytes, piece: 777))
        let sink = HashingSink(nil)
        let memory = MemorySink()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 5000, alignment: 1)
        defer { buffer.deallocate() }
        let count = try source.fill(buffer)
        try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        try memory.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        #expect(memory.bytes == Array(bytes[..<5000]))
        #expect(sink.finish() == SHA256Hasher.digest(of: Array(bytes[..<5000])))
        try source.drain()
        #expect(source.count == 100_000)
        #expect(source.finish() == SHA256Hasher.digest(of: bytes))
    }
}

@Suite struct CompressionTests {
    @Test(arguments: Compression.allCases, [0, 1, 300_000])
    func roundTrip(_ compression: Compression, _ count: Int) throws {
        let bytes = sampleBytes(count)
        let packed = try compress(bytes, compression)
        #expect(try Compression.detect(packed) == (count == 0 && compression == .none ? .none : compression))
        if count > 1 && compression != .none { #expect(packed.count < bytes.count) }
        #expect(try decompress(packed) == bytes)
        #expect(try decompress(packed, piece: 1000) == bytes)
    }

    @Test func sameBytesSameResult() throws {
        #expect(try compress(sampleBytes(50_000), .gzip) == compress(sampleBytes(50_000), .gzip))
    }

    @Test(arguments: [Compression.gzip, .zstd])
    func severalStreamsInOne(_ compression: Compression) throws {
        let packed =
            try compress(Array("one ".utf8), compression) + compress([], compression)
            + compress(Array("two".utf8), compression)
        for piece in [1, 7, 10_000] { #expect(try decompress(packed, piece: piece) == Array("one two".utf8)) }
    }

    @Test(arguments: [Compression.gzip, .zstd])
    func everyTruncationIsAnError(_ compression: Compression) throws {
        let packed = try compress(sampleBytes(600), compression)
        for length in Compression.magicLength..<packed.count {
            #expect(throws: ArchiveError.self, "cut to \(length) of \(packed.count)") {
                try decompress(Array(packed[..<length]))
            }
        }
    }

    @Test func trailingGarbageIsAnError() throws {
        let packed = try compress(sampleBytes(600), .gzip)
        #expect(throws: ArchiveError.self) { try decompress(packed + Array("garbage".utf8)) }
    }

    @Test func wrongChecksumIsAnError() throws {
        var packed = try compress(sampleBytes(600), .gzip)
        packed[packed.count - 6] ^= 1
        #expect(throws: ArchiveError(.damaged, "the gzip stream", "has a wrong checksum")) { try decompress(packed) }
    }

    @Test func hugeZstdWindowIsRefused() throws {
        // A frame header that wants a window of 2 GiB: descriptor 0, window exponent 21 (RFC 8878, 3.1.1.1.2).
        let packed: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00]
        #expect(throws: ArchiveError(.tooLarge, "the zstd stream", "needs a window above the limit of 128 MiB")) {
            try decompress(packed)
        }
    }

    @Test func foreignFormsAreNamed() throws {
        #expect(throws: ArchiveError.self) { try decompress([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0, 0]) }
    }

    @Test func gzipReadsWhatOthersWrite() throws {
        let scratch = try Scratch()
        let bytes = sampleBytes(3_000_000)
        try Sys.replaceFile(scratch.path + "/file", bytes)
        #expect(try run("gzip", "-9", scratch.path + "/file") == 0)
        let (source, compression) = try Decompressor.open(try FileSource(path: scratch.path + "/file.gz"))
        #expect(compression == .gzip)
        #expect(try source.readAll(limit: 1 << 30, of: "test") == bytes)
        try Sys.replaceFile(scratch.path + "/ours.gz", try compress(bytes, .gzip))
        #expect(try run("gzip", "-t", scratch.path + "/ours.gz") == 0)
    }
}

@Suite struct PipelineTests {
    @Test func passesEverything() throws {
        let bytes = sampleBytes(1_000_000)
        let source = try PipelinedSource(MemorySource(bytes, piece: 1234), bufferSize: 5000)
        defer { source.stop() }
        #expect(try source.readAll(limit: 1 << 30, of: "test") == bytes)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 1)
        defer { buffer.deallocate() }
        #expect(try source.read(into: buffer) == 0)
    }

    @Test func stopsInTheMiddle() throws {
        let source = try PipelinedSource(MemorySource(sampleBytes(1_000_000), piece: 1234), bufferSize: 5000)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 1)
        defer { buffer.deallocate() }
        #expect(try source.read(into: buffer) == 10)
        source.stop()
    }

    @Test func errorsArriveBehindTheData() throws {
        let packed = try compress(sampleBytes(100_000), .gzip)
        let source = try PipelinedSource(GzipSource(MemorySource(Array(packed.dropLast(4)))))
        defer { source.stop() }
        var count = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        #expect(throws: ArchiveError.self) {
            while true {
                let more = try source.read(into: buffer)
                if more == 0 { break }
                count += more
            }
        }
        #expect(count == 100_000)
    }
}
