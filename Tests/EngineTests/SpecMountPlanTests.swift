import APIModel
import Testing

@testable import Engine

@Suite struct SpecMountPlanTests {
    func plan(
        _ host: HostConfig = HostConfig(), volumes: [String] = [], from others: [String: [PlannedMount]] = [:]
    ) throws -> [PlannedMount] {
        var count = 0
        let config = ContainerConfig(volumes: Dictionary(uniqueKeysWithValues: volumes.map { ($0, EmptyObject()) }))
        return try MountPlan.plan(config, host, volumesFrom: others) {
            count += 1
            return "new\(count)"
        }
    }

    @Test(arguments: [
        (
            "/a:/b",
            PlannedMount(kind: .bind, source: "/a", destination: "/b", propagation: "rprivate", createSource: true)
        ),
        (
            "/a/../x:/b//c/.:ro,rslave",
            PlannedMount(
                kind: .bind, source: "/x", destination: "/b/c", readOnly: true, propagation: "rslave",
                createSource: true, mode: "ro,rslave")
        ),
        ("vol:/b", PlannedMount(kind: .volume, source: "vol", destination: "/b")),
        (
            "vol:/b:nocopy,z",
            PlannedMount(kind: .volume, source: "vol", destination: "/b", noCopy: true, mode: "nocopy,z")
        ),
        ("/b", PlannedMount(kind: .volume, source: "new1", destination: "/b", anonymous: true)),
        ("vol:/../../etc", PlannedMount(kind: .volume, source: "vol", destination: "/etc")),
    ])
    func binds(text: String, expected: PlannedMount) throws {
        #expect(try plan(HostConfig { $0.binds = [text] }) == [expected])
    }

    @Test(arguments: [
        "", ":", "a:b", "/a:b", "/a:", ":/b", "/a:/b:ro:rw", "/a:/b:", "/a:/b:foo", "/a:/b:ro,rw", "/a:/b:nocopy",
        "vol:/b:rslave", "/a:/", "/a:/..", "./a:/b", "../a:/b", "a/b:/c", "v:/b", "-v:/b", "/a\0:/b", "/a:/b\0",
        "vol:/b:ro,,ro", "relative",
    ])
    func wrongBinds(text: String) {
        #expect(refusal { _ = try plan(HostConfig { $0.binds = [text] }) } != nil)
    }

