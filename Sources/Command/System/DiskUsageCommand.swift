import Basics
import HTTP
import Kernel

/// `system df`.
package enum DiskUsageCommand {
    static let spec = CommandSpec(
        "system df", operands: 0...0, "Show disk usage",
        flags: { [.format, .bool("verbose", "v", "Show detailed information on space usage")] },
        run: { call in
            let format = call.arguments.text("format")
            let usage = try call.client.get("/system/df")
            if call.arguments.bool("verbose") {
                if !format.isEmpty {
                    throw CommandError.usage("--format with --verbose is not supported yet: use one of them")
                }
                try Output.write(try detail(usage, now: Clock.realtime() / 1_000_000_000))
                return 0
            }
            var listing = Listing(
                titles: [
                    ("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"),
                    ("Reclaimable", "RECLAIMABLE"),
                ], columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"], quietMember: "Type")
            listing.rows = rows(usage)
            try Output.write(try listing.text(format: format, quiet: false))
            return 0
        })

    package static func rows(_ usage: JSONValue) -> [JSONValue] {
        let images = usage["Images"].array
        let total = usage["LayersSize"].integer ?? 0
        let usedByImages = images.filter { ($0["Containers"].integer ?? 0) > 0 }.reduce(Int64(0)) { sum, image in
            guard let size = image["Size"].integer, let shared = image["SharedSize"].integer, size >= 0, shared >= 0
            else { return sum }
            return sum + size - shared
        }
        let containers = usage["Containers"].array
        func isActive(_ container: JSONValue) -> Bool {
            ["running", "paused", "restarting"].contains(container["State"].text)
        }
        let volumes = usage["Volumes"].array
        func isUsed(_ volume: JSONValue) -> Bool { (volume["UsageData"]["RefCount"].integer ?? 0) > 0 }
        func volumeSize(_ volume: JSONValue) -> Int64 { max(0, volume["UsageData"]["Size"].integer ?? 0) }
        return [
            row(
                "Images", images.count, images.count { ($0["Containers"].integer ?? 0) > 0 }, total,
                max(0, total - usedByImages)),
            row(
                "Containers", containers.count, containers.count(where: isActive),
                sum(containers) { $0["SizeRw"].integer ?? 0 },
                sum(containers.filter { !isActive($0) }) { $0["SizeRw"].integer ?? 0 }),
            row(
                "Local Volumes", volumes.count, volumes.count(where: isUsed), sum(volumes, volumeSize),
                sum(volumes.filter { !isUsed($0) }, volumeSize)),
            row("Build Cache", 0, 0, 0, 0),
        ]
    }

    private static func sum(_ values: [JSONValue], _ size: (JSONValue) -> Int64) -> Int64 {
        values.reduce(0) { $0 + size($1) }
    }

    private static func row(_ type: String, _ count: Int, _ active: Int, _ size: Int64, _ reclaimable: Int64)
        -> JSONValue
    {
        let share = size > 0 && type != "Build Cache" ? " (\(min(100, reclaimable * 100 / size))%)" : ""
        return [
            "Active": .string("\(active)"), "Reclaimable": .string(ByteCount.decimal(reclaimable) + share),
            "Size": .string(ByteCount.decimal(size)), "TotalCount": .string("\(count)"), "Type": .string(type),
        ]
    }

    private static func detail(_ usage: JSONValue, now: Int64) throws -> String {
        var images = Listing(
            titles: ImageListing.titles,
            columns: ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
            quietMember: "ID")
        images.rows = usage["Images"].array.flatMap { ImageListing.rows($0, now: now, long: false, digests: false) }
        var containers = Listing(
            titles: [
                ("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("LocalVolumes", "LOCAL VOLUMES"),
                ("Size", "SIZE"), ("RunningFor", "CREATED"), ("Status", "STATUS"), ("Names", "NAMES"),
            ], columns: ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"],
            quietMember: "ID")
        containers.rows = usage["Containers"].array.map { PsCommand.row($0, now: now, long: false) }
        var volumes = Listing(titles: VolumeCommands.titles, columns: ["Name", "Links", "Size"], quietMember: "Name")
        volumes.rows = usage["Volumes"].array.map(VolumeCommands.row)
        return "Images space usage:\n\n" + (try images.text(format: "", quiet: false)) + "\nContainers space usage:\n\n"
            + (try containers.text(format: "", quiet: false)) + "\nLocal Volumes space usage:\n\n"
            + (try volumes.text(format: "", quiet: false)) + "\nBuild cache usage: 0B\n"
    }
}
