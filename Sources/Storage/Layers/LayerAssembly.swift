import Archive
import Basics
import Glibc
import Kernel

/// How the plain tar of a layer is put together again from its unpacked files, so that it need not be kept beside
/// them. A gzip stream:
///
///     "box layer 1\n"  then records:
///     0  count (4 bytes, little endian)  that many bytes as they were: headers, padding, small files
///     1  size (8)  length of path (2)  path: all bytes of that file below the layer's root
enum LayerAssembly {
    static let magic = Array("box layer 1\n".utf8)
    static let literal: UInt8 = 0
    static let file: UInt8 = 1
    /// Smaller files stand in it themselves.
    static let smallestFile: Int64 = 32 << 10
    static let fileName = "assembly"
}

/// Writes an assembly while a layer is unpacked.
final class LayerAssemblyWriter {
    private let sink: any FinishingSink
    private var pending: [UInt8] = []
    private var hasFiles = false
    /// False when a file that it refers to did not stay: it is of no use then.
    private(set) var isWhole = true
    private static let pendingLimit = 64 << 10

    init(_ sink: any ByteSink) throws {
        self.sink = Compressor.open(sink, .gzip)
        try self.sink.write(LayerAssembly.magic)
    }

    func literal(_ bytes: UnsafeRawBufferPointer) throws {
        if pending.count + bytes.count > Self.pendingLimit { try flush() }
        guard bytes.count < Self.pendingLimit else { return try write(bytes) }
        pending.append(contentsOf: bytes)
    }

    func file(_ path: BytePath, size: Int64) throws {
        try flush()
        hasFiles = true
        try sink.write([LayerAssembly.file])
        try withUnsafeBytes(of: size.littleEndian) { try sink.write($0) }
        try withUnsafeBytes(of: UInt16(path.bytes.count).littleEndian) { try sink.write($0) }
        try sink.write(Array(path.bytes))
    }

    /// Something that was unpacked before is taken away again.
    func lost() { if hasFiles { isWhole = false } }

    func finish() throws {
        try flush()
        try sink.finish()
    }

    private func flush() throws {
        if !pending.isEmpty { try pending.withUnsafeBytes { try write($0) } }
        pending.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        try sink.write([LayerAssembly.literal])
        try withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { try sink.write($0) }
        try sink.write(bytes)
    }
}

/// Gives the tar out again.
final class AssembledLayer: ByteSource {
    private let records: any ByteSource
    private let root: SharedDescriptor
    private var literalLeft = 0
    private var fileLeft: Int64 = 0
    private var file: FileSource?

    /// `directory`: the layer's, with its `diff` and its assembly.
    init(_ directory: String) throws {
        let path = "\(directory)/\(LayerAssembly.fileName)"
        records = Decompressor.wrap(FileSource(try Sys.open(path, O_RDONLY | O_NOFOLLOW)), as: .gzip)
        root = SharedDescriptor(try Sys.open(directory + "/diff", O_RDONLY | O_DIRECTORY))
        guard try bytes(LayerAssembly.magic.count) == LayerAssembly.magic else {
            throw Self.damaged("is not of a form that is known")
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !buffer.isEmpty else { return 0 }
        while literalLeft == 0, fileLeft == 0 {
            file = nil
            if try !next() { return 0 }
        }
        if let file {
            let count = try file.read(into: Self.part(of: buffer, fileLeft))
            if count == 0 { throw Self.damaged("refers to a file that has become shorter") }
            fileLeft -= Int64(count)
            return count
        }
        let count = try records.read(into: Self.part(of: buffer, Int64(literalLeft)))
        if count == 0 { throw Self.damaged("is cut off") }
        literalLeft -= count
        return count
    }

    /// False at the end.
    private func next() throws -> Bool {
        var kind: UInt8 = 0
        if try withUnsafeMutableBytes(of: &kind, { try records.fill($0) }) == 0 { return false }
        switch kind {
        case LayerAssembly.literal: literalLeft = Int(try number(4))
        case LayerAssembly.file:
            fileLeft = Int64(truncatingIfNeeded: try number(8))
            let path = BytePath(try bytes(Int(try number(2))))
            file = FileSource(
                try path.withCString { (raw) throws(SyscallError) in
                    try Sys.open(at: root.raw, path: raw, O_RDONLY | O_NOFOLLOW, resolve: [.inRoot, .noMagicLinks])
                })
        default: throw Self.damaged("has a record of the unknown kind \(kind)")
        }
        return true
    }

    private func number(_ size: Int) throws -> UInt64 { try bytes(size).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    private func bytes(_ count: Int) throws -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        guard try result.withUnsafeMutableBytes({ try records.fill($0) }) == count else {
            throw Self.damaged("is cut off")
        }
        return result
    }

    private static func part(of buffer: UnsafeMutableRawBufferPointer, _ limit: Int64) -> UnsafeMutableRawBufferPointer
    {
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(buffer.count), limit))])
    }

    private static func damaged(_ problem: String) -> StorageError { .damaged("the layer's assembly \(problem)") }
}
