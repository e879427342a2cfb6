// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

// FoundationEssentials, linked statically, needs these archives named; nothing else of them is used.
let staticFoundation: [LinkerSetting] = [
    .linkedLibrary("_FoundationCShims"), .linkedLibrary("_FoundationCollections"),
    .linkedLibrary("swiftSynchronization"),
]

/// `exclude`: files beside the sources that are no sources.
func module(_ name: String, exclude: [String] = [], _ dependencies: String...) -> Target {
    .target(
        name: name, dependencies: dependencies.map { .byName(name: $0) }, exclude: exclude, swiftSettings: settings)
}
/// The Swift runtime inside, the C libraries of the system outside.
func program(_ name: String, _ dependencies: String...) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings,
        linkerSettings: [.unsafeFlags(["-static-stdlib"])] + staticFoundation)
}
/// Starts in a fraction of a millisecond, and can be executed from inside any root file system.
func staticProgram(_ name: String, _ dependencies: String...) -> Target {
    .executableTarget(
        name: name, dependencies: (dependencies + ["CStart"]).map { .byName(name: $0) }, swiftSettings: settings,
        linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"])] + staticFoundation)
}
func tests(_ name: String, _ dependencies: String...) -> Target {
    .testTarget(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

let package = Package(
    name: "box",
    targets: [
        // Layer 0: C
        .target(name: "CLinux", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(name: "CExecutor", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(name: "CStart", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(name: "CCrypto"),
        .systemLibrary(name: "CISAL"),
        .systemLibrary(name: "CZstd"),
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CSeccomp"),
        // Layer 1
        module("Basics"),
        module("Kernel", "CLinux"),
        // Layer 2
        module("OCI", "Basics"),
        module("Archive", "Basics", "Kernel", "CCrypto", "CISAL", "CZstd"),
        module("Reactor", "Basics", "Kernel", "CExecutor"),
        module("HTTP", "Basics", "Kernel"),
        module("Database", "Basics", "CSQLite"),
        module("Supervision", "Basics", "Kernel"),
        module("Netlink", "Basics", "Kernel"),
        module("APIModel", "Basics"),
        // Layer 3
        module("Cgroups", "Basics", "Kernel", "OCI"),
        module("Seccomp", "Basics", "Kernel", "OCI", "CSeccomp"),
        module("Storage", "Basics", "Kernel", "OCI", "Archive", "Database"),
        module("HTTPServer", "Basics", "Kernel", "HTTP", "Reactor"),
        module("NameServer", "Basics", "Kernel", "Netlink", "Supervision"),
        module("Networking", "Basics", "Kernel", "Netlink", "Database", "Supervision"),
        module("Deployment", "Basics"),
        // Layer 4
        module("Routing", "Basics", "Kernel", "HTTP", "Reactor", "Netlink", "Networking", "Deployment"),
        module("Runtime", "Basics", "Kernel", "OCI", "Cgroups", "Seccomp", "Supervision", "NameServer"),
        module(
            "Engine", "Basics", "Kernel", "OCI", "Archive", "Cgroups", "Seccomp", "Storage", "Supervision",
            "Reactor", "Database", "APIModel", "Networking"),
        // Layer 5
        module(
            "Services", "Basics", "Kernel", "OCI", "Archive", "Reactor", "Database", "Supervision", "Netlink",
            "APIModel", "Storage", "Networking", "Deployment", "Engine", "Routing"),
        module("Command", "Basics", "Kernel", "HTTP", "APIModel"),
        // Layer 6
        module(
            "API", exclude: ["box-v1.openapi.json"], "Basics", "Kernel", "OCI", "HTTP", "HTTPServer", "Reactor",
            "APIModel", "Storage", "Supervision", "Networking", "Deployment", "Engine", "Routing", "Services"),
        // Layer 7: programs. Their code is in modules: a test that linked a program would link statically too.
        program(
            "boxd", "Basics", "Kernel", "Reactor", "HTTPServer", "Networking", "Routing", "Engine",
            "Services",
            "API"),
        staticProgram("boxctl", "Command"),
        staticProgram("box-runtime", "Basics", "Kernel", "OCI", "Runtime"),
        // The demo server of the image `web`.
        staticProgram("web", "Kernel"),
        // The clients of scripts/swap-test.
        staticProgram("swap-load", "Basics", "Kernel"),
        // The clients of scripts/bench.
        staticProgram("life-load", "HTTP", "Kernel"),
        // What it compares with: the kernel's part alone, in C, as nothing of ours shall be in it.
        .executableTarget(name: "life-floor", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        // Tests: one target a module, and one for the programs together.
        tests("BasicsTests", "Basics"),
        tests("KernelTests", "Kernel", "Basics"),
        tests("ArchiveTests", "Archive", "Basics", "Kernel"),
        tests("StorageTests", "Storage", "Archive", "Database", "OCI", "Basics", "Kernel"),
        tests("HTTPTests", "HTTP", "HTTPServer", "Reactor", "Basics", "Kernel"),
        tests("SupervisionTests", "Supervision", "Basics", "Kernel"),
        tests("NetlinkTests", "Netlink", "Basics", "Kernel"),
        tests("NetworkingTests", "Networking", "Netlink", "Database", "Supervision", "Basics", "Kernel"),
        tests("NameServerTests", "NameServer", "Netlink", "Supervision", "Basics", "Kernel"),
        tests("RuntimeTests", "Runtime", "Cgroups", "Seccomp", "OCI", "Supervision", "Basics", "Kernel"),
        tests("DeploymentTests", "Deployment", "Basics"),
        tests(
            "RoutingTests", "Routing", "Deployment", "Networking", "Netlink", "Database", "Supervision", "HTTP",
            "Reactor",
            "Basics", "Kernel"),
        tests("EngineTests", "Engine", "APIModel", "OCI", "Storage", "Networking", "Basics", "Kernel"),
        tests(
            "ServicesTests", "Services", "Deployment", "Routing", "Database", "APIModel", "Reactor", "Basics", "Kernel"),
        tests(
            "APITests", "API", "Services", "Deployment", "Routing", "APIModel", "Engine", "HTTP", "HTTPServer",
            "Reactor",
            "Storage", "Database", "Basics", "Kernel"),
        tests("CommandTests", "Command", "APIModel", "HTTP", "Basics", "Kernel"),
        // Drives the built programs as a user does; needs root.
        tests("IntegrationTests", "APIModel", "HTTP", "Basics", "Kernel"),
    ]
)
