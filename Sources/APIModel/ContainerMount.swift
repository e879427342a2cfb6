/// A mount as a client asks for it, `--mount`.
package struct Mount: Codable, Hashable, Sendable {
    /// `bind`, `volume`, `tmpfs`; others are known to the API.
    @Always package var type: String
    /// Path on the host, or name of the volume; absent with `volume`: a new one without a name.
    package var source: String?
    @Always package var target: String
    package var readOnly: Bool?
    /// Without a meaning on Linux.
    package var consistency: String?
    package var bindOptions: BindOptions?
    package var volumeOptions: VolumeOptions?
    package var imageOptions: ImageOptions?
    package var tmpfsOptions: TmpfsOptions?

    package init(
        type: String = "", source: String? = nil, target: String = "", readOnly: Bool? = nil,
        consistency: String? = nil, bindOptions: BindOptions? = nil, volumeOptions: VolumeOptions? = nil,
        imageOptions: ImageOptions? = nil, tmpfsOptions: TmpfsOptions? = nil
    ) {
        self.type = type
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.consistency = consistency
        self.bindOptions = bindOptions
        self.volumeOptions = volumeOptions
        self.imageOptions = imageOptions
        self.tmpfsOptions = tmpfsOptions
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case source = "Source"
        case target = "Target"
        case readOnly = "ReadOnly"
        case consistency = "Consistency"
        case bindOptions = "BindOptions"
        case volumeOptions = "VolumeOptions"
        case imageOptions = "ImageOptions"
        case tmpfsOptions = "TmpfsOptions"
    }
}

package struct BindOptions: Codable, Hashable, Sendable {
    /// `private`, `shared`, `slave`, each also with `r` before it.
    package var propagation: String?
    package var nonRecursive: Bool?
    /// Make the source if it is missing.
    package var createMountpoint: Bool?
    package var readOnlyNonRecursive: Bool?
    package var readOnlyForceRecursive: Bool?

    package init(
        propagation: String? = nil, nonRecursive: Bool? = nil, createMountpoint: Bool? = nil,
        readOnlyNonRecursive: Bool? = nil, readOnlyForceRecursive: Bool? = nil
    ) {
        self.propagation = propagation
        self.nonRecursive = nonRecursive
        self.createMountpoint = createMountpoint
        self.readOnlyNonRecursive = readOnlyNonRecursive
        self.readOnlyForceRecursive = readOnlyForceRecursive
    }

    enum CodingKeys: String, CodingKey {
        case propagation = "Propagation"
        case nonRecursive = "NonRecursive"
        case createMountpoint = "CreateMountpoint"
        case readOnlyNonRecursive = "ReadOnlyNonRecursive"
        case readOnlyForceRecursive = "ReadOnlyForceRecursive"
    }
}

package struct VolumeOptions: Codable, Hashable, Sendable {
    /// Leave a new volume empty.
    package var noCopy: Bool?
    package var labels: [String: String]?
    package var subpath: String?
    package var driverConfig: VolumeDriverConfig?

    package init(
        noCopy: Bool? = nil, labels: [String: String]? = nil, subpath: String? = nil,
        driverConfig: VolumeDriverConfig? = nil
    ) {
        self.noCopy = noCopy
        self.labels = labels
        self.subpath = subpath
        self.driverConfig = driverConfig
    }

    enum CodingKeys: String, CodingKey {
        case noCopy = "NoCopy"
        case labels = "Labels"
        case subpath = "Subpath"
        case driverConfig = "DriverConfig"
    }
}

package struct VolumeDriverConfig: Codable, Hashable, Sendable {
    package var name: String?
    package var options: [String: String]?

    package init(name: String? = nil, options: [String: String]? = nil) {
        self.name = name
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case options = "Options"
    }
}

package struct ImageOptions: Codable, Hashable, Sendable {
    package var subpath: String?

    package init(subpath: String? = nil) {
        self.subpath = subpath
    }

    enum CodingKeys: String, CodingKey {
        case subpath = "Subpath"
    }
}

package struct TmpfsOptions: Codable, Hashable, Sendable {
    package var sizeBytes: Int64?
    /// Permission bits.
    package var mode: UInt32?
    /// `[name]` or `[name, value]`.
    package var options: [[String]]?

    package init(sizeBytes: Int64? = nil, mode: UInt32? = nil, options: [[String]]? = nil) {
        self.sizeBytes = sizeBytes
        self.mode = mode
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case sizeBytes = "SizeBytes"
        case mode = "Mode"
        case options = "Options"
    }
}
