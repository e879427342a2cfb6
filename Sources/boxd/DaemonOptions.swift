import Basics
import Engine
import FoundationEssentials
import Kernel

/// The command line and the configuration file of boxd. The command line wins.
struct DaemonOptions {
    var engine: EngineOptions
    var socket: String?
    var showVersion = false
    var showHelp = false

    static let help = """
        Usage: boxd [OPTIONS]

        The Box container engine. Serves the Docker Engine API on a unix socket.

          --data-root DIR        images, containers and volumes (default /var/lib/box)
          --run-dir DIR          what does not outlive a reboot (default /run/box)
          --socket PATH          where to listen (default <run-dir>/box.sock)
          --cgroup-parent PATH   parent of the containers' cgroups (default /box)
          --bridge NAME          the default network's bridge (default box0)
          --bip CIDR             its address and subnet (default 172.30.0.1/16)
          --address-pools LIST   where other networks get their subnets: ranges with the prefix length of each, such
                                 as 10.80.0.0/16:24, with commas between (default: those of Docker)
          --runtime PATH         the program box-runtime (default: beside boxd)
          --config FILE          a JSON file with any of these, named as here without the dashes
          --log-level LEVEL      debug, info, warn or error (default info)
          --version              print the version and exit
          --help                 print this and exit
        """

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter program: the path of the running executable; its directory is where box-runtime is looked for.
    init(_ arguments: [String], program: String) throws {
        let directory = program.lastIndex(of: "/").map { String(program[..<$0]) } ?? "."
        engine = EngineOptions(runtimePath: directory + "/box-runtime")
        let given = try Self.parse(arguments)
        showHelp = given["help"] != nil
        showVersion = given["version"] != nil
        if let file = given["config"] {
            for (key, value) in try Self.readFile(file).sorted(by: { $0.key < $1.key }) where given[key] == nil {
                try set(key, value, in: file)
            }
        }
        for (key, value) in given.sorted(by: { $0.key < $1.key }) { try set(key, value, in: "the command line") }
    }

    var socketPath: String { socket ?? engine.runDirectory + "/box.sock" }

    private static let flags: Set<String> = ["help", "version"]
    private static let keys: Set<String> = [
        "data-root", "run-dir", "socket", "cgroup-parent", "bridge", "bip", "address-pools", "runtime", "config",
        "log-level",
    ]

    private static func parse(_ arguments: [String]) throws -> [String: String] {
        var result: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                throw Problem(
                    description: argument == "-h" ? help : "unexpected argument \"\(argument)\": see boxd --help")
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(parts[0])
            if flags.contains(key), parts.count == 1 {
                result[key] = ""
                continue
            }
            guard keys.contains(key) else { throw Problem(description: "unknown option --\(key): see boxd --help") }
            guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
                throw Problem(description: "option --\(key) wants a value")
            }
            result[key] = value
        }
        return result
    }

    private static func readFile(_ path: String) throws -> [String: String] {
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(try Sys.readFile(path, limit: 1 << 20)))
        } catch let error as SyscallError {
            throw Problem(description: "cannot read the configuration: \(error)")
        } catch {
            throw Problem(description: "\(path) is not a JSON object of strings: \(error)")
        }
    }

    private mutating func set(_ key: String, _ value: String, in place: String) throws {
        func problem(_ what: String) -> Problem { Problem(description: "\(key) in \(place): \(what)") }
        func absolute() throws -> String {
            guard value.hasPrefix("/") else { throw problem("\"\(value)\" is not an absolute path") }
            return value.count > 1 && value.hasSuffix("/") ? String(value.dropLast()) : value
        }
        switch key {
        case "data-root": engine.dataRoot = try absolute()
        case "run-dir": engine.runDirectory = try absolute()
        case "socket": socket = try absolute()
        case "runtime": engine.runtimePath = try absolute()
        case "cgroup-parent":
            engine.cgroupParent = try absolute()
            guard engine.cgroupParent != "/", !engine.cgroupParent.split(separator: "/").contains("..") else {
                throw problem("must be below the root of the cgroup tree")
            }
        case "bridge":
            guard (1...15).contains(value.utf8.count), !value.contains("/"), !value.contains(" ") else {
                throw problem("\"\(value)\" is no name of a network interface (1 to 15 bytes)")
            }
            engine.bridgeName = value
        case "bip":
            guard EngineOptions.isBridgeAddress(value) else {
                throw problem("\"\(value)\" is no address with a prefix length, such as 172.30.0.1/16")
            }
            engine.bridgeAddress = value
        case "address-pools":
            let pools = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if let wrong = pools.first(where: { !EngineOptions.isAddressPool($0) }) {
                throw problem("\"\(wrong)\" is no range with the prefix length of its parts, such as 10.80.0.0/16:24")
            }
            engine.addressPools = pools
        case "log-level":
            guard let level = Logger.Level(value) else {
                throw problem("\"\(value)\" is not debug, info, warn or error")
            }
            engine.logLevel = level
        case "help", "version", "config": break
        default: throw problem("there is no such option")
        }
    }
}
