import Glibc
import Kernel
import OCI

/// The way of a further process from the fork into a running container to its program.
enum ContainerExec {
    static func run(_ request: ExecRequest, _ channel: LaunchChannel) -> Never {
        do {
            try start(request, channel)
        } catch {
            try? channel.send(.failed(error))
            _exit(error.exitCode)
        }
    }

    private static func start(_ request: ExecRequest, _ channel: LaunchChannel) throws(RuntimeError) -> Never {
        let process: ProcessSpec = try ContainerConfig.decode(request.process, "process")
        guard (process.terminal ?? false) == (request.stdio == .terminal) else {
            throw RuntimeError(.request, "process.terminal and the given streams do not agree")
        }
        let program = try Program(process)
        let filter = try SeccompSource.filter(request.seccompProgram, nil)
        let attributes: ProcessAttributes
        do {
            // Closed before the container is entered: it leads to the host.
            let proc = try HostProc()
            attributes = try ProcessAttributes(process, proc)
        }
        try Affinity.set(process.execCPUAffinity?.initial)
        if let path = request.cgroupPath { try ContainerCgroup.join(path) }
        try Affinity.set(process.execCPUAffinity?.final)
        try enter(request.container)
        Sys.setFileCreationMask(0)
        var terminal: SharedDescriptor?
        if request.stdio == .terminal {
            let root = RootedDirectory(
                try attempt(.terminal, "opening the root") { () throws(SyscallError) in
                    try Sys.open("/", Sys.openPath | O_DIRECTORY)
                })
            terminal = SharedDescriptor(try ContainerTerminal.open(in: root, process, channel))
        }
        let credentials = try Credentials(process, filter: filter)
        for warning in credentials.capabilities.warnings { try channel.send(.warning(warning)) }
        let ready = ProgramStart(
            process: process, program: program, credentials: credentials, attributes: attributes, terminal: terminal,
            stdio: request.stdio, preservedDescriptors: request.preservedDescriptors)
        try ready.run(channel, ProgramStart.Gate())
    }

    /// All namespaces of the container's first process but its pid namespace, which this process was born into.
    private static func enter(_ container: Int32) throws(RuntimeError) {
        do {
            try Namespaces.enter(container, [.mount, .uts, .ipc, .network, .cgroup, .time])
        } catch let error where error.errno == ESRCH {
            throw RuntimeError(.namespaces, "the container is not running", errno: ESRCH)
        } catch {
            throw RuntimeError(.namespaces, "entering the container", error)
        }
    }
}

/// `process.execCPUAffinity`
enum Affinity {
    static func set(_ list: String?) throws(RuntimeError) {
        guard let list, !list.isEmpty else { return }
        guard let mask = parse(list) else {
            throw RuntimeError(.config, "process.execCPUAffinity: «\(list)» is no list of CPUs such as 0-3,7")
        }
        try attempt(.process, "setting the CPU affinity to \(list)") { () throws(SyscallError) in
            try Processes.setAffinity(mask)
        }
    }

    /// Bit n of the bytes for CPU n; at most 8192 of them.
    static func parse(_ list: String) -> [UInt8]? {
        var mask = [UInt8](repeating: 0, count: 1024)
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1],
                low >= 0, low <= high, high < 8192
            else { return nil }
            for cpu in low...high { mask[cpu / 8] |= 1 << UInt8(cpu % 8) }
        }
        return mask
    }
}
