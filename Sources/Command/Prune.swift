import Basics
import HTTP
import Kernel

/// What the prune commands have in common.
enum Prune {
    struct Removed {
        var text = ""
        var bytes: Int64 = 0
    }

    /// Asks, unless `--force`; a no ends the command.
    static func confirm(_ call: Invocation, _ warning: String) throws {
        if call.arguments.bool("force") { return }
        try Output.write("WARNING! \(warning)\nAre you sure you want to continue? [y/N] ")
        let answer = readLine(strippingNewline: true) ?? ""
        if !["y", "yes"].contains(answer.lowercased()) { throw ExitStatus(status: answer.isEmpty ? 1 : 0) }
    }

    static func containers(_ client: EngineClient, _ query: Query) throws -> Removed {
        try removed(try client.value(.post, "/containers/prune", query), "Deleted Containers:", "ContainersDeleted")
    }
    static func volumes(_ client: EngineClient, _ query: Query) throws -> Removed {
        try removed(try client.value(.post, "/volumes/prune", query), "Deleted Volumes:", "VolumesDeleted")
    }
    static func networks(_ client: EngineClient, _ query: Query) throws -> Removed {
        try removed(try client.value(.post, "/networks/prune", query), "Deleted Networks:", "NetworksDeleted")
    }
    static func images(_ client: EngineClient, _ query: Query) throws -> Removed {
        let answer = try client.value(.post, "/images/prune", query)
        var text = ""
        for item in answer["ImagesDeleted"].array {
            if let name = item["Untagged"].string { text += "untagged: \(Escaping.visible(name))\n" }
            if let id = item["Deleted"].string { text += "deleted: \(Escaping.visible(id))\n" }
        }
        return Removed(
            text: text.isEmpty ? "" : "Deleted Images:\n\(text)\n", bytes: answer["SpaceReclaimed"].integer ?? 0)
    }

    private static func removed(_ answer: JSONValue, _ title: String, _ member: String) throws -> Removed {
        let names = answer[member].strings
        let text = names.isEmpty ? "" : title + "\n" + names.map { Escaping.visible($0) + "\n" }.joined() + "\n"
        return Removed(text: text, bytes: answer["SpaceReclaimed"].integer ?? 0)
    }

    static func total(_ bytes: Int64) -> String { "Total reclaimed space: \(ByteCount.decimal(bytes))\n" }
}
