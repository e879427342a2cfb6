import Basics
import HTTP
import Kernel

/// What is done with images.
enum ImageCommands {
    static let all: [CommandSpec] = [
        ImageListing.spec, ImageTransfer.load, ImageTransfer.save, ImageTransfer.importing, InspectCommand.images,
        CommandSpec(
            "tag", aliases: ["image tag"], usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", operands: 2...2,
            "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
            run: { call in
                let (repository, tag) = try ImageName.split(call.arguments.operands[1])
                var query: Query = ["repo": repository]
                if let tag { query.add("tag", tag) }
                try call.client.perform(.post, Path.image(call.arguments.operands[0], "tag"), query)
                return 0
            }),
        CommandSpec(
            "rmi", aliases: ["image rm", "image remove"], usage: "IMAGE [IMAGE...]", operands: 1...Int.max,
            "Remove one or more images",
            flags: {
                [
                    .bool("force", "f", "Force removal of the image"),
                    .bool("no-prune", nil, "Do not delete untagged parents"),
                    .refused("platform", nil, "images are of this machine's platform"),
                ]
            }, run: remove),
        CommandSpec(
            "history", aliases: ["image history"], usage: "IMAGE|SERVICE", operands: 1...1,
            "Show the history of an image, or of a service when there is no image of the name",
            flags: {
                [
                    .format, .bool("human", "H", default: true, "Print sizes and dates for people"), .noTruncation,
                    .bool("quiet", "q", "Only show image IDs"),
                    .refused("platform", nil, "images are of this machine's platform"),
                ]
            }, run: history),
        CommandSpec(
            "image prune", operands: 0...0, "Remove unused images",
            flags: { [.bool("all", "a", "Remove all unused images, not just dangling ones"), .force, .pruneFilter] },
            run: { call in
                let all = call.arguments.bool("all")
                try Prune.confirm(
                    call,
                    all
                        ? "This will remove all images without at least one container associated to them."
                        : "This will remove all dangling images.")
                var query = Query()
                try query.addFilters(call.arguments.list("filter") + ["dangling=\(!all)"])
                let result = try Prune.images(call.client, query)
                try Output.write(result.text + Prune.total(result.bytes))
                return 0
            }),
    ]

    private static func remove(_ call: Invocation) throws -> Int32 {
        var query = Query()
        let force = call.arguments.bool("force")
        if force { query.add("force", "1") }
        if call.arguments.bool("no-prune") { query.add("noprune", "1") }
        return try call.forEach(printsName: false) { name in
            do {
                for item in try call.client.value(.delete, Path.image(name), query).array {
                    if let deleted = item["Deleted"].string { try Output.line("Deleted: " + Escaping.visible(deleted)) }
                    if let untagged = item["Untagged"].string {
                        try Output.line("Untagged: " + Escaping.visible(untagged))
                    }
                }
            } catch let error as DaemonError {
                guard force, error.isNotFound else { throw error }
                Output.complain(Escaping.lines(error.description))
            }
        }
    }

    private static func history(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        let human = arguments.bool("human", default: true)
        let long = arguments.bool("no-trunc")
        let now = Clock.realtime() / 1_000_000_000
        var listing = Listing(
            titles: [
                ("ID", "IMAGE"), ("CreatedSince", "CREATED"), ("CreatedAt", "CREATED AT"), ("CreatedBy", "CREATED BY"),
                ("Size", "SIZE"), ("Comment", "COMMENT"),
            ],
            columns: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"], quietMember: "ID")
        let steps: JSONValue
        do { steps = try call.client.get(Path.image(arguments.operands[0], "history")) } catch let error as DaemonError
        {
            let name = arguments.operands[0]
            guard error.isNotFound, (try? call.client.boxValue(.get, BoxPath.service(name))) != nil else { throw error }
            return try ServiceViews.history(call)
        }
        listing.rows = steps.array.map { entry in
            let created = entry["Created"].integer ?? 0
            let text = entry["CreatedBy"].text.split(on: "\t").joined(separator: " ")
            let stamp = Timestamp(nanosecondsSince1970: created * 1_000_000_000).description
            return [
                "Comment": .string(entry["Comment"].text),
                "CreatedAt": .string(stamp),
                "CreatedBy": .string(long ? text : Escaping.ellipsis(text, 45)),
                // What was never dated has no age.
                "CreatedSince": .string(created <= 0 ? "N/A" : HumanTime.ago(created, now: now)),
                "ID": .string(PsCommand.shortID(entry["Id"].text, long: long)),
                "Size": .string(
                    human ? ByteCount.decimal(entry["Size"].integer ?? 0) : "\(entry["Size"].integer ?? 0)"),
            ]
        }
        try Output.write(try listing.text(format: arguments.text("format"), quiet: arguments.bool("quiet")))
        let name = arguments.operands[0]
        if Terminal.isTerminal(1), (try? call.client.boxValue(.get, BoxPath.service(name))) != nil {
            Output.complain("'\(name)' is a service, too: boxctl service history \(name)")
        }
        return 0
    }
}
