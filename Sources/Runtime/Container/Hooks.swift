import Basics
import Glibc
import Kernel
package import OCI

/// Runs the programs that a configuration names for points of the lifecycle (runtime-spec `config.md`, "Hooks").
package enum HookRunner {
    /// In order; each gets the state as JSON on its standard input, and exactly the environment it names. The first
    /// that fails ends it.
    package static func run(_ hooks: [Hook]?, _ kind: String, _ state: RuntimeState) throws(RuntimeError) {
        guard let hooks, !hooks.isEmpty else { return }
        let json = JSONWriter.bytes(of: state)
        for hook in hooks { try run(hook, kind, json) }
    }

    /// As `run`, but a failure is only told, and the rest still run: what `poststop` wants.
    package static func runAll(_ hooks: [Hook]?, _ kind: String, _ state: RuntimeState) -> [RuntimeError] {
        var failures: [RuntimeError] = []
        for hook in hooks ?? [] {
            do { try run([hook], kind, state) } catch { failures.append(error) }
        }
        return failures
    }

    private static func run(_ hook: Hook, _ kind: String, _ json: [UInt8]) throws(RuntimeError) {
        let name = "\(kind) hook \(hook.path)"
        guard hook.path.hasPrefix("/") else { throw RuntimeError(.hooks, "\(name): the path is not absolute") }
        if let timeout = hook.timeout, timeout <= 0 {
            throw RuntimeError(.hooks, "\(name): the timeout is \(timeout), and must be more than 0 seconds")
        }
        let process = try attempt(.hooks, name) { () throws(SyscallError) -> SpawnedProcess in
            // A file and not a pipe: a hook that reads nothing must not stop us, whatever the state's size.
            let input = try Sys.memoryFile("box-hook-state")
            try input.writeAll(json)
            try input.seek(to: 0)
            var spawn = Spawn(
                hook.path, Array((hook.args ?? [hook.path]).dropFirst()), environment: hook.env ?? [],
                descriptors: [input.raw, 2, 2])
            spawn.argumentZero = hook.args?.first
            return try spawn.start()
        }
        guard waitForEnd(process, seconds: hook.timeout) else {
            _ = try? Processes.signal(process.pidfd, SIGKILL)
            _ = try? Processes.wait(process.pidfd)
            throw RuntimeError(.hooks, "\(name): still ran after its timeout of \(hook.timeout ?? 0) s, and was killed")
        }
        let exit = try attempt(.hooks, name) { () throws(SyscallError) in try Processes.wait(process.pidfd) }
        if let exit, exit.code != 0 { throw RuntimeError(.hooks, "\(name): ended with exit code \(exit.code)") }
    }

    /// False when it still runs after that time; without a time, waits for ever.
    private static func waitForEnd(_ process: borrowing SpawnedProcess, seconds: Int?) -> Bool {
        let deadline = seconds.map { Clock.boottime() + Int64(min($0, 1 << 31)) * 1_000_000_000 }
        while true {
            let left = deadline.map { max(0, ($0 - Clock.boottime()) / 1_000_000 + 1) } ?? -1
            if (try? Sys.poll(process.pidfd.raw, for: .reading, timeout: Int32(min(left, 1 << 30)))) ?? true {
                return true
            }
            if let deadline, Clock.boottime() >= deadline { return false }
        }
    }
}
