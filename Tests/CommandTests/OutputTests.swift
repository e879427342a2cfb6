import Testing

@testable import Command

@Suite struct OutputTests {
    private static let durationsCases: [(Int64, String)] = [
        (0, "Less than a second"), (1, "1 second"), (5, "5 seconds"), (59, "59 seconds"), (60, "About a minute"),
        (119, "About a minute"), (120, "2 minutes"), (2699, "44 minutes"), (3540, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"), (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"), (59 * 86400, "8 weeks"), (60 * 86400, "2 months"), (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
    ]

    @Test(arguments: durationsCases)
    func durations(_ seconds: Int64, _ expected: String) { #expect(HumanTime.duration(seconds: seconds) == expected) }

    @Test func tables() {
        #expect(TabWriter.align("A\tBB\nlonger than ten\tx\n") == "A                 BB\nlonger than ten   x\n")
        #expect(TabWriter.align("A\tB\nx\ty") == "A         B\nx         y")
        #expect(TabWriter.align("ä\tB\nx\ty") == "ä         B\nx         y")
        // A line without the cell ends the column.
        #expect(TabWriter.align("longlonglonglong\tB\nnone\nx\ty") == "longlonglonglong   B\nnone\nx         y")
    }

    @Test func escaping() {
        #expect(Escaping.visible("plain text") == "plain text")
        #expect(Escaping.visible("a\u{1b}[31mb\nc\u{7f}\u{9b}ü") == "a\\x1b[31mb\\nc\\x7f\\u009bü")
        #expect(Escaping.visible("\u{202e}evil") == "\\u202eevil")
        #expect(Escaping.quoted("sh -c \"a\\b\"") == "\"sh -c \\\"a\\\\b\\\"\"")
        #expect(Escaping.ellipsis("docker-entrypoint.sh postgres", 20) == "docker-entrypoint.s…")
    }

    private let container: JSONValue = [
        "Id": "4c01db0b339c8a7d1ac0a9a4a2b2b3b1b4c01db0b339c8a7d1ac0a9a4a2b2b3b", "Names": ["/web", "/other/web"],
        "Image": "nginx",
        "Command": "nginx -g 'daemon off;'", "Created": 1000, "State": "running", "Status": "Up 5 seconds (healthy)",
        "Labels": ["a": "1", "b": "2"], "SizeRw": 12_288_000, "SizeRootFs": 200_000_000,
        "Ports": [
            ["PrivatePort": 443, "Type": "tcp"],
            ["IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"],
            ["PrivatePort": 444, "Type": "tcp"],
        ],
        "Mounts": [
            ["Type": "volume", "Name": "a-very-long-volume-name", "Driver": "local"],
            ["Type": "bind", "Source": "/srv"],
        ],
        "NetworkSettings": ["Networks": ["host": [:]]],
    ]

    @Test func containerRow() throws {
        let row = PsCommand.row(container, now: 8200, long: false)
        let expected: [String: String] = [
            "ID": "4c01db0b339c", "Names": "web", "Image": "nginx", "Command": "\"nginx -g 'daemon of…\"",
            "RunningFor": "2 hours ago",
            "Status": "Up 5 seconds (healthy)", "Labels": "a=1,b=2", "Size": "12.3MB (virtual 200MB)",
            "LocalVolumes": "1",
            "Mounts": "a-very-long-vo…,/srv", "Networks": "host", "Ports": "443-444/tcp, 0.0.0.0:8080->80/tcp",
        ]
        for (member, text) in expected { #expect(row[member].text == text, "\(member)") }
    }

    @Test func listings() throws {
        var listing = Listing(
            titles: [("ID", "CONTAINER ID"), ("Names", "NAMES")], columns: ["ID", "Names"], quietMember: "ID")
        listing.rows = [["ID": "1", "Names": "web"], ["ID": "2", "Names": "a\u{1b}b"]]
        listing.method = { _, name, arguments throws(TemplateError) in
            name == "Label" ? .string("<\(arguments[0].text)>") : nil
        }
        #expect(
            try listing.text(format: "", quiet: false)
                == "CONTAINER ID   NAMES\n1              web\n2              a\\x1bb\n")
        #expect(try listing.text(format: "", quiet: true) == "1\n2\n")
        #expect(try listing.text(format: "{{.Names}}", quiet: false) == "web\na\u{1b}b\n")
        #expect(try listing.text(format: "json", quiet: false).hasPrefix("{\"ID\":\"1\",\"Names\":\"web\"}\n"))
        #expect(
            try listing.text(format: #"table {{.Names}}\t{{.Label "com.my-label"}}"#, quiet: false)
                == "NAMES     my label\nweb       <com.my-label>\na\\x1bb    <com.my-label>\n")
        #expect(try listing.text(format: "table {{lower .Names}}", quiet: false).hasPrefix("NAMES\n"))
        #expect(throws: TemplateError.self) { _ = try listing.text(format: "{{.Nope}}", quiet: false) }
    }

    @Test func imageRows() {
        let image: JSONValue = [
            "Id": "sha256:0123456789abcdef", "RepoTags": ["busybox:latest", "localhost:5000/a/b:1"], "RepoDigests": [],
            "Created": 100,
            "Size": 4_500_000,
        ]
        let rows = ImageListing.rows(image, now: 160, long: false, digests: false)
        #expect(
            rows.map {
                "\($0["Repository"].text) \($0["Tag"].text) \($0["ID"].text) \($0["CreatedSince"].text) \($0["Size"].text)"
            } == [
                "busybox latest 0123456789ab About a minute ago 4.5MB",
                "localhost:5000/a/b 1 0123456789ab About a minute ago 4.5MB",
            ])
        let untagged = ImageListing.rows(["Id": "sha256:01", "RepoTags": []], now: 0, long: false, digests: false)
        #expect(untagged.map { $0["Repository"].text + $0["Tag"].text } == ["<none><none>"])
    }

    @Test func statistics() {
        func sample(_ total: Int64, _ system: Int64) -> JSONValue {
            [
                "id": "abc", "name": "/web",
                "cpu_stats": [
                    "cpu_usage": ["total_usage": .integer(total)], "system_cpu_usage": .integer(system),
                    "online_cpus": 2,
                ],
                "memory_stats": ["usage": 3_145_728, "limit": 104_857_600, "stats": ["inactive_file": 1_048_576]],
                "pids_stats": ["current": 3],
                "blkio_stats": [
                    "io_service_bytes_recursive": [["op": "Read", "value": 1000], ["op": "write", "value": 2000]]
                ],
            ]
        }
        let row = StatsCommand.row(sample(150, 2000), before: sample(100, 1000), asked: "web", long: false)
        #expect(row["CPUPerc"].text == "10.00%")
        #expect(row["MemUsage"].text == "2MiB / 100MiB")
        #expect(row["MemPerc"].text == "2.00%")
        #expect(row["BlockIO"].text == "1kB / 2kB")
        #expect(row["PIDs"].text == "3")
        #expect(
            StatsCommand.row(["id": "x", "memory_stats": [:]], before: nil, asked: "x", long: false)["CPUPerc"].text
                == "--")
    }

