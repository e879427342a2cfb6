import Basics
import HTTP
import Kernel

/// `images`.
package enum ImageListing {
    static let spec = CommandSpec(
        "images", aliases: ["image ls", "image list"], usage: "[REPOSITORY[:TAG]]", operands: 0...1, "List images",
        flags: {
            [
                .bool("all", "a", "Show all images (default hides intermediate images)"),
                .bool("digests", nil, "Show digests"), .filter, .format, .noTruncation,
                .bool("quiet", "q", "Only show image IDs"), .refused("tree", takesValue: false),
            ]
        },
        run: { call in
            let arguments = call.arguments
            var query = Query()
            if arguments.bool("all") { query.add("all", "1") }
            try query.addFilters(arguments.list("filter") + arguments.operands.map { "reference=\($0)" })
            let images = try call.client.get("/images/json", query).array
            let now = Clock.realtime() / 1_000_000_000
            let digests = arguments.bool("digests")
            var listing = Listing(
                titles: titles,
                columns: ["Repository", "Tag"] + (digests ? ["Digest"] : []) + ["ID", "CreatedSince", "Size"],
                quietMember: "ID")
            listing.rows = images.sorted { ($0["Created"].integer ?? 0) > ($1["Created"].integer ?? 0) }.flatMap {
                rows($0, now: now, long: arguments.bool("no-trunc"), digests: digests)
            }
            try Output.write(try listing.text(format: arguments.text("format"), quiet: arguments.bool("quiet")))
            return 0
        })

    static let titles: [(member: String, title: String)] = [
        ("Repository", "REPOSITORY"), ("Tag", "TAG"), ("Digest", "DIGEST"), ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"), ("Size", "SIZE"), ("SharedSize", "SHARED SIZE"), ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"), ("VirtualSize", "SIZE"),
    ]

    /// One row for each name; one with `<none>` for an image without any.
    package static func rows(_ image: JSONValue, now: Int64, long: Bool, digests: Bool) -> [JSONValue] {
        let names = image["RepoTags"].strings.filter { $0 != "<none>:<none>" }
        let byDigest = image["RepoDigests"].strings.compactMap { text -> (String, String)? in
            guard let at = text.firstIndex(of: "@") else { return nil }
            return (String(text[..<at]), String(text[text.index(after: at)...]))
        }
        if names.isEmpty {
            let (repository, digest) = byDigest.first ?? ("<none>", "<none>")
            return [row(image, repository, "<none>", digest, now: now, long: long)]
        }
        return names.map { name in
            let slash = name.lastIndex(of: "/") ?? name.startIndex
            let colon = name[slash...].lastIndex(of: ":") ?? name.endIndex
            let repository = String(name[..<colon])
            let digest = digests ? byDigest.first { $0.0 == repository }?.1 : nil
            return row(image, repository, String(name[colon...].dropFirst()), digest ?? "<none>", now: now, long: long)
        }
    }

    private static func row(
        _ image: JSONValue, _ repository: String, _ tag: String, _ digest: String, now: Int64, long: Bool
    ) -> JSONValue {
        let created = image["Created"].integer ?? 0
        let size = image["Size"].integer ?? 0
        let shared = image["SharedSize"].integer ?? -1
        let containers = image["Containers"].integer ?? -1
        return [
            "Containers": .string(containers < 0 ? "N/A" : "\(containers)"),
            "CreatedAt": .string(HumanTime.local(created)),
            "CreatedSince": .string(created <= 0 ? "N/A" : HumanTime.ago(created, now: now)),
            "Digest": .string(digest),
            "ID": .string(PsCommand.shortID(image["Id"].text, long: long)),
            "Repository": .string(repository),
            "SharedSize": .string(shared < 0 ? "N/A" : ByteCount.decimal(shared)),
            "Size": .string(ByteCount.decimal(size)),
            "Tag": .string(tag),
            "UniqueSize": .string(shared < 0 ? "N/A" : ByteCount.decimal(size - shared)),
            "VirtualSize": .string(ByteCount.decimal(size)),
        ]
    }
}
