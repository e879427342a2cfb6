import Glibc
import Kernel

// The demo server of the image `web`: it can be told to be slow, ill, wrong or stubborn, for trying out how a swap of
// versions goes. README.md has the list of what it answers and obeys.

let usage = """
    usage: web [--healthcheck]
    Serves HTTP; the environment variables are WEB_PORT, WEB_UDP_PORT, WEB_VERSION, WEB_HEALTH, WEB_ERROR, WEB_SLOW_MS,
    WEB_SIGTERM, WEB_START_DELAY_MS, WEB_EXIT_AFTER_MS and WEB_EXIT_CODE. With --healthcheck: asks a running one whether
    it is well.

    """

do {
    let configuration = try Configuration()
    switch Array(CommandLine.arguments.dropFirst()) {
    case []: exit(try Server(configuration).run())
    case ["--healthcheck"]: exit(HealthCheck.run(port: configuration.port))
    case ["--help"]:
        print(usage, terminator: "")
        exit(0)
    default:
        say("unknown arguments\n" + usage)
        exit(2)
    }
} catch let error as Configuration.Failure {
    say(error.message)
    exit(2)
} catch {
    say("\(error)")
    exit(1)
}