    @Test func eventLine() {
        let event: JSONValue = [
            "Type": "container", "Action": "start",
            "Actor": ["ID": "abc", "Attributes": ["name": "web", "image": "busybox"]],
            "timeNano": 1_600_000_000_000_000_001,
        ]
        #expect(
            EventsCommand.line(event).hasSuffix(".000000001Z container start abc (image=busybox, name=web)")
                || EventsCommand.line(event).contains("container start abc (image=busybox, name=web)"))
    }

    @Test func diskUsage() {
        let usage: JSONValue = [
            "LayersSize": 1000,
            "Images": [
                ["Containers": 1, "Size": 600, "SharedSize": 100], ["Containers": 0, "Size": 400, "SharedSize": 0],
            ],
            "Containers": [["State": "running", "SizeRw": 10], ["State": "exited", "SizeRw": 30]],
            "Volumes": [["UsageData": ["RefCount": 1, "Size": 5]], ["UsageData": ["RefCount": 0, "Size": 15]]],
        ]
        #expect(
            DiskUsageCommand.rows(usage).map {
                "\($0["TotalCount"].text) \($0["Active"].text) \($0["Size"].text) \($0["Reclaimable"].text)"
            } == [
                "2 1 1kB 500B (50%)", "2 1 40B 30B (75%)", "2 1 20B 15B (75%)", "0 0 0B 0B",
            ])
    }

    @Test func numbers() {
        #expect(HumanNumber.fixed(12.345, digits: 2) == "12.35" || HumanNumber.fixed(12.345, digits: 2) == "12.34")
        #expect(HumanNumber.fixed(0.005, digits: 1) == "0.0")
        #expect(HumanNumber.fixed(-1.5, digits: 0) == "-2")
    }
}
