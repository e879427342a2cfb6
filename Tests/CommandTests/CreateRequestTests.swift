import APIModel
import Basics
import FoundationEssentials
import Testing

@testable import Command

/// Options of `run` to the JSON that goes to the daemon. Only what differs from a plain `run image` is compared.
@Suite struct CreateRequestTests {
    private func request(_ words: [String], environment: ProcessEnvironment = ProcessEnvironment(directory: "/home/me"))
        throws -> JSONValue
    { try JSONValue(encoding: try typed(words, environment: environment)) }

    private func typed(_ words: [String], environment: ProcessEnvironment) throws -> ContainerCreateRequest {
        let parsed = try CommandLineParser.parse(
            words + (words.contains("img") ? [] : ["img"]), flags: ContainerFlags.all + ContainerFlags.runOnly,
            interspersed: false)
        return try CreateRequestBuilder.build(parsed, environment: environment, detached: parsed.bool("detach"))
    }

    /// Members that two objects do not have in common with the same value, as `new` has them.
    private func difference(_ new: JSONValue, _ old: JSONValue) -> JSONValue {
        var object = JSONObject()
        for member in new.members {
            let before = old[member.key]
            if member.value == before { continue }
            if case .object = member.value, case .object = before {
                object.members.append(.init(member.key, difference(member.value, before)))
            } else {
                object.members.append(member)
            }
        }
        return .object(object)
    }

    /// An endpoint as it goes to the daemon, `extra` before what is always there.
    private static func endpoint(_ extra: String = "", mac: String = "") -> String {
        #"{\#(extra)"MacAddress":"\#(mac)","GwPriority":0,"NetworkID":"","EndpointID":"","Gateway":"","#
            + #""IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0}"#
    }