    @Test func twoAtOnePlace() throws {
        let twice = "Duplicate mount point: /x"
        #expect(refusal { _ = try plan(HostConfig { $0.binds = ["/a:/x", "/b:/x/"] }) } == twice)
        #expect(
            refusal {
                _ = try plan(
                    HostConfig {
                        $0.binds = ["/a:/x"]
                        $0.mounts = [Mount(type: "tmpfs", target: "/x")]
                    })
            } == twice)
        #expect(
            refusal {
                _ = try plan(
                    HostConfig {
                        $0.binds = ["/a:/x"]
                        $0.tmpfs = ["/./x": ""]
                    })
            } == twice)
        // The image's volume gives way.
        let mounts = try plan(HostConfig { $0.binds = ["/a:/x"] }, volumes: ["/x", "/y"])
        #expect(mounts.map(\.source) == ["/a", "new1"])
    }

    @Test func parentsComeFirst() throws {
        let mounts = try plan(HostConfig { $0.binds = ["/1:/a/b/c", "/2:/z", "/3:/a/b", "/4:/a"] })
        #expect(mounts.map(\.destination) == ["/a", "/z", "/a/b", "/a/b/c"])
    }

    @Test func volumesOfTheImage() throws {
        #expect(try plan(volumes: ["data", "/../etc"]).map(\.destination) == ["/data", "/etc"])
        #expect(refusal { _ = try plan(volumes: ["/.."]) }?.contains("can't be '/'") == true)
        #expect(try plan(volumes: ["/d"]).first?.anonymous == true)
    }

    @Test func volumesOfOthers() throws {
        let others = [
            "web": [
                PlannedMount(kind: .volume, source: "v", destination: "/v", anonymous: true),
                PlannedMount(kind: .bind, source: "/h", destination: "/h", propagation: "rprivate"),
                PlannedMount(kind: .tmpfs, destination: "/t"),
            ]
        ]
        let mounts = try plan(HostConfig { $0.volumesFrom = ["web:ro"] }, from: others)
        #expect(mounts.map(\.destination) == ["/h", "/v"])
        #expect(mounts.allSatisfy { $0.readOnly && !$0.anonymous })
        let own = try plan(
            HostConfig {
                $0.volumesFrom = ["web"]
                $0.binds = ["/mine:/v"]
            }, from: others)
        #expect(own.map(\.source) == ["/h", "/mine"])
        for text in ["", ":ro", "web:x", "other", "web:ro:rw"] {
            #expect(refusal { _ = try plan(HostConfig { $0.volumesFrom = [text] }, from: others) } != nil)
        }
        #expect(MountPlan.volumesFromContainer("web:ro") == "web")
    }

    @Test func mountsByField() throws {
        let bind = Mount(
            type: "bind", source: "/s", target: "/t", readOnly: true,
            bindOptions: BindOptions(propagation: "shared", nonRecursive: true))
        let volume = Mount(
            type: "volume", target: "/v", volumeOptions: VolumeOptions(noCopy: true, labels: ["l": "1"], subpath: "a/b")
        )
        let mounts = try plan(HostConfig { $0.mounts = [bind, volume] })
        #expect(
            mounts == [
                PlannedMount(
                    kind: .bind, source: "/s", destination: "/t", readOnly: true, nonRecursive: true,
                    propagation: "shared"),
                PlannedMount(
                    kind: .volume, source: "new1", destination: "/v", noCopy: true, subpath: "a/b", anonymous: true,
                    volumeLabels: ["l": "1"]),
            ])
    }

    @Test(arguments: [
        Mount(type: "bind", target: "/t"), Mount(type: "bind", source: "s", target: "/t"),
        Mount(type: "bind", source: "/s", target: ""), Mount(type: "bind", source: "/s", target: "t"),
        Mount(type: "bind", source: "/s", target: "/t", bindOptions: BindOptions(propagation: "x")),
        Mount(type: "bind", source: "/s", target: "/t", volumeOptions: VolumeOptions()),
        Mount(type: "bind", source: "/s", target: "/t", bindOptions: BindOptions(readOnlyForceRecursive: true)),
        Mount(type: "volume", source: "../x", target: "/t"), Mount(type: "volume", source: "/x", target: "/t"),
        Mount(type: "volume", target: "/t", volumeOptions: VolumeOptions(subpath: "/abs")),
        Mount(type: "volume", target: "/t", volumeOptions: VolumeOptions(subpath: "a/../../b")),
        Mount(
            type: "volume", target: "/t", volumeOptions: VolumeOptions(driverConfig: VolumeDriverConfig(name: "nfs"))),
        Mount(
            type: "volume", target: "/t",
            volumeOptions: VolumeOptions(driverConfig: VolumeDriverConfig(options: ["type": "nfs"]))),
        Mount(type: "tmpfs", source: "x", target: "/t"), Mount(type: "image", source: "busybox", target: "/t"),
        Mount(type: "tmpfs", target: "/t", tmpfsOptions: TmpfsOptions(sizeBytes: -1)),
        Mount(type: "tmpfs", target: "/t", tmpfsOptions: TmpfsOptions(options: [["size", "1,uid=0"]])),
        Mount(type: "", target: "/t"), Mount(type: "nonsense", target: "/t"),
    ])
    func wrongMounts(mount: Mount) {
        #expect(refusal { _ = try plan(HostConfig { $0.mounts = [mount] }) } != nil)
    }

    @Test func tmpfs() throws {
        let mounts = try plan(
            HostConfig {
                $0.tmpfs = ["/a": "", "/b": "rw,exec,size=64k,mode=1777"]
                $0.mounts = [
                    Mount(
                        type: "tmpfs", target: "/c", readOnly: true,
                        tmpfsOptions: TmpfsOptions(sizeBytes: 4096, mode: 0o1777, options: [["suid"], ["uid", "5"]]))
                ]
            })
        #expect(
            mounts.map(\.options) == [
                ["noexec", "nosuid", "nodev"],
                ["nosuid", "nodev", "rw", "exec", "size=64k", "mode=1777"],
                ["noexec", "nodev", "suid", "uid=5", "size=4096", "mode=1777", "ro"],
            ])
        for options in ["foo", "size", "exec=1", "mode=1\u{a}", "bind"] {
            #expect(refusal { _ = try plan(HostConfig { $0.tmpfs = ["/a": options] }) } != nil, "\(options)")
        }
    }

    @Test func asInspectShowsThem() {
        let volume = PlannedMount(kind: .volume, source: "v", destination: "/v", readOnly: true)
        #expect(
            volume.mountPoint(hostPath: "/data/v")
                == MountPoint(
                    type: "volume", name: "v", source: "/data/v", destination: "/v", driver: "local", writable: false))
    }
}
