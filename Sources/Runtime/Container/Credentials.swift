import Glibc
import Kernel
import OCI

/// Who a program runs as and what it may, applied as the last thing before it is executed.
struct Credentials {
    let user: UserSpec
    let capabilities: CapabilityPlan
    let noNewPrivileges: Bool
    /// nil: no filter.
    let filter: SeccompProgram?

    init(_ process: ProcessSpec, filter: SeccompProgram?) throws(RuntimeError) {
        user = process.user ?? UserSpec()
        let available = try attempt(.capabilities, "reading the capabilities") { () throws(SyscallError) in
            try CapabilityPlan.available()
        }
        capabilities = CapabilityPlan(process.capabilities, available: available)
        noNewPrivileges = process.noNewPrivileges ?? false
        self.filter = filter
    }

    /// - Parameter beforeFilter: what is not certain to be allowed under the filter.
    func apply(beforeFilter: () throws(RuntimeError) -> Void) throws(RuntimeError) {
        // The bounding set needs CAP_SETPCAP, so it comes first.
        try attempt(.capabilities, "dropping capabilities") { () throws(SyscallError) in
            try capabilities.dropBounding()
            // Leaving uid 0 would clear the permitted set before it is set to what was asked for.
            try Processes.keepCapabilities(true)
        }
        try switchUser()
        // Without no-new-privileges only CAP_SYS_ADMIN may install a filter; it goes right after.
        let extra: CapabilityMask =
            filter != nil && !noNewPrivileges ? .systemAdministration.intersection(ownPermitted()) : []
        try attempt(.capabilities, "setting capabilities") { () throws(SyscallError) in
            try Processes.keepCapabilities(false)
            try capabilities.apply(keeping: extra)
            try capabilities.raiseAmbient()
        }
        if noNewPrivileges {
            try attempt(.process, "setting no-new-privileges") { () throws(SyscallError) in
                try Processes.setNoNewPrivileges()
            }
        }
        // Changing the user made the process dumpable by the host's default; it must not be until the exec.
        try attempt(.process, "hiding from the container") { () throws(SyscallError) in try Processes.setDumpable(false)
        }
        try beforeFilter()
        guard let filter else { return }
        // As late as can be: from here on only what the profile allows works, so nothing but the exec is left.
        try attempt(.seccomp, "installing the seccomp filter") { () throws(SyscallError) in
            try Processes.installSeccompFilter(filter.instructions, flags: filter.flags)
            if !extra.isEmpty { try capabilities.apply() }
        }
    }

    private func switchUser() throws(RuntimeError) {
        let (uid, gid) = (user.uid ?? 0, user.gid ?? 0)
        try attempt(.user, "changing to user \(uid):\(gid)") { () throws(SyscallError) in
            Sys.setFileCreationMask(user.umask ?? 0o022)
            try Processes.setGroups(user.additionalGids ?? [])
            try Processes.setGroup(gid)
            try Processes.setUser(uid)
        }
    }

    private func ownPermitted() -> CapabilityMask {
        CapabilityMask(rawValue: (try? Processes.capabilities().permitted) ?? 0)
    }
}

/// A compiled filter: `struct sock_filter`s, and the flags of seccomp(2).
struct SeccompProgram: Sendable {
    var instructions: [UInt8]
    var flags: UInt32 = 0
}
