import Glibc
import Kernel
import OCI

/// The program of a process: found by the container's own PATH in the container, and executed. Errors read as
/// Docker's, because scripts look for them.
struct Program {
    let arguments: [String]
    let environment: [String]

    init(_ process: ProcessSpec) throws(RuntimeError) {
        guard let arguments = process.args, let name = arguments.first, !name.isEmpty else {
            throw RuntimeError(.config, "process.args is empty: there is no program to execute")
        }
        self.arguments = arguments
        environment = process.env ?? []
        let texts = arguments + environment
        guard !texts.contains(where: { $0.utf8.contains(0) }) else {
            throw RuntimeError(.config, "an argument or an environment variable holds a NUL")
        }
    }

    private var name: String { arguments[0] }

    /// The file to execute. Call it as the user that will, inside the container.
    func find() throws(RuntimeError) -> String {
        if name.contains("/") {
            try check(name)
            return name
        }
        // The last one counts, as for a program that reads its environment into a table.
        let path = environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
        var denied: RuntimeError?
        for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = "\(directory.isEmpty ? "." : directory)/\(name)"
            do {
                try check(candidate)
                return candidate
            } catch let error where error.exitCode == 126 {
                denied = denied ?? error
            } catch {
                continue
            }
        }
        if let denied { throw denied }
        throw RuntimeError(.exec, "exec: \"\(name)\": executable file not found in $PATH", errno: ENOENT, exitCode: 127)
    }

    private func check(_ file: String) throws(RuntimeError) {
        do {
            let status = try Sys.status(file, follow: true)
            guard status.kind != .directory else {
                throw RuntimeError(.exec, "exec: \"\(name)\": is a directory", errno: EISDIR, exitCode: 126)
            }
            guard status.kind == .regular else {
                throw RuntimeError(.exec, "exec: \"\(name)\": permission denied", errno: EACCES, exitCode: 126)
            }
            try Sys.checkExecutable(file)
        } catch let error as SyscallError {
            throw explain(error, file)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.exec, "exec: \"\(name)\": \(error)", exitCode: 126)
        }
    }

    private func explain(_ error: SyscallError, _ file: String) -> RuntimeError {
        switch error.errno {
        case ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG:
            RuntimeError(
                .exec, "exec: \"\(name)\": stat \(file): \(Self.reason(error))", errno: error.errno, exitCode: 127)
        default: RuntimeError(.exec, "exec: \"\(name)\": \(Self.reason(error))", errno: error.errno, exitCode: 126)
        }
    }

    /// As Go prints it: in lower case.
    private static func reason(_ error: SyscallError) -> String {
        error.reason.prefix(1).lowercased() + error.reason.dropFirst()
    }

    /// execve(2); returns only to throw.
    func execute(_ file: String) throws(RuntimeError) -> Never {
        do {
            try Processes.execute(file, arguments, environment: environment)
            throw RuntimeError(.exec, "exec \(file): returned without an error", exitCode: 126)
        } catch let error as SyscallError {
            // A script or a program whose interpreter is missing is ENOENT as well.
            let code: Int32 = error.errno == ENOENT ? 127 : 126
            throw RuntimeError(.exec, "exec \(file): \(Self.reason(error))", errno: error.errno, exitCode: code)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.exec, "exec \(file): \(error)", exitCode: 126)
        }
    }
}
