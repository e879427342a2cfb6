import Basics
import FoundationEssentials
import OCI
import Testing

/// What is written by hand is what the encoder would have made of it, whatever a configuration has.
@Suite struct RuntimeSpecJSONTests {
    private func check(_ spec: RuntimeSpec) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let encoded = String(decoding: try encoder.encode(spec), as: UTF8.self)
        #expect(String(decoding: JSONWriter.bytes(of: spec), as: UTF8.self) == encoded)
    }

    /// Every member of every type.
    @Test func everything() throws {
        let spec = try JSONDecoder().decode(RuntimeSpec.self, from: Data(Self.everything.utf8))
        #expect(Self.missing(in: spec, "spec") == [])
        try check(spec)
    }

    @Test func everythingIsRead() throws {
        let decoded = try JSONDecoder().decode(RuntimeSpec.self, from: Data(Self.everything.utf8))
        #expect(try RuntimeSpec.read(Array(Self.everything.utf8)) == decoded)
        // null is as good as nothing, and what nobody knows is passed over.
        let text = #"{"ociVersion":"1.0.0","process":null,"mounts":[],"windows":{"a":[1]},"linux":{"resources":null}}"#
        let expected = RuntimeSpec(ociVersion: "1.0.0", mounts: [], linux: LinuxSpec())
        #expect(try RuntimeSpec.read(Array(text.utf8)) == expected)
    }

    private static let mistakes = [
        ("{", "the file is no JSON: byte 1: a key is expected"),
        ("[]", "the file is no object"),
        ("{}", "the file lacks the key ociVersion"),
        (#"{"ociVersion":null}"#, "ociVersion is null"),
        (#"{"ociVersion":1}"#, "ociVersion is no text"),
        (#"{"ociVersion":"1","process":{"cwd":"/","args":["a",7]}}"#, "process.args.1 is no text"),
        (#"{"ociVersion":"1","process":{"cwd":"/","terminal":0}}"#, "process.terminal is no true or false"),
        (
            #"{"ociVersion":"1","process":{"cwd":"/","user":{"uid":-1}}}"#,
            "process.user.uid is -1, which does not fit UInt32"
        ),
        (#"{"ociVersion":"1","annotations":{"a":{}}}"#, "annotations.a is no text"),
        (#"{"ociVersion":"1","mounts":{}}"#, "mounts is no array"),
        (#"{"ociVersion":"1","mounts":[null]}"#, "mounts.0 is null"),
        (
            #"{"ociVersion":"1","linux":{"namespaces":[{"type":"x"}]}}"#,
            #"linux.namespaces.0.type is "x", which is unknown"#
        ),
        (#"{"ociVersion":"1"} x"#, "the file is no JSON: byte 19: there is more behind the JSON document"),
    ]

    @Test(arguments: mistakes)
    func mistakesAreTold(_ text: String, _ expected: String) {
        do {
            _ = try RuntimeSpec.read(Array(text.utf8))
            Issue.record("\(text) was read")
        } catch {
            #expect(error.description == expected)
        }
    }

    @Test func nothing() throws {
        try check(RuntimeSpec(ociVersion: "1.2.0"))
        try check(RuntimeSpec(ociVersion: "1.2.0", process: ProcessSpec(cwd: "/"), mounts: [], linux: LinuxSpec()))
    }

    /// Where the document above leaves out what the types have.
    private static func missing(in value: Any, _ name: String) -> [String] {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            guard let child = mirror.children.first else { return [name] }
            return missing(in: child.value, name)
        }
        return mirror.children.flatMap { missing(in: $0.value, "\(name).\($0.label ?? "")") }
    }

    private static let everything = #"""
        {"ociVersion": "ociVersion-\"1\"/ä", "process": {"terminal": true, "consoleSize": {"height": 3,
        "width": 4}, "user": {"uid": 5, "gid": 6, "umask": 7, "additionalGids": [8, 9], "username":
        "username-\"10\"/ä"}, "args": ["args-\"11\"/ä", "args-\"12\"/ä"], "commandLine":
        "commandLine-\"13\"/ä", "env": ["env-\"14\"/ä", "env-\"15\"/ä"], "cwd": "cwd-\"16\"/ä",
        "capabilities": {"bounding": ["bounding-\"17\"/ä", "bounding-\"18\"/ä"], "effective":
        ["effective-\"19\"/ä", "effective-\"20\"/ä"], "inheritable": ["inheritable-\"21\"/ä",
        "inheritable-\"22\"/ä"], "permitted": ["permitted-\"23\"/ä", "permitted-\"24\"/ä"], "ambient":
        ["ambient-\"25\"/ä", "ambient-\"26\"/ä"]}, "rlimits": [{"type": "type-\"27\"/ä", "hard":
        9223372036854775836, "soft": 9223372036854775837}, {"type": "type-\"30\"/ä", "hard":
        9223372036854775839, "soft": 9223372036854775840}], "noNewPrivileges": false, "oomScoreAdj": -34,
        "apparmorProfile": "apparmorProfile-\"35\"/ä", "selinuxLabel": "selinuxLabel-\"36\"/ä", "scheduler":
        {"policy": "policy-\"37\"/ä", "nice": -38, "priority": -39, "flags": ["flags-\"40\"/ä",
        "flags-\"41\"/ä"], "runtime": 9223372036854775850, "deadline": 9223372036854775851, "period":
        9223372036854775852}, "ioPriority": {"class": "class-\"45\"/ä", "priority": -46}, "execCPUAffinity":
        {"initial": "initial-\"47\"/ä", "final": "final-\"48\"/ä"}}, "root": {"path": "path-\"49\"/ä",
        "readonly": true}, "hostname": "hostname-\"51\"/ä", "domainname": "domainname-\"52\"/ä", "mounts":
        [{"destination": "destination-\"53\"/ä", "type": "type-\"54\"/ä", "source": "source-\"55\"/ä",
        "options": ["options-\"56\"/ä", "options-\"57\"/ä"], "uidMappings": [{"containerID": 58, "hostID":
        59, "size": 60}, {"containerID": 61, "hostID": 62, "size": 63}], "gidMappings": [{"containerID": 64,
        "hostID": 65, "size": 66}, {"containerID": 67, "hostID": 68, "size": 69}]}, {"destination":
        "destination-\"70\"/ä", "type": "type-\"71\"/ä", "source": "source-\"72\"/ä", "options":
        ["options-\"73\"/ä", "options-\"74\"/ä"], "uidMappings": [{"containerID": 75, "hostID": 76, "size":
        77}, {"containerID": 78, "hostID": 79, "size": 80}], "gidMappings": [{"containerID": 81, "hostID":
        82, "size": 83}, {"containerID": 84, "hostID": 85, "size": 86}]}], "hooks": {"prestart": [{"path":
        "path-\"87\"/ä", "args": ["args-\"88\"/ä", "args-\"89\"/ä"], "env": ["env-\"90\"/ä",
        "env-\"91\"/ä"], "timeout": -92}, {"path": "path-\"93\"/ä", "args": ["args-\"94\"/ä",
        "args-\"95\"/ä"], "env": ["env-\"96\"/ä", "env-\"97\"/ä"], "timeout": -98}], "createRuntime":
        [{"path": "path-\"99\"/ä", "args": ["args-\"100\"/ä", "args-\"101\"/ä"], "env": ["env-\"102\"/ä",
        "env-\"103\"/ä"], "timeout": -104}, {"path": "path-\"105\"/ä", "args": ["args-\"106\"/ä",
        "args-\"107\"/ä"], "env": ["env-\"108\"/ä", "env-\"109\"/ä"], "timeout": -110}], "createContainer":
        [{"path": "path-\"111\"/ä", "args": ["args-\"112\"/ä", "args-\"113\"/ä"], "env": ["env-\"114\"/ä",
        "env-\"115\"/ä"], "timeout": -116}, {"path": "path-\"117\"/ä", "args": ["args-\"118\"/ä",
        "args-\"119\"/ä"], "env": ["env-\"120\"/ä", "env-\"121\"/ä"], "timeout": -122}], "startContainer":
        [{"path": "path-\"123\"/ä", "args": ["args-\"124\"/ä", "args-\"125\"/ä"], "env": ["env-\"126\"/ä",
        "env-\"127\"/ä"], "timeout": -128}, {"path": "path-\"129\"/ä", "args": ["args-\"130\"/ä",
        "args-\"131\"/ä"], "env": ["env-\"132\"/ä", "env-\"133\"/ä"], "timeout": -134}], "poststart":
        [{"path": "path-\"135\"/ä", "args": ["args-\"136\"/ä", "args-\"137\"/ä"], "env": ["env-\"138\"/ä",
        "env-\"139\"/ä"], "timeout": -140}, {"path": "path-\"141\"/ä", "args": ["args-\"142\"/ä",
        "args-\"143\"/ä"], "env": ["env-\"144\"/ä", "env-\"145\"/ä"], "timeout": -146}], "poststop":
        [{"path": "path-\"147\"/ä", "args": ["args-\"148\"/ä", "args-\"149\"/ä"], "env": ["env-\"150\"/ä",
        "env-\"151\"/ä"], "timeout": -152}, {"path": "path-\"153\"/ä", "args": ["args-\"154\"/ä",
        "args-\"155\"/ä"], "env": ["env-\"156\"/ä", "env-\"157\"/ä"], "timeout": -158}]}, "annotations":
        {"a.b": "annotations-\"159\"/ä", "c/d": "annotations-\"160\"/ä"}, "linux": {"namespaces": [{"type":
        "mount", "path": "path-\"161\"/ä"}, {"type": "mount", "path": "path-\"162\"/ä"}], "uidMappings":
        [{"containerID": 163, "hostID": 164, "size": 165}, {"containerID": 166, "hostID": 167, "size":
        168}], "gidMappings": [{"containerID": 169, "hostID": 170, "size": 171}, {"containerID": 172,
        "hostID": 173, "size": 174}], "timeOffsets": {"boottime": {"secs": -175, "nanosecs": 176},
        "monotonic": {"secs": -177, "nanosecs": 178}}, "devices": [{"type": "type-\"179\"/ä", "path":
        "path-\"180\"/ä", "major": -181, "minor": -182, "fileMode": 183, "uid": 184, "gid": 185}, {"type":
        "type-\"186\"/ä", "path": "path-\"187\"/ä", "major": -188, "minor": -189, "fileMode": 190, "uid":
        191, "gid": 192}], "netDevices": {"a.b": {"name": "name-\"193\"/ä"}, "c/d": {"name":
        "name-\"194\"/ä"}}, "cgroupsPath": "cgroupsPath-\"195\"/ä", "resources": {"devices": [{"allow":
        true, "type": "type-\"197\"/ä", "major": -198, "minor": -199, "access": "access-\"200\"/ä"},
        {"allow": false, "type": "type-\"202\"/ä", "major": -203, "minor": -204, "access":
        "access-\"205\"/ä"}], "memory": {"limit": -206, "reservation": -207, "swap": -208, "kernel": -209,
        "kernelTCP": -210, "swappiness": 9223372036854776019, "disableOOMKiller": true, "useHierarchy":
        false, "checkBeforeUpdate": true}, "cpu": {"shares": 9223372036854776023, "quota": -216, "burst":
        9223372036854776025, "period": 9223372036854776026, "realtimeRuntime": -219, "realtimePeriod":
        9223372036854776028, "cpus": "cpus-\"221\"/ä", "mems": "mems-\"222\"/ä", "idle": -223}, "pids":
        {"limit": -224}, "blockIO": {"weight": 225, "leafWeight": 226, "weightDevice": [{"major": -227,
        "minor": -228, "weight": 229, "leafWeight": 230}, {"major": -231, "minor": -232, "weight": 233,
        "leafWeight": 234}], "throttleReadBpsDevice": [{"major": -235, "minor": -236, "rate":
        9223372036854776045}, {"major": -238, "minor": -239, "rate": 9223372036854776048}],
        "throttleWriteBpsDevice": [{"major": -241, "minor": -242, "rate": 9223372036854776051}, {"major":
        -244, "minor": -245, "rate": 9223372036854776054}], "throttleReadIOPSDevice": [{"major": -247,
        "minor": -248, "rate": 9223372036854776057}, {"major": -250, "minor": -251, "rate":
        9223372036854776060}], "throttleWriteIOPSDevice": [{"major": -253, "minor": -254, "rate":
        9223372036854776063}, {"major": -256, "minor": -257, "rate": 9223372036854776066}]},
        "hugepageLimits": [{"pageSize": "pageSize-\"259\"/ä", "limit": 9223372036854776068}, {"pageSize":
        "pageSize-\"261\"/ä", "limit": 9223372036854776070}], "network": {"classID": 263, "priorities":
        [{"name": "name-\"264\"/ä", "priority": 265}, {"name": "name-\"266\"/ä", "priority": 267}]}, "rdma":
        {"a.b": {"hcaHandles": 268, "hcaObjects": 269}, "c/d": {"hcaHandles": 270, "hcaObjects": 271}},
        "unified": {"a.b": "unified-\"272\"/ä", "c/d": "unified-\"273\"/ä"}}, "sysctl": {"a.b":
        "sysctl-\"274\"/ä", "c/d": "sysctl-\"275\"/ä"}, "seccomp": {"defaultAction": "SCMP_ACT_KILL",
        "defaultErrnoRet": 276, "architectures": ["architectures-\"277\"/ä", "architectures-\"278\"/ä"],
        "flags": ["flags-\"279\"/ä", "flags-\"280\"/ä"], "listenerPath": "listenerPath-\"281\"/ä",
        "listenerMetadata": "listenerMetadata-\"282\"/ä", "syscalls": [{"names": ["names-\"283\"/ä",
        "names-\"284\"/ä"], "action": "SCMP_ACT_KILL", "errnoRet": 285, "args": [{"index": 286, "value":
        9223372036854776095, "valueTwo": 9223372036854776096, "op": "SCMP_CMP_NE"}, {"index": 289, "value":
        9223372036854776098, "valueTwo": 9223372036854776099, "op": "SCMP_CMP_NE"}]}, {"names":
        ["names-\"292\"/ä", "names-\"293\"/ä"], "action": "SCMP_ACT_KILL", "errnoRet": 294, "args":
        [{"index": 295, "value": 9223372036854776104, "valueTwo": 9223372036854776105, "op": "SCMP_CMP_NE"},
        {"index": 298, "value": 9223372036854776107, "valueTwo": 9223372036854776108, "op":
        "SCMP_CMP_NE"}]}]}, "rootfsPropagation": "rootfsPropagation-\"301\"/ä", "maskedPaths":
        ["maskedPaths-\"302\"/ä", "maskedPaths-\"303\"/ä"], "readonlyPaths": ["readonlyPaths-\"304\"/ä",
        "readonlyPaths-\"305\"/ä"], "mountLabel": "mountLabel-\"306\"/ä", "intelRdt": {"closID":
        "closID-\"307\"/ä", "schemata": ["schemata-\"308\"/ä", "schemata-\"309\"/ä"], "l3CacheSchema":
        "l3CacheSchema-\"310\"/ä", "memBwSchema": "memBwSchema-\"311\"/ä", "enableMonitoring": true},
        "memoryPolicy": {"mode": "mode-\"313\"/ä", "nodes": "nodes-\"314\"/ä", "flags": ["flags-\"315\"/ä",
        "flags-\"316\"/ä"]}, "personality": {"domain": "domain-\"317\"/ä", "flags": ["flags-\"318\"/ä",
        "flags-\"319\"/ä"]}}}
        """#
}
