package import Archive
package import Basics
package import Kernel

/// A changed path, as `docker diff` shows it.
package struct LayerChange: Sendable, Equatable {
    package enum Kind: Int, Sendable {
        case modified = 0
        case added = 1
        case deleted = 2
    }
    /// Absolute.
    package var path: BytePath
    package var kind: Kind
    package init(path: BytePath, kind: Kind) {
        self.path = path
        self.kind = kind
    }
}

/// What a container changed: read from the upper directory of its overlay, with a look into the lower ones.
///
/// Files that were copied up and are the same still, and directories that only hold such files, are no changes: an
/// unchanged container has none, and its layer is the empty one.
package enum LayerDiff {
    /// Writes the changes as a layer: sorted, whiteouts before their siblings, hard links kept, sockets left out,
    /// sparse files dense. The same changes give the same bytes. Does not finish the writer.
    ///
    /// `lowers`: top first; with none, everything in `upper` goes in. `excluded`: paths, with all below them, that are
    /// not the container's doing, such as mountpoints made for it; normalized, relative to the root.
    package static func write(
        upper: borrowing FileDescriptor, lowers: [SharedDescriptor], excluding excluded: [BytePath] = [],
        to writer: TarWriter
    ) throws {
        let emitter = EntryEmitter(writer)
        // Directories on the way to the current place that are not written yet, as nothing in them was.
        var pending: [TarEntry] = []
        try OverlayWalk(upper: upper.raw, lowers: lowers, excluded: excluded).run { visit in
            let path = visit.entry.path
            while let last = pending.last, !path.isAtOrBelow(last.path) { pending.removeLast() }
            if visit.entry.status.kind == .directory {
                guard let entry = try EntryEmitter.entry(visit.entry, as: path) else { return }
                pending.append(entry)
                if visit.effect == .unchanged && !visit.opaque && !visit.covered { return }
            }
            for directory in pending { try writer.begin(directory) }
            pending = []
            if visit.opaque {
                try writer.begin(TarEntry(path: path.appending(Whiteout.opaqueName), kind: .file, mode: 0o600))
            }
            if visit.entry.status.kind == .directory { return }
            if visit.effect == .deleted {
                let name = BytePath(Array(Whiteout.prefix.utf8) + path.name.bytes)
                return try writer.begin(TarEntry(path: path.parent.appending(name), kind: .file, mode: 0o600))
            }
            try emitter.emit(visit.entry, as: path)
        }
    }

    /// Writes the changes as a whole layer tar; its DiffID and size.
    package static func write(
        upper: borrowing FileDescriptor, lowers: [SharedDescriptor], excluding excluded: [BytePath] = [],
        to sink: any ByteSink
    ) throws -> (diffID: Digest, size: Int64) {
        let hashing = HashingSink(sink)
        let writer = TarWriter(hashing)
        try write(upper: upper, lowers: lowers, excluding: excluded, to: writer)
        try writer.finish()
        return (hashing.finish(), hashing.count)
    }

    /// The changed paths, sorted; directories that hold a change count as modified.
    package static func changes(
        upper: borrowing FileDescriptor, lowers: [SharedDescriptor], excluding excluded: [BytePath] = []
    ) throws -> [LayerChange] {
        var result: [LayerChange] = []
        var pending: [BytePath] = []
        func absolute(_ path: BytePath) -> BytePath { BytePath([UInt8(ascii: "/")] + path.bytes) }
        try OverlayWalk(upper: upper.raw, lowers: lowers, excluded: excluded).run { visit in
            let path = visit.entry.path
            while let last = pending.last, !path.isAtOrBelow(last) { pending.removeLast() }
            if visit.effect == .unchanged && visit.removed.isEmpty {
                // A directory; a file only below an opaque one, where it replaced its like.
                if visit.entry.status.kind == .directory { pending.append(path) }
                return
            }
            result += pending.map { LayerChange(path: absolute($0), kind: .modified) }
            pending = []
            let kind: LayerChange.Kind =
                switch visit.effect {
                case .added: .added
                case .modified, .unchanged: .modified
                case .deleted: .deleted
                }
            result.append(LayerChange(path: absolute(path), kind: kind))
            result += visit.removed.filter { removed in !excluded.contains { removed.isAtOrBelow($0) } }
                .map { LayerChange(path: absolute($0), kind: .deleted) }
        }
        return result.sorted { $0.path < $1.path }
    }
}
