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
///
/// A tar may have a name twice. What the second one took the place of is in `kept/`, by numbers from 0, and `kept/list`
/// has for each, in the same order:
///
///     files before it (8)  length of path (2)  path
///
/// Of the files before, those at that path or below it are looked for there.
enum LayerAssembly {
    static let magic = Array("box layer 1\n".utf8)
    static let literal: UInt8 = 0
    static let file: UInt8 = 1
    /// Smaller files stand in it themselves: to open one takes longer than to read it here.
    static let smallestFile: Int64 = 2 << 10
    static let fileName = "assembly"
    static let keptName = "kept"

    /// What was taken away from `path` when `files` had been unpacked.
    struct Kept {
        let files: UInt64
        let path: BytePath

        /// The part of a path that is below this one; nil when it is another, or came later.
        func rest(of other: BytePath, number: UInt64) -> ArraySlice<UInt8>? {
            guard number < files, other.bytes.starts(with: path.bytes) else { return nil }
            let rest = other.bytes.dropFirst(path.bytes.count)
            return rest.isEmpty || rest.first == UInt8(ascii: "/") ? ArraySlice(rest) : nil
        }
    }

    static func record(_ number: UInt64, _ path: BytePath) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
            + withUnsafeBytes(of: UInt16(path.bytes.count).littleEndian) { Array($0) } + Array(path.bytes)
    }
}

/// Writes an assembly while a layer is unpacked.
final class LayerAssemblyWriter {
    private let sink: any FinishingSink
    private var pending: [UInt8] = []
    /// Where it is, beside the layer's `diff`.
    private let directory: String
    private var files: UInt64 = 0
    private var kept: [LayerAssembly.Kept] = []
    private static let pendingLimit = 64 << 10

    /// `sink`: what is written goes there, to be compressed.
    init(_ sink: any FinishingSink, in directory: String) throws {
        self.sink = sink
        self.directory = directory
        try self.sink.write(LayerAssembly.magic)
    }

    func literal(_ bytes: UnsafeRawBufferPointer) throws {
        if pending.count + bytes.count > Self.pendingLimit { try flush() }
        guard bytes.count < Self.pendingLimit else { return try write(bytes) }
        pending.append(contentsOf: bytes)
    }

    func file(_ path: BytePath, size: Int64) throws {
        try flush()
        files += 1
        try sink.write([LayerAssembly.file] + LayerAssembly.record(UInt64(size), path))
    }

    /// Takes what was unpacked at `path` out of the way, instead of removing it.
    func keep(_ path: BytePath, at parent: Int32, _ name: RawName) throws {
        let place = "\(directory)/\(LayerAssembly.keptName)"
        if kept.isEmpty { try Sys.makeDirectories(place, mode: 0o700) }
        let target = try Sys.open(place, Sys.openDirectory)
        try BytePath(String(kept.count)).withCString { (number) throws(SyscallError) in
            try Sys.rename(at: parent, entry: name, to: target.raw, entry: number)
        }
        kept.append(LayerAssembly.Kept(files: files, path: path))
    }

    func finish() throws {
        try flush()
        try sink.finish()
        if kept.isEmpty { return }
        let list = kept.flatMap { LayerAssembly.record($0.files, $0.path) }
        try Sys.writeFile("\(directory)/\(LayerAssembly.keptName)/list", list)
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
    /// The layer's directory.
    private let root: SharedDescriptor
    private var kept: [LayerAssembly.Kept] = []
    private var files: UInt64 = 0
    private var literalLeft = 0
    private var fileLeft: Int64 = 0
    private var file: FileSource?

    /// `directory`: the layer's, with its `diff` and its assembly.
    init(_ directory: String) throws {
        let path = "\(directory)/\(LayerAssembly.fileName)"
        records = Decompressor.wrap(FileSource(try Sys.open(path, O_RDONLY | O_NOFOLLOW)), as: .gzip)
        root = SharedDescriptor(try Sys.open(directory, O_RDONLY | O_DIRECTORY))
        let list = "\(directory)/\(LayerAssembly.keptName)/list"
        if Sys.exists(list) {
            let source = try FileSource(path: list)
            while let files = try Self.number(8, of: source) {
                kept.append(.init(files: files, path: try Self.path(source)))
            }
        }
        guard try Self.bytes(LayerAssembly.magic.count, of: records) == LayerAssembly.magic else {
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
        case LayerAssembly.literal:
            guard let count = try Self.number(4, of: records) else { throw Self.damaged("is cut off") }
            literalLeft = Int(count)
        case LayerAssembly.file:
            guard let size = try Self.number(8, of: records) else { throw Self.damaged("is cut off") }
            fileLeft = Int64(truncatingIfNeeded: size)
            file = FileSource(try open(try Self.path(records)))
            files += 1
        default: throw Self.damaged("has a record of the unknown kind \(kind)")
        }
        return true
    }

    private func open(_ path: BytePath) throws(SyscallError) -> FileDescriptor {
        var (top, rest) = ("diff", ArraySlice(path.bytes))
        for (index, one) in kept.enumerated() {
            guard let below = one.rest(of: path, number: files) else { continue }
            (top, rest) = ("\(LayerAssembly.keptName)/\(index)", below.dropFirst())
            break
        }
        if rest.isEmpty {
            return try Sys.open(at: root.raw, top, O_RDONLY | O_NOFOLLOW, resolve: [.beneath, .noSymlinks])
        }
        let place = try Sys.open(at: root.raw, top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        return try BytePath(rest).withCString { (raw) throws(SyscallError) in
            try Sys.open(at: place.raw, path: raw, O_RDONLY | O_NOFOLLOW, resolve: [.beneath, .noSymlinks])
        }
    }

    /// nil at the end.
    private static func number(_ size: Int, of source: any ByteSource) throws -> UInt64? {
        let bytes = try bytes(size, of: source, endsHere: true)
        return bytes.isEmpty ? nil : bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func path(_ source: any ByteSource) throws -> BytePath {
        guard let count = try number(2, of: source) else { throw damaged("is cut off") }
        return BytePath(try bytes(Int(count), of: source))
    }

    private static func bytes(_ count: Int, of source: any ByteSource, endsHere: Bool = false) throws -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        let found = try result.withUnsafeMutableBytes { try source.fill($0) }
        if found == 0, endsHere { return [] }
        guard found == count else { throw damaged("is cut off") }
        return result
    }

    private static func part(of buffer: UnsafeMutableRawBufferPointer, _ limit: Int64) -> UnsafeMutableRawBufferPointer
    {
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(buffer.count), limit))])
    }

    private static func damaged(_ problem: String) -> StorageError { .damaged("the layer's assembly \(problem)") }
}
