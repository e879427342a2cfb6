import APIModel
import Basics
import FoundationEssentials
import Testing

@testable import Engine

/// What is written into the database is what comes back, whatever a container has.
@Suite struct ContainerRecordTests {
    private func record(_ request: ContainerCreateRequest) throws -> ContainerRecord {
        ContainerRecord(
            id: "0123", name: "name", created: Timestamp(nanosecondsSince1970: 1_234_567_890_123_456_789),
            image: Digest(sha256: [UInt8](repeating: 1, count: 32)), imageName: "image:tag", config: request.config,
            hostConfig: request.hostConfig,
            mounts: [
                PlannedMount(kind: .tmpfs, destination: "/t", options: ["size=1"]),
                PlannedMount(
                    kind: .volume, source: "v", destination: "/v", readOnly: true, readOnlyTopOnly: true,
                    nonRecursive: true, propagation: "rprivate", createSource: true, noCopy: true, subpath: "s",
                    anonymous: true, volumeLabels: ["a": "b"], options: ["o"], mode: "z"),
            ],
            topLayer: Digest(sha256: [UInt8](repeating: 2, count: 32)),
            networks: [
                NetworkWish(network: "n", name: "m"),
                NetworkWish(
                    network: "n", name: "m", v4: IPAddress("10.0.0.1"), v6: IPAddress("fd00::1"),
                    mac: MACAddress("02:00:00:00:00:01"), aliases: ["a"]),
            ])
    }

