import Archive
import Glibc
import Kernel

/// What a layer's entry does to what lies below it.
enum OverlayEffect: Equatable {
    case added, modified, deleted, unchanged
}

/// Walks an overlay's upper directory and tells, looking into the lower ones, what each entry changes.
struct OverlayWalk {
    /// The lower layers in which a directory shows, top first, and whether the upper one hides them.
    private struct Merged {
        var lowers: [Int]
        var hidden: Bool
    }

    private static let walk: Sys.Resolve = [.beneath, .noSymlinks, .noMagicLinks]

    let upper: Int32
    /// Top first. None: everything counts as added.
    let lowers: [SharedDescriptor]
    let excluded: [BytePath]

    /// An opaque directory, or a file's entry, as the caller gets it.
    struct Visit: ~Copyable {
        let entry: WalkedEntry
        let effect: OverlayEffect
        /// The directory hides what lower layers have in it.
        let opaque: Bool
        /// Below an opaque directory, where nothing shows through: the same entry of a lower layer is of no help.
        let covered: Bool
        /// Paths that such a directory takes away without a whiteout of their own.
        let removed: [BytePath]
    }

    /// `visit` gets directories before what is in them; not the root.
    func run(_ visit: (borrowing Visit) throws -> Void) throws {
        let start = Merged(lowers: Array(lowers.indices), hidden: false)
        try TreeWalker.walk(upper, context: start) { entry, merged in
            if entry.path.isEmpty { return merged }
            if excluded.contains(where: { entry.path.isAtOrBelow($0) }) { return nil }
            try refuseRedirects(entry)
            if Whiteout.isWhiteout(entry.status) {
                let hides = try lowers.isEmpty || (!merged.hidden && look(entry.path, in: merged).status != nil)
                if hides { try visit(Self.visit(entry, .deleted)) }
                return nil
            }
            let below = try look(entry.path, in: merged)
            var effect = OverlayEffect.added
            if let lower = below.status { effect = try isSame(entry, below, lower) ? .unchanged : .modified }
            guard entry.status.kind == .directory else {
                if effect != .unchanged || merged.hidden {
                    try visit(Self.visit(entry, effect, covered: merged.hidden))
                }
                return nil
            }
            let opaque = try Whiteout.isOpaque(entry.file)
            let hidden = merged.hidden || opaque
            let removed = hidden ? try missing(entry, in: below.merged) : []
            try visit(
                Self.visit(
                    entry, effect, opaque: opaque && (lowers.isEmpty || !below.merged.isEmpty), covered: merged.hidden,
                    removed: removed))
            return Merged(lowers: below.merged, hidden: hidden)
        }
    }

    private static func visit(
        _ entry: borrowing WalkedEntry, _ effect: OverlayEffect, opaque: Bool = false, covered: Bool = false,
        removed: [BytePath] = []
    ) throws -> Visit {
        // The walk keeps its descriptor: the visit has one of its own.
        Visit(
            entry: WalkedEntry(path: entry.path, status: entry.status, file: try entry.file.duplicate()),
            effect: effect, opaque: opaque, covered: covered, removed: removed)
    }

    /// Directories renamed by reference and files without their data need lower layers to make sense.
    private func refuseRedirects(_ entry: borrowing WalkedEntry) throws {
        for name in ["trusted.overlay.redirect", "trusted.overlay.metacopy"]
        where try entry.file.attribute(name) != nil {
            throw ArchiveError(
                .unsupported, entry: entry.path,
                "has \(name): the overlay was not mounted with redirect_dir=off,metacopy=off, its changes cannot be told"
            )
        }
    }

    // MARK: Lower layers

    private struct Below {
        /// Of what shows by that name below, if anything.
        var status: FileStatus?
        /// The layer that has it.
        var layer = 0
        /// For a directory: the layers that contribute to its content.
        var merged: [Int] = []
    }

    private func look(_ path: BytePath, in merged: Merged) throws -> Below {
        var result = Below()
        for layer in merged.lowers {
            guard let file = try open(path, in: layer) else { continue }
            let status = try file.status()
            if Whiteout.isWhiteout(status) { break }
            if result.status == nil {
                result.status = status
                result.layer = layer
            }
            guard status.kind == .directory else { break }
            result.merged.append(layer)
            if try Whiteout.isOpaque(file) { break }
        }
        return result
    }

    private func open(_ path: BytePath, in layer: Int) throws(SyscallError) -> FileDescriptor? {
        do {
            return try path.withCString { (raw) throws(SyscallError) in
                try Sys.open(at: lowers[layer].raw, path: raw, Sys.openPath | O_NOFOLLOW, resolve: Self.walk)
            }
        } catch let error where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP {
            return nil
        }
    }

    /// Names that the lower layers show in a directory and the upper one does not have.
    private func missing(_ directory: borrowing WalkedEntry, in layers: [Int]) throws -> [BytePath] {
        var names: Set<[UInt8]> = []
        for layer in layers {
            guard let lower = try open(directory.path, in: layer) else { continue }
            for entry in try Sys.list(try Sys.open(at: lower.raw, ".", O_RDONLY | O_DIRECTORY)) {
                names.insert(entry.rawName)
            }
        }
        let merged = Merged(lowers: layers, hidden: false)
        return try names.map { directory.path.appending($0) }.sorted().filter { path in
            let there = try path.name.withCString { (raw) throws(SyscallError) in
                try Sys.statusIfAny(at: directory.file.raw, entry: raw)
            }
            if let there, !Whiteout.isWhiteout(there) { return false }
            return try look(path, in: merged).status != nil
        }
    }

    /// Copied up, and then left as it was. Of a directory only attributes count: what is in it is looked at by itself.
    private func isSame(_ entry: borrowing WalkedEntry, _ below: Below, _ lower: FileStatus) throws -> Bool {
        let upper = entry.status
        guard upper.mode == lower.mode, upper.uid == lower.uid, upper.gid == lower.gid,
            upper.deviceMajor == lower.deviceMajor, upper.deviceMinor == lower.deviceMinor,
            let file = try open(entry.path, in: below.layer),
            try ArchivedAttributes.read(entry.file) == ArchivedAttributes.read(file)
        else { return false }
        switch upper.kind {
        case .directory: return true
        case .symlink:
            return try upper.modified == lower.modified
                && Sys.readlink(at: entry.file.raw, entry: "") == Sys.readlink(at: file.raw, entry: "")
        default: break
        }
        guard upper.modified == lower.modified, upper.size == lower.size else { return false }
        if upper.kind != .regular { return true }
        // Times can be set to anything: only the bytes tell.
        return try Self.sameBytes(
            try entry.openContent(), try Sys.open(file.procPath, O_RDONLY | O_NONBLOCK | O_NOCTTY))
    }

    private static func sameBytes(_ a: borrowing FileDescriptor, _ b: borrowing FileDescriptor) throws -> Bool {
        let half = 128 << 10
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * half, alignment: 4096)
        defer { buffer.deallocate() }
        let first = UnsafeMutableRawBufferPointer(rebasing: buffer[..<half])
        let second = UnsafeMutableRawBufferPointer(rebasing: buffer[half...])
        var offset = 0
        while true {
            let count = try a.read(into: first, at: offset)
            if count != (try b.read(into: second, at: offset)) { return false }
            if count == 0 { return true }
            if !first[..<count].elementsEqual(second[..<count]) { return false }
            offset += count
        }
    }
}
