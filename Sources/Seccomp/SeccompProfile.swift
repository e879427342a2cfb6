import Kernel
package import OCI

/// A profile in Docker's form: rules that hold for some capabilities, machines and kernels only. Resolved for one
/// container it is what the runtime specification has.
package struct SeccompProfile: Codable, Sendable, Equatable {
    package struct ArchitectureMap: Codable, Sendable, Equatable {
        package var architecture: String
        package var subArchitectures: [String]?
        package init(architecture: String, subArchitectures: [String]?) {
            self.architecture = architecture
            self.subArchitectures = subArchitectures
        }
    }

    /// When a rule holds, or does not.
    package struct Condition: Codable, Sendable, Equatable {
        /// As Docker names machines: `amd64`, `arm64`.
        package var arches: [String]?
        package var caps: [String]?
        /// Such as `4.8`.
        package var minKernel: String?
        package init(arches: [String]? = nil, caps: [String]? = nil, minKernel: String? = nil) {
            self.arches = arches
            self.caps = caps
            self.minKernel = minKernel
        }
    }

    package struct Rule: Codable, Sendable, Equatable {
        package var names: [String]?
        /// The form of old profiles.
        package var name: String?
        package var action: SeccompAction
        package var errnoRet: UInt32?
        package var args: [SeccompArgument]?
        package var includes: Condition?
        package var excludes: Condition?
        package init(
            names: [String], action: SeccompAction = .allow, errnoRet: UInt32? = nil, args: [SeccompArgument]? = nil,
            includes: Condition? = nil, excludes: Condition? = nil
        ) {
            self.names = names
            self.action = action
            self.errnoRet = errnoRet
            self.args = args
            self.includes = includes
            self.excludes = excludes
        }
    }

    package var defaultAction: SeccompAction
    package var defaultErrnoRet: UInt32?
    package var architectures: [String]?
    package var archMap: [ArchitectureMap]?
    package var flags: [String]?
    package var listenerPath: String?
    package var syscalls: [Rule]?

    init(defaultAction: SeccompAction, defaultErrnoRet: UInt32?, archMap: [ArchitectureMap], syscalls: [Rule]) {
        self.defaultAction = defaultAction
        self.defaultErrnoRet = defaultErrnoRet
        self.archMap = archMap
        self.syscalls = syscalls
    }

    /// From a profile's JSON, such as a file given with `--security-opt seccomp=`.
    package init(parsing json: [UInt8]) throws(SeccompError) {
        guard json.count <= 4 << 20 else { throw SeccompError("longer than 4 MiB") }
        do {
            self = try JSONText.decode(SeccompProfile.self, json, subject: "seccomp profile")
        } catch {
            throw SeccompError(error.reason)
        }
        if architectures?.isEmpty == false, archMap?.isEmpty == false {
            throw SeccompError("has architectures and archMap; use one of them")
        }
        if flags?.isEmpty == false { throw SeccompError("flags are not supported") }
        if listenerPath?.isEmpty == false { throw SeccompError("listenerPath is not supported") }
        for rule in syscalls ?? [] where rule.name != nil && rule.names?.isEmpty == false {
            throw SeccompError("a rule has name and names; use names")
        }
    }
}

extension SeccompProfile {
    /// The machine that this program is built for.
    package struct Machine: Sendable, Equatable {
        /// Docker's name of it.
        package var name: String
        /// libseccomp's constant.
        package var token: String
        package init(name: String, token: String) {
            self.name = name
            self.token = token
        }

        #if arch(x86_64)
            package static let native = Machine(name: "amd64", token: "SCMP_ARCH_X86_64")
        #elseif arch(arm64)
            package static let native = Machine(name: "arm64", token: "SCMP_ARCH_AARCH64")
        #else
            #error("the seccomp names of this machine are not known; add them here")
        #endif
    }

    /// The first two numbers of a kernel's release.
    package struct KernelVersion: Sendable, Equatable, Comparable {
        package var major: Int
        package var minor: Int
        package init?(_ release: String) {
            let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map { $0.prefix { $0.isNumber } }
            guard numbers.count == 2, let major = Int(numbers[0]), let minor = Int(numbers[1]) else { return nil }
            self.major = major
            self.minor = minor
        }
        package static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

        package static func current() throws(SeccompError) -> KernelVersion {
            guard let release = try? Sys.readText("/proc/sys/kernel/osrelease"), let version = KernelVersion(release)
            else {
                throw SeccompError("the kernel's version is not known: /proc/sys/kernel/osrelease cannot be read")
            }
            return version
        }
    }

    /// What holds for a container with these capabilities (`CAP_…`, its bounding set), on this machine.
    package func resolved(capabilities: Set<String>) throws(SeccompError) -> LinuxSeccomp {
        try resolved(capabilities: capabilities, machine: .native, kernel: try .current())
    }

    package func resolved(capabilities: Set<String>, machine: Machine, kernel: KernelVersion)
        throws(SeccompError) -> LinuxSeccomp
    {
        var rules: [SeccompSyscalls] = []
        for rule in syscalls ?? [] {
            if let excludes = rule.excludes {
                if excludes.arches?.contains(machine.name) == true { continue }
                if excludes.caps?.contains(where: capabilities.contains) == true { continue }
                if let minimum = try Self.version(excludes.minKernel), kernel >= minimum { continue }
            }
            if let includes = rule.includes {
                if let arches = includes.arches, !arches.isEmpty, !arches.contains(machine.name) { continue }
                if includes.caps?.allSatisfy(capabilities.contains) == false { continue }
                if let minimum = try Self.version(includes.minKernel), kernel < minimum { continue }
            }
            let names = (rule.names ?? []) + (rule.name.map { [$0] } ?? [])
            rules.append(
                SeccompSyscalls(
                    names: names, action: rule.action, errnoRet: rule.errnoRet,
                    args: rule.args?.isEmpty == false ? rule.args : nil))
        }
        var tokens = architectures
        if let map = archMap?.first(where: { $0.architecture == machine.token }) {
            tokens = [map.architecture] + (map.subArchitectures ?? [])
        }
        return LinuxSeccomp(
            defaultAction: defaultAction, defaultErrnoRet: defaultErrnoRet, architectures: tokens, syscalls: rules)
    }

    private static func version(_ text: String?) throws(SeccompError) -> KernelVersion? {
        guard let text, !text.isEmpty else { return nil }
        guard let version = KernelVersion(text) else { throw SeccompError("minKernel \"\(text)\" is no version") }
        return version
    }
}