    private func check(_ request: ContainerCreateRequest) throws {
        let record = try record(request)
        let again = try ContainerRecord(decoding: record.encoded())
        #expect(again.config == record.config)
        #expect(again.hostConfig == record.hostConfig)
        #expect(again.mounts == record.mounts && again.networks == record.networks)
        #expect(again.id == record.id && again.name == record.name && again.created == record.created)
        #expect(again.image == record.image && again.imageName == record.imageName)
        #expect(again.topLayer == record.topLayer)
        #expect(
            try JSONDecoder().decode(ContainerCreateRequest.self, from: Data(JSONWriter.bytes(of: request))) == request)
    }

    @Test func nothing() throws { try check(ContainerCreateRequest()) }

    /// Every member of every type.
    @Test func everything() throws {
        let request = try JSONDecoder().decode(ContainerCreateRequest.self, from: Data(Self.everything.utf8))
        #expect(Self.missing(in: request.config, "config") == [])
        #expect(Self.missing(in: request.hostConfig, "hostConfig") == [])
        try check(request)
    }

    /// An old record has all its zeroes written out.
    @Test func writtenInFull() throws {
        let record = try record(ContainerCreateRequest())
        let again = try ContainerRecord(decoding: Array(try JSONEncoder().encode(record)))
        #expect(again.config == record.config && again.hostConfig == record.hostConfig)
    }

    /// Where the document below leaves out what the types have, or has their zero value.
    private static func missing(in value: Any, _ name: String) -> [String] {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            guard let child = mirror.children.first else { return [name] }
            return missing(in: child.value, name)
        }
        if mirror.children.isEmpty, isZero(value) { return [name] }
        return mirror.children.flatMap { missing(in: $0.value, "\(name).\($0.label ?? "")") }
    }

    private static func isZero(_ value: Any) -> Bool {
        switch value {
        case let text as String: text.isEmpty
        case let number as any BinaryInteger: "\(number)" == "0"
        case let flag as Bool: !flag
        default: Mirror(reflecting: value).displayStyle == .collection
        }
    }

    private static let everything = #"""
        {"Hostname": "h", "Domainname": "d", "User": "u", "AttachStdin": true, "AttachStdout": true,
        "AttachStderr": true, "ExposedPorts": {"80/tcp": {}}, "Tty": true, "OpenStdin": true, "StdinOnce": true,
        "Env": ["A=\"b\""], "Cmd": ["c"], "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1, "Timeout": 2,
        "StartPeriod": 3, "StartInterval": 4, "Retries": 5}, "ArgsEscaped": true, "Image": "i", "Volumes": {"/v": {}},
        "WorkingDir": "/w", "Entrypoint": ["e"], "NetworkDisabled": true, "MacAddress": "02:00:00:00:00:02",
        "OnBuild": ["o"], "Labels": {"l": "ä"}, "StopSignal": "SIGINT", "StopTimeout": 7, "Shell": ["s"],
        "HostConfig": {"Binds": ["/a:/b"], "ContainerIDFile": "f", "LogConfig": {"Type": "t", "Config": {"k": "v"}},
        "NetworkMode": "n", "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "AutoRemove": true, "VolumeDriver": "d",
        "VolumesFrom": ["v"], "ConsoleSize": [24, 80], "Annotations": {"a": "b"}, "CapAdd": ["A"], "CapDrop": ["B"],
        "CgroupnsMode": "private", "Dns": ["1.1.1.1"], "DnsOptions": ["o"], "DnsSearch": ["s"], "ExtraHosts": ["h:1"],
        "GroupAdd": ["g"], "IpcMode": "private", "Cgroup": "c", "Links": ["l"], "OomScoreAdj": -5, "PidMode": "host",
        "Privileged": true, "PublishAllPorts": true, "ReadonlyRootfs": true, "SecurityOpt": ["x"],
        "StorageOpt": {"size": "1"}, "Tmpfs": {"/t": "o"}, "UTSMode": "host", "UsernsMode": "host", "ShmSize": 64,
        "Sysctls": {"a": "1"}, "Runtime": "r", "Isolation": "i", "Mounts": [{"Type": "volume", "Source": "s",
        "Target": "/t", "ReadOnly": true, "Consistency": "c", "BindOptions": {"Propagation": "p", "NonRecursive": true,
        "CreateMountpoint": true, "ReadOnlyNonRecursive": true, "ReadOnlyForceRecursive": true},
        "VolumeOptions": {"NoCopy": true, "Labels": {"l": "m"}, "Subpath": "s", "DriverConfig": {"Name": "n",
        "Options": {"o": "p"}}}, "ImageOptions": {"Subpath": "s"}, "TmpfsOptions": {"SizeBytes": 1, "Mode": 448,
        "Options": [["o"]]}}], "MaskedPaths": ["/m"], "ReadonlyPaths": ["/r"], "Init": true, "CpuShares": 1,
        "Memory": 2, "NanoCpus": 3, "CgroupParent": "p", "BlkioWeight": 10, "BlkioWeightDevice": [{"Path": "/d",
        "Weight": 11}], "BlkioDeviceReadBps": [{"Path": "/d", "Rate": 1}], "BlkioDeviceWriteBps": [{"Path": "/d",
        "Rate": 2}], "BlkioDeviceReadIOps": [{"Path": "/d", "Rate": 3}], "BlkioDeviceWriteIOps": [{"Path": "/d",
        "Rate": 4}], "CpuPeriod": 4, "CpuQuota": 5, "CpuRealtimePeriod": 6, "CpuRealtimeRuntime": 7, "CpusetCpus": "0",
        "CpusetMems": "0", "Devices": [{"PathOnHost": "/d", "PathInContainer": "/e", "CgroupPermissions": "rwm"}],
        "DeviceCgroupRules": ["c 1:3 r"], "DeviceRequests": [{"Driver": "d", "Count": -1, "DeviceIDs": ["0"],
        "Capabilities": [["gpu"]], "Options": {"o": "p"}}], "KernelMemory": 8, "KernelMemoryTCP": 9,
        "MemoryReservation": 10, "MemorySwap": -1, "MemorySwappiness": 11, "OomKillDisable": true, "PidsLimit": 12,
        "Ulimits": [{"Name": "nofile", "Hard": 2, "Soft": 1}], "CpuCount": 13, "CpuPercent": 14, "IOMaximumIOps": 15,
        "IOMaximumBandwidth": 16},
        "NetworkingConfig": {"EndpointsConfig": {"n": {"Aliases": ["a"]}, "m": null}}}
        """#
}
