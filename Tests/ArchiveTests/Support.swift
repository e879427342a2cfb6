import Basics
import Glibc
import Kernel

@testable import Archive

/// A directory of the test's own, removed with it.
final class Scratch {
    let path: String
    init() throws {
        path = "/tmp/box-archive-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path, mode: 0o700)
    }
    deinit { try? Sys.removeTree(path) }
}

/// Bytes that compress somewhat and never repeat exactly.
func sampleBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { index in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return index % 3 == 0 ? UInt8(truncatingIfNeeded: state >> 60) : UInt8(truncatingIfNeeded: index >> 4)
    }
}

func compress(_ bytes: [UInt8], _ compression: Compression) throws -> [UInt8] {
    let sink = MemorySink()
    let compressor = Compressor.open(sink, compression)
    try compressor.write(bytes)
    try compressor.finish()
    return sink.bytes
}

func decompress(_ bytes: [UInt8], piece: Int = .max) throws -> [UInt8] {
    let (source, _) = try Decompressor.open(MemorySource(bytes, piece: piece))
    return try source.readAll(limit: 1 << 30, of: "test")
}

/// A tar of some entries with data.
func makeTar(_ entries: [(TarEntry, [UInt8])]) throws -> [UInt8] {
    let sink = MemorySink()
    let writer = TarWriter(sink)
    for (entry, data) in entries { try writer.add(entry, data) }
    try writer.finish()
    return sink.bytes
}

func readTar(_ bytes: [UInt8], piece: Int = .max) throws -> [(entry: TarEntry, data: [UInt8])] {
    let reader = TarReader(MemorySource(bytes, piece: piece))
    var result: [(entry: TarEntry, data: [UInt8])] = []
    while let entry = try reader.next() {
        result.append((entry, try reader.data.readAll(limit: 1 << 28, of: "test")))
    }
    return result
}

/// Changes header fields of the first block and makes its checksum right again.
func patched(_ tar: [UInt8], at block: Int = 0, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var header = Array(tar[block * 512..<block * 512 + 512])
    change(&header)
    for index in 148..<156 { header[index] = 0x20 }
    let sum = header.reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    header.replaceSubrange(
        148..<155, with: Array((String(repeating: "0", count: 6 - digits.count) + digits).utf8) + [0])
    return Array(tar[..<(block * 512)]) + header + Array(tar[(block * 512 + 512)...])
}

/// Runs a program of /usr/bin to its end; its exit status.
func run(_ program: String, _ arguments: String...) throws -> Int32 {
    let spawn = Spawn(
        "/usr/bin/" + program, arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"])
    let process = try spawn.start()
    var status: Int32 = 0
    _ = try check("waitpid") { waitpid(process.pid, &status, 0) }
    return status >> 8 & 0xff
}
