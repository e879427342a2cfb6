package import APIModel

/// A mount that a container is to have, besides those that every container has.
package struct PlannedMount: Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Sendable { case bind, volume, tmpfs }

    package var kind: Kind
    /// A path on the host, or the name of a volume; empty for a tmpfs.
    package var source: String
    /// Absolute and clean.
    package var destination: String
    package var readOnly: Bool
    /// Of a read-only bind mount: the mounts below its source stay writable.
    package var readOnlyTopOnly: Bool
    /// Of a bind mount: without the mounts below its source.
    package var nonRecursive: Bool
    /// `rprivate` and so on.
    package var propagation: String
    /// Of a bind mount: make a directory where the source is missing. Else a missing one is an error.
    package var createSource: Bool
    /// Of a volume: a new one stays empty, though the image has files at the destination.
    package var noCopy: Bool
    /// A path inside the volume.
    package var subpath: String
    /// Of a volume: made for this container alone, under a name that nobody chose.
    package var anonymous: Bool
    /// For a volume that is made.
    package var volumeLabels: [String: String]
    /// Of a tmpfs: the mount's options.
    package var options: [String]
    /// The options as the user wrote them, for `inspect`.
    package var mode: String

    package init(
        kind: Kind, source: String = "", destination: String, readOnly: Bool = false, readOnlyTopOnly: Bool = false,
        nonRecursive: Bool = false, propagation: String = "", createSource: Bool = false, noCopy: Bool = false,
        subpath: String = "", anonymous: Bool = false, volumeLabels: [String: String] = [:], options: [String] = [],
        mode: String = ""
    ) {
        self.kind = kind
        self.source = source
        self.destination = destination
        self.readOnly = readOnly
        self.readOnlyTopOnly = readOnlyTopOnly
        self.nonRecursive = nonRecursive
        self.propagation = propagation
        self.createSource = createSource
        self.noCopy = noCopy
        self.subpath = subpath
        self.anonymous = anonymous
        self.volumeLabels = volumeLabels
        self.options = options
        self.mode = mode
    }

    /// As `inspect` shows it.
    ///
    /// - Parameter hostPath: where a volume's files are; not asked for the other kinds.
    package func mountPoint(hostPath: String) -> MountPoint {
        MountPoint(
            type: kind.rawValue, name: kind == .volume ? source : nil, source: kind == .volume ? hostPath : source,
            destination: destination, driver: kind == .volume ? "local" : nil, mode: mode, writable: !readOnly,
            propagation: propagation)
    }
}
