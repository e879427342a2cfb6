/// What an image runs on (image-spec `image-index.md`, "platform").
package struct Platform: Sendable, Equatable, Codable, CustomStringConvertible {
    package var architecture: String
    package var os: String
    package var variant: String?
    package var osVersion: String?
    package var osFeatures: [String]?

    private enum CodingKeys: String, CodingKey {
        case architecture, os, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }

    package init(architecture: String, os: String, variant: String? = nil) {
        self.architecture = architecture
        self.os = os
        self.variant = variant
    }

    /// `linux/amd64`, `linux/arm/v7`.
    package var description: String { [os, architecture, variant].compactMap { $0 }.joined(separator: "/") }

    /// `os/architecture[/variant]`; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(architecture: parts[1], os: parts[0], variant: parts.count == 3 ? parts[2] : nil)
    }

    /// The machine this program was built for.
    package static var host: Platform {
        #if arch(x86_64)
            Platform(architecture: "amd64", os: "linux")
        #elseif arch(arm64)
            Platform(architecture: "arm64", os: "linux", variant: "v8")
        #elseif arch(riscv64)
            Platform(architecture: "riscv64", os: "linux")
        #else
            Platform(architecture: "unknown", os: "linux")
        #endif
    }

    /// Whether what is built for this platform runs on `host`. A variant matters only when both name one.
    package func runs(on host: Platform) -> Bool {
        guard os == host.os, architecture == host.architecture else { return false }
        guard let variant, let other = host.variant else { return true }
        return variant == other
    }
}
