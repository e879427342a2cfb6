import APIModel
import FoundationEssentials
import Testing

@Suite struct SpecRequestDecodingTests {
    func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }

    @Test func requestOfTheDockerCommandLine() throws {
        let request = try decode(
            ContainerCreateRequest.self,
            """
            {"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,
            "Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["sh","-c","exit 7"],"Image":"busybox",
            "Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{},"HostConfig":{"Binds":["/a:/b:ro"],
            "ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{"80/tcp":
            [{"HostIp":"","HostPort":"8080"}],"81/tcp":null},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},
            "AutoRemove":true,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[24,80],"CapAdd":null,"CapDrop":["ALL"],
            "CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"",
            "Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,
            "ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"",
            "CpuShares":0,"Memory":67108864,"NanoCpus":500000000,"CgroupParent":"","BlkioWeight":0,
            "BlkioWeightDevice":[],"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":[{"Name":"nofile",
            "Hard":2048,"Soft":1024}],"MaskedPaths":null,"ReadonlyPaths":null,"Surprise":1},
            "NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null,"MacAddress":""},"other":null}}}
            """)
        #expect(request.config.cmd == ["sh", "-c", "exit 7"])
        #expect(request.config.entrypoint == nil)
        #expect(request.hostConfig.resources.memory == 67_108_864)
        #expect(request.hostConfig.resources.ulimits == [Ulimit(name: "nofile", hard: 2048, soft: 1024)])
        #expect(request.hostConfig.binds == ["/a:/b:ro"])
        #expect(request.hostConfig.capDrop == ["ALL"])
        #expect(request.hostConfig.autoRemove)
        #expect(request.hostConfig.maskedPaths == nil)
        #expect(request.hostConfig.portBindings?["80/tcp"] == [PortBinding(hostIP: "", hostPort: "8080")])
        #expect(request.networkingConfig.endpointsConfig?.count == 2)

        let again = try JSONDecoder().decode(ContainerCreateRequest.self, from: try JSONEncoder().encode(request))
        #expect(again == request)
    }

    @Test func wordsInPlaceOfLists() throws {
        let request = try decode(
            ContainerCreateRequest.self, #"{"Cmd":"true","Entrypoint":"","HostConfig":{"CapAdd":"SYS_TIME"}}"#)
        #expect(request.config.cmd == ["true"])
        #expect(request.config.entrypoint == [""])
        #expect(request.hostConfig.capAdd == ["SYS_TIME"])
        let nothing = try decode(ContainerCreateRequest.self, #"{"HostConfig":null,"NetworkingConfig":null}"#)
        #expect(nothing == ContainerCreateRequest())
    }

    @Test func emptyFieldsAreWritten() throws {
        let text = String(decoding: try JSONEncoder().encode(HostConfig()), as: UTF8.self)
        for field in [
            #""Memory":0"#, #""Binds":null"#, #""MaskedPaths":null"#, #""CapAdd":null"#, #""NetworkMode":"""#,
        ] {
            #expect(text.contains(field), "\(field) in \(text)")
        }
        #expect(!text.contains("Annotations"))
        #expect(
            String(decoding: try JSONEncoder().encode(ContainerConfig()), as: UTF8.self).contains(#""Labels":null"#))
    }

    @Test func update() throws {
        let update = try decode(UpdateConfig.self, #"{"Memory":1,"RestartPolicy":{"Name":"always"}}"#)
        #expect(update.resources.memory == 1)
        #expect(update.restartPolicy == RestartPolicy(name: "always"))
    }

    @Test(arguments: [
        #"{"Cmd":7}"#, #"{"Memory":1,"HostConfig":{"Memory":"64m"}}"#, #"{"HostConfig":{"CapAdd":[1]}}"#, "[]",
    ])
    func wrongTypesAreRefused(text: String) {
        #expect(throws: DecodingError.self) { try decode(ContainerCreateRequest.self, text) }
    }
}
