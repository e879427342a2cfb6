package import APIModel
import Basics

/// What is mounted into a container by its user's wish, or its image's.
package enum MountPlan {
    static let propagations: Set<String> = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

    /// The name of a container in `--volumes-from`, without its options.
    package static func volumesFromContainer(_ text: String) -> String {
        String(text.split(separator: ":", omittingEmptySubsequences: false).first ?? "")
    }

    /// All the mounts, those of parent directories before those below them.
    ///
    /// Where two want the same place: the container's own mounts go over those of other containers, and both over
    /// the volumes that the image wants; two of the container's own are an error.
    /// - Parameters:
    ///   - config: the container's configuration, merged with its image's.
    ///   - others: the mounts of each container in `--volumes-from`, by the name that the user wrote.
    ///   - newName: names volumes that have none.
    package static func plan(
        _ config: ContainerConfig, _ host: HostConfig, volumesFrom others: [String: [PlannedMount]],
        newName: () -> String = { Identifier().hex }
    ) throws(SpecError) -> [PlannedMount] {
        var plan: [String: PlannedMount] = [:]
        for text in host.volumesFrom ?? [] {
            for mount in try inherited(text, others) { plan[mount.destination] = mount }
        }
        var own: Set<String> = []
        func add(_ mount: PlannedMount) throws(SpecError) {
            guard own.insert(mount.destination).inserted else {
                throw .invalid("Duplicate mount point: \(mount.destination)")
            }
            plan[mount.destination] = mount
        }
        for text in host.binds ?? [] { try add(try BindSpecification(text, newName: newName).mount) }
        for mount in host.mounts ?? [] { try add(try planned(mount, newName)) }
        for (path, options) in (host.tmpfs ?? [:]).sorted(by: { $0.key < $1.key }) {
            try add(try TmpfsMount.planned(try destination(path, in: path), options: options))
        }
        for path in (config.volumes ?? [:]).keys.sorted() {
            // An image's volume may be written without its leading slash.
            let destination = try destination(path.hasPrefix("/") ? path : "/" + path, in: path)
            if plan[destination] == nil {
                plan[destination] = PlannedMount(
                    kind: .volume, source: newName(), destination: destination, anonymous: true)
            }
        }
        return plan.values.sorted {
            (ContainerPath.depth($0.destination), $0.destination) < (
                ContainerPath.depth($1.destination), $1.destination
            )
        }
    }

    /// Clean, and neither relative nor the root. `specification` is named in the error.
    static func destination(_ path: String, in specification: String) throws(SpecError) -> String {
        guard let clean = ContainerPath.clean(path) else {
            throw .invalid(
                "invalid mount path: \(path.quoted) in \(specification.quoted): mount path must be absolute")
        }
        guard clean != "/" else {
            throw .invalid("invalid volume specification: \(specification.quoted): destination can't be '/'")
        }
        return clean
    }

    private static func inherited(_ text: String, _ others: [String: [PlannedMount]]) throws(SpecError)
        -> [PlannedMount]
    {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), !parts[0].isEmpty else {
            throw .invalid("invalid --volumes-from: \(text.quoted)")
        }
        let mode = parts.count == 2 ? parts[1] : ""
        guard ["", "ro", "rw", "z", "Z"].contains(mode) else {
            throw .invalid("invalid mode for volumes-from: \(mode.quoted)")
        }
        guard let mounts = others[parts[0]] else { throw .invalid("No such container: \(parts[0])") }
        // A tmpfs is not shared; the new container would get an empty one.
        return mounts.filter { $0.kind != .tmpfs }.map { mount in
            var copy = mount
            if mode == "ro" { copy.readOnly = true }
            // The other container's, which removes it with itself.
            copy.anonymous = false
            copy.noCopy = true
            return copy
        }
    }

    private static func planned(_ mount: Mount, _ newName: () -> String) throws(SpecError) -> PlannedMount {
        func wrong(_ reason: String) -> SpecError {
            .invalid("invalid mount config for type \(mount.type.quoted): \(reason)")
        }
        guard !mount.target.isEmpty else { throw wrong("field Target must not be empty") }
        let destination = try destination(mount.target, in: mount.target)
        let source = mount.source ?? ""
        switch mount.type {
        case "bind":
            guard mount.volumeOptions == nil, mount.tmpfsOptions == nil, mount.imageOptions == nil else {
                throw wrong("options of another type are given")
            }
            return try planned(bind: mount, source, destination, wrong)
        case "volume":
            guard mount.bindOptions == nil, mount.tmpfsOptions == nil, mount.imageOptions == nil else {
                throw wrong("options of another type are given")
            }
            return try planned(volume: mount, source, destination, newName, wrong)
        case "tmpfs":
            guard source.isEmpty else { throw wrong("field Source must not be specified") }
            guard mount.bindOptions == nil, mount.volumeOptions == nil, mount.imageOptions == nil else {
                throw wrong("options of another type are given")
            }
            return try TmpfsMount.planned(mount, destination)
        case "image", "npipe", "cluster":
            throw .unsupported("--mount type=\(mount.type)", "the types are bind, volume and tmpfs")
        default: throw .invalid("mount type unknown: \(mount.type.quoted)")
        }
    }

    private static func planned(
        bind mount: Mount, _ source: String, _ destination: String, _ wrong: (String) -> SpecError
    ) throws(SpecError) -> PlannedMount {
        guard !source.isEmpty else { throw wrong("field Source must not be empty") }
        guard let path = ContainerPath.clean(source) else {
            throw wrong("invalid mount path: \(source.quoted) mount path must be absolute")
        }
        let options = mount.bindOptions ?? BindOptions()
        let propagation = options.propagation ?? ""
        guard propagation.isEmpty || propagations.contains(propagation) else {
            throw wrong("invalid propagation mode: \(propagation.quoted)")
        }
        if options.readOnlyForceRecursive == true {
            guard mount.readOnly == true, options.readOnlyNonRecursive != true, options.nonRecursive != true else {
                throw wrong("ReadOnlyForceRecursive wants a recursive mount that is read-only")
            }
            guard propagation == "rprivate" || propagation.isEmpty else {
                throw wrong("ReadOnlyForceRecursive wants the propagation rprivate")
            }
        }
        return PlannedMount(
            kind: .bind, source: path, destination: destination, readOnly: mount.readOnly == true,
            readOnlyTopOnly: options.readOnlyNonRecursive == true, nonRecursive: options.nonRecursive == true,
            propagation: propagation.isEmpty ? "rprivate" : propagation,
            createSource: options.createMountpoint == true)
    }

    private static func planned(
        volume mount: Mount, _ source: String, _ destination: String, _ newName: () -> String,
        _ wrong: (String) -> SpecError
    ) throws(SpecError) -> PlannedMount {
        let options = mount.volumeOptions ?? VolumeOptions()
        if !source.isEmpty { try ObjectName.checkVolume(source) }
        let subpath = options.subpath ?? ""
        guard subpath.isEmpty || ContainerPath.isBelow(subpath) else {
            throw wrong("subpath must be a relative path within the volume")
        }
        let driver = options.driverConfig?.name ?? ""
        guard driver.isEmpty || driver == "local" else {
            throw .unsupported("--mount volume-driver=\(driver.quoted)", "the only driver is local")
        }
        if let option = options.driverConfig?.options?.keys.sorted().first {
            throw .unsupported("--mount volume-opt=\(option.quoted)", "the driver local has no options")
        }
        return PlannedMount(
            kind: .volume, source: source.isEmpty ? newName() : source, destination: destination,
            readOnly: mount.readOnly == true, noCopy: options.noCopy == true, subpath: subpath,
            anonymous: source.isEmpty, volumeLabels: options.labels ?? [:])
    }
}