    private static let goldens: [([String], String)] = [
        (["-it"], #"{"AttachStdin":true,"OpenStdin":true,"StdinOnce":true,"Tty":true}"#),
        (["-d"], #"{"AttachStdout":false,"AttachStderr":false}"#),
        (["-a", "stdout"], #"{"AttachStderr":false}"#),
        (["img", "sh", "-c", "exit 7"], #"{"Cmd":["sh","-c","exit 7"]}"#),
        (["--entrypoint", "/bin/sh"], #"{"Entrypoint":["/bin/sh"]}"#),
        (["--entrypoint", ""], #"{"Entrypoint":[""]}"#),
        (["-e", "A=1", "-e", "HOME", "-e", "GONE"], #"{"Env":["A=1","HOME=/root","GONE"]}"#),
        (["-l", "a=b", "--label", "c"], #"{"Labels":{"a":"b","c":""}}"#),
        (["-w", "/srv", "-u", "1000:100", "-h", "box"], #"{"Hostname":"box","User":"1000:100","WorkingDir":"/srv"}"#),
        (["--rm"], #"{"HostConfig":{"AutoRemove":true}}"#),
        (
            ["--restart", "on-failure:3"],
            #"{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}}}"#
        ),
        (["-v", "/data"], #"{"Volumes":{"/data":{}}}"#),
        (["-v", "db:/data", "-v", "./x:/x:ro"], #"{"HostConfig":{"Binds":["db:/data","/home/me/x:/x:ro"]}}"#),
        (["--tmpfs", "/run:size=64m", "--tmpfs", "/tmp"], #"{"HostConfig":{"Tmpfs":{"/run":"size=64m","/tmp":""}}}"#),
        (["--read-only", "--shm-size", "1g"], #"{"HostConfig":{"ReadonlyRootfs":true,"ShmSize":1073741824}}"#),
        (["--cap-add", "NET_ADMIN", "--cap-drop=ALL"], #"{"HostConfig":{"CapAdd":["NET_ADMIN"],"CapDrop":["ALL"]}}"#),
        (
            ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"],
            #"{"HostConfig":{"SecurityOpt":["no-new-privileges","seccomp=unconfined"]}}"#
        ),
        (
            ["-m", "512m", "--cpus", "1.5", "--pids-limit", "100"],
            #"{"HostConfig":{"Memory":536870912,"NanoCpus":1500000000,"PidsLimit":100}}"#
        ),
        (["--memory-swap", "-1"], #"{"HostConfig":{"MemorySwap":-1}}"#),
        (["--ulimit", "nofile=1024:2048"], #"{"HostConfig":{"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":2048}]}}"#),
        (["--sysctl", "net.core.somaxconn=1024"], #"{"HostConfig":{"Sysctls":{"net.core.somaxconn":"1024"}}}"#),
        (
            ["--device", "/dev/null:/dev/x:r"],
            #"{"HostConfig":{"Devices":[{"PathOnHost":"/dev/null","PathInContainer":"/dev/x","CgroupPermissions":"r"}]}}"#
        ),
        (["--network", "none"], #"{"HostConfig":{"NetworkMode":"none"}}"#),
        (["--net=container:db"], #"{"HostConfig":{"NetworkMode":"container:db"}}"#),
        (["--network", "bridge"], #"{"HostConfig":{"NetworkMode":"bridge"}}"#),
        (
            ["--network", "mine"],
            #"{"HostConfig":{"NetworkMode":"mine"},"NetworkingConfig":{"EndpointsConfig":{"mine":\#(endpoint())}}}"#
        ),
        (
            [
                "--net", "mine", "--network", "name=b,alias=x,alias=y,ip6=fd00::7,mac-address=02:00:00:00:00:01",
                "--net-alias", "db", "--ip", "10.0.0.7",
            ],
            #"{"HostConfig":{"NetworkMode":"mine"},"NetworkingConfig":{"EndpointsConfig":{"mine":"#
                + endpoint(#""IPAMConfig":{"IPv4Address":"10.0.0.7"},"Aliases":["db"],"#) + #","b":"#
                + endpoint(
                    #""IPAMConfig":{"IPv6Address":"fd00::7"},"Aliases":["x","y"],"#, mac: "02:00:00:00:00:01")
                + "}}}"
        ),
        (
            ["--mac-address", "02:00:00:00:00:01"],
            #"{"NetworkingConfig":{"EndpointsConfig":{"default":\#(endpoint(mac: "02:00:00:00:00:01"))}}}"#
        ),
        (
            ["-p", "127.0.0.1:8080:80", "-p", "8081:80", "--expose", "9", "-P"],
            #"{"ExposedPorts":{"80/tcp":{},"9/tcp":{}},"HostConfig":{"PublishAllPorts":true,"PortBindings":{"80/tcp":"#
                + #"[{"HostIp":"127.0.0.1","HostPort":"8080"},{"HostIp":"","HostPort":"8081"}]}}}"#
        ),
        (
            ["--add-host", "a=[::1]", "--add-host", "b:host-gateway", "--add-host", "c:::1", "--dns", "10.0.0.1"],
            #"{"HostConfig":{"Dns":["10.0.0.1"],"ExtraHosts":["a:::1","b:host-gateway","c:::1"]}}"#
        ),
        (["--expose", "80-81/udp"], #"{"ExposedPorts":{"80/udp":{},"81/udp":{}}}"#),
        (
            ["--health-cmd", "true", "--health-interval", "1m30s", "--health-retries", "2"],
            #"{"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":90000000000,"Retries":2}}"#
        ),
        (["--no-healthcheck"], #"{"Healthcheck":{"Test":["NONE"]}}"#),
        (["--log-opt", "max-size=1m"], #"{"HostConfig":{"LogConfig":{"Config":{"max-size":"1m"}}}}"#),
        (
            ["--init", "--stop-timeout", "3", "--stop-signal", "INT"],
            #"{"StopSignal":"INT","StopTimeout":3,"HostConfig":{"Init":true}}"#
        ),
        (
            ["--mount", "type=volume,src=v,dst=/v,volume-subpath=a/b,readonly"],
            #"{"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","Target":"/v","ReadOnly":true,"VolumeOptions":{"Subpath":"a/b"}}]}}"#
        ),
        (
            ["--mount", "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770"],
            #"{"HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":67108864,"Mode":1016}}]}}"#
        ),
        (
            ["--mount", "type=bind,source=./a,target=/a,bind-propagation=rslave"],
            #"{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/home/me/a","Target":"/a","BindOptions":{"Propagation":"rslave"}}]}}"#
        ),
    ]

    @Test(arguments: goldens)
    func golden(_ words: [String], _ expected: String) throws {
        let environment = ProcessEnvironment(variables: ["HOME": "/root"], directory: "/home/me")
        let plain = try request([])
        #expect(difference(try request(words, environment: environment), plain) == (try JSONValue(parsing: expected)))
    }

    // MARK: The body by hand

    /// What the daemon makes of the body is what was wanted.
    @Test(arguments: goldens)
    func bodyIsTheRequest(_ words: [String], _ difference: String) throws {
        let environment = ProcessEnvironment(variables: ["HOME": "/root"], directory: "/home/me")
        let wanted = try typed(words, environment: environment)
        let body = try JSONDecoder().decode(ContainerCreateRequest.self, from: Data(JSONWriter.bytes(of: wanted)))
        #expect(body == wanted)
    }

    /// No field is forgotten: with a value in each, each is in the body.
    @Test func bodyHasEveryField() throws {
        func filled(_ value: JSONValue) -> JSONValue {
            switch value {
            case .bool: .bool(true)
            case .integer: .integer(7)
            case .string: .string("on-failure")
            case .object(let object): .object(JSONObject(object.members.map { .init($0.key, filled($0.value)) }))
            case .null, .double, .array: value
            }
        }
        let all = filled(try JSONValue(encoding: ContainerCreateRequest()))
        let request = try JSONDecoder().decode(ContainerCreateRequest.self, from: Data(all.compact.utf8))
        let full = try JSONValue(encoding: request)
        let body = try JSONValue(parsing: JSONWriter.bytes(of: request))
        for (full, body) in [(full, body), (full["HostConfig"], body["HostConfig"])] {
            let present = full.members.filter { !$0.value.isNull && $0.key != "NetworkingConfig" }.map(\.key)
            #expect(present.count > 10)
            #expect(Set(present).subtracting(body.members.map(\.key)) == [])
        }
    }

    private static let refusals: [[String]] = [
        ["-p", "80:0"], ["-p", "1-2:80-82"], ["--gpus", "all"], ["--link", "db"], ["--network", ""],
        ["--network", "host", "--network", "mine"], ["--network", "mine", "--net", "mine"],
        ["--network", "host", "--network", "bridge"], ["--network", "host", "--network-alias", "a"],
        ["--network-alias", "a"], ["--network", "name=a,foo=b"], ["--network", "alias=a"], ["--network", "name=a,b"],
        ["--network", "name=a,gw-priority=1"], ["--network", "name=a,driver-opt=b=c"],
        ["--network", "name=a,alias=b", "--network-alias", "c"],
        ["--network", "name=a,ip=10.0.0.2", "--ip", "10.0.0.3"],
        ["--ip", "x"], ["--ip", "fd00::1"], ["--ip6", "10.0.0.2"], ["--mac-address", "x"], ["--dns", "x"],
        ["--add-host", "a"], ["--add-host", "a:b"], ["--add-host", ":10.0.0.1"], ["--add-host", "a:b=10.0.0.1"],
        ["-v", "a/b:/x"], ["-v", "/a:b"], ["-v", "v:/x:rshared"], ["-v", "v:/x:Z"], ["-v", "/a:/b:nocopy"],
        ["-v", "/a:/b:nope"],
        ["-v", "::"], ["--mount", "type=bind,target=/x"], ["--mount", "type=volume,target=x"],
        ["--mount", "type=foo,target=/x"],
        ["--mount", "target=/x,foo=1"], ["--mount", "type=tmpfs,target=/x,source=a"],
        ["--mount", "type=image,target=/x"],
        ["--rm", "--restart", "always"], ["-d", "-a", "stdin"], ["--ulimit", "foo=1"], ["--ulimit", "nofile=5:4"],
        ["--restart", "always:3"], ["--restart", "sometimes"], ["--cpus", "1.0000000001"], ["--cpus", "-1"],
        ["-m", "lots"],
        ["--memory-swappiness", "101"], ["--oom-score-adj", "-2000"], ["--health-cmd", "x", "--no-healthcheck"],
        ["--health-interval", "-1s"], ["--device", "null"], ["--pid", "foo"], ["--sysctl", "x"], ["--expose", "0"],
        ["--expose", "99999"],
        ["--tmpfs", "run"], ["-w", "srv"], ["--pull", "always"], ["--env-file", "/nonexistent"], ["-e", "=x"],
        ["--security-opt", "seccomp=/nonexistent"], ["--security-opt", "label"], ["--blkio-weight", "5"],
    ]

    @Test(arguments: refusals)
    func refused(_ words: [String]) {
        let error = #expect(throws: CommandError.self) { _ = try request(words) }
        #expect(error?.status == 125)
        #expect(error?.message.isEmpty == false)
    }

    @Test func environmentFile() throws {
        let text = "\u{feff}# comment\n\n  A=1\nB=\nC\nHOME\nD=x=y\r\n"
        #expect(try KeyValueFile.parse(Array(text.utf8), file: "f") == ["A=1", "B=", "C", "HOME", "D=x=y"])
        #expect(throws: CommandError.self) { _ = try KeyValueFile.parse(Array("a b=c".utf8), file: "f") }
        #expect(throws: CommandError.self) { _ = try KeyValueFile.parse(Array("=c".utf8), file: "f") }
        #expect(throws: CommandError.self) { _ = try KeyValueFile.parse([0x41, 0x3d, 0xff, 0x0a], file: "f") }
    }
}
