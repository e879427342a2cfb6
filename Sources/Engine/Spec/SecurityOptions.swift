package import APIModel

/// `--security-opt`, understood.
package struct SecurityOptions: Hashable, Sendable {
    package enum Seccomp: Hashable, Sendable {
        /// Box's own profile, which is Docker's.
        case standard
        case unconfined
        /// A profile in Docker's form, as JSON.
        case profile(String)
    }
    package var seccomp: Seccomp
    package var noNewPrivileges = false

    /// Throws for options that are none, or that Box does not have.
    package init(_ host: HostConfig) throws(SpecError) {
        // As Docker: privileged containers are not filtered unless a profile is named.
        seccomp = host.privileged ? .unconfined : .standard
        for option in host.securityOpt ?? [] {
            // Docker's older clients put a colon in the place of the equals sign.
            let separator = option.firstIndex { $0 == "=" || $0 == ":" }
            let key = String(option[..<(separator ?? option.endIndex)])
            let value = separator.map { String(option[option.index(after: $0)...]) }
            try take(key, value, option)
        }
    }

    private mutating func take(_ key: String, _ value: String?, _ option: String) throws(SpecError) {
        switch (key, value) {
        case ("no-new-privileges", nil), ("no-new-privileges", "true"): noNewPrivileges = true
        case ("no-new-privileges", "false"): noNewPrivileges = false
        case ("seccomp", "unconfined"): seccomp = .unconfined
        case ("seccomp", "builtin"): seccomp = .standard
        case ("seccomp", let profile?) where profile.hasPrefix("{"): seccomp = .profile(profile)
        case ("seccomp", _):
            throw .invalid("--security-opt seccomp: neither unconfined, builtin nor a profile in JSON")
        // Without these modules a container is as unconfined as asked.
        case ("apparmor", "unconfined"), ("label", "disable"): break
        case ("apparmor", _): throw .unsupported("--security-opt apparmor", "Box does not use AppArmor")
        case ("label", _): throw .unsupported("--security-opt label", "Box does not use SELinux")
        default: throw .invalid("invalid --security-opt: \(option.quoted)")
        }
    }
}
