/// The options of `run` and `create`.
enum ContainerFlags {
    static let all: [Flag] = process + isolation + files + resources + network + life + refused

    static let runOnly: [Flag] = [
        .bool("detach", "d", "Run the container in the background and print its id"),
        .bool("sig-proxy", nil, default: true, "Pass received signals on to the process"),
        .detachKeys,
    ]

    private static let process: [Flag] = [
        .many("attach", "a", "list", "Attach to STDIN, STDOUT or STDERR"),
        .bool("interactive", "i", "Keep STDIN open even if not attached"),
        .bool("tty", "t", "Give it a terminal"),
        .one("name", nil, "string", "Give the container a name"),
        .one("hostname", "h", "string", "The container's host name"),
        .one("domainname", nil, "string", "The container's NIS domain name"),
        .one("user", "u", "string", "Whom to run as: NAME|UID[:GROUP|GID]"),
        .one("workdir", "w", "string", "Working directory in the container"),
        .one("entrypoint", nil, "string", "Replace the image's ENTRYPOINT"),
        .many("env", "e", "list", "Set an environment variable; without a value, this environment's"),
        .many("env-file", nil, "list", "Read environment variables from a file"),
        .many("label", "l", "list", "Set a label"),
        .many("label-file", nil, "list", "Read labels from a file"),
        .many("annotation", nil, "map", "Set an annotation, for the runtime"),
        .many("group-add", nil, "list", "Add a group to the process"),
        .bool("init", nil, "Run an init that forwards signals and reaps processes"),
    ]
    private static let isolation: [Flag] = [
        .many("cap-add", nil, "list", "Add a Linux capability"),
        .many("cap-drop", nil, "list", "Drop a Linux capability"),
        .bool("privileged", nil, "Give all privileges to the container"),
        .many("security-opt", nil, "list", "seccomp=FILE|unconfined, no-new-privileges"),
        .one("pid", nil, "string", "PID namespace: host or container:NAME"),
        .one("ipc", nil, "string", "IPC namespace: none, private, shareable, host or container:NAME"),
        .one("uts", nil, "string", "UTS namespace: host"),
        .one("userns", nil, "string", "User namespace: host"),
        .one("cgroupns", nil, "string", "Cgroup namespace: host or private"),
        .many("sysctl", nil, "map", "Set a kernel parameter of the container's namespaces"),
        .one("runtime", nil, "string", "The runtime that runs the container"),
    ]
    private static let files: [Flag] = [
        .many("volume", "v", "list", "Mount a volume or a directory: [SOURCE:]TARGET[:OPTIONS]"),
        .many("mount", nil, "mount", "Mount: type=bind|volume|tmpfs,source=…,target=…"),
        .many("tmpfs", nil, "list", "Mount a tmpfs: TARGET[:OPTIONS]"),
        .many("volumes-from", nil, "list", "Mount the volumes of another container: NAME[:ro|rw]"),
        .one("volume-driver", nil, "string", "The driver of named volumes"),
        .bool("read-only", nil, "Mount the container's root file system read-only"),
        .one("shm-size", nil, "bytes", "Size of /dev/shm"),
        .many("device", nil, "list", "Give a device of the host: SOURCE[:TARGET[:rwm]]"),
        .many("device-cgroup-rule", nil, "list", "Allow devices, as in \"c 1:3 rwm\""),
        .many("storage-opt", nil, "list", "Options of the storage driver"),
    ]
    private static let resources: [Flag] =
        ResourceFlags.flags + [
            .one("memory-swappiness", nil, "int", "How eagerly to swap, 0 to 100"),
            .bool("oom-kill-disable", nil, "Do not kill when out of memory"),
            .one("oom-score-adj", nil, "int", "Adjust the preference of the OOM killer (-1000 to 1000)"),
            .many("ulimit", nil, "ulimit", "Set a limit: NAME=SOFT[:HARD]"),
            .one("cgroup-parent", nil, "string", "The cgroup above the container's"),
        ]
    private static let network: [Flag] = [
        .many("network", nil, "network", "Join a network: NAME, bridge, none, host or container:NAME"),
        .alias("net", of: "network"),
        .many("network-alias", nil, "list", "Another name of the container in its network"),
        .alias("net-alias", of: "network-alias"),
        .one("ip", nil, "string", "IPv4 address of the container in its network"),
        .one("ip6", nil, "string", "IPv6 address of the container in its network"),
        .one("mac-address", nil, "string", "MAC address of the container in its network"),
        .many("add-host", nil, "list", "Add an entry to /etc/hosts: HOST:IP, or HOST:host-gateway"),
        .many("dns", nil, "list", "Set a DNS server"),
        .many("dns-option", nil, "list", "Set a DNS option"),
        .many("dns-search", nil, "list", "Set a DNS search domain"),
        .many("expose", nil, "list", "Note a port, or a range of ports, as offered by the container"),
        .many("publish", "p", "list", "Publish ports on the host: [[IP:]HOSTPORT:]PORT[-PORT][/PROTO]"),
        .bool("publish-all", "P", "Publish all exposed ports to random ports of the host"),
    ]
    private static let life: [Flag] = [
        .bool("rm", nil, "Remove the container and its anonymous volumes when it exits"),
        .one("restart", nil, "string", default: "no", "When to restart: no, always, unless-stopped, on-failure[:MAX]"),
        .one("stop-signal", nil, "string", "The signal that stops the container"),
        .one("stop-timeout", nil, "int", "Seconds to wait before killing the container"),
        .one("health-cmd", nil, "string", "Command that checks health"),
        .one("health-interval", nil, "duration", "Time between checks"),
        .one("health-timeout", nil, "duration", "Time that one check may take"),
        .one("health-retries", nil, "int", "Failures in a row that mean unhealthy"),
        .one("health-start-period", nil, "duration", "Time before failures count"),
        .one("health-start-interval", nil, "duration", "Time between checks during the start period"),
        .bool("no-healthcheck", nil, "Do not check health, whatever the image says"),
        .one("log-driver", nil, "string", "Where the output goes"),
        .many("log-opt", nil, "list", "Log options: max-size=SIZE, max-file=COUNT"),
        .one("cidfile", nil, "string", "Write the container's id to a file"),
        .one("pull", nil, "string", default: "missing", "When to pull the image: missing or never"),
        .bool("quiet", "q", "Do not show the progress of pulling"),
    ]

    /// What Docker has and Box does not.
    private static let refused: [Flag] = [
        .refused("link", nil, insteadOfLinks),
        .refused("link-local-ip"),
        .refused("gpus", nil, "give device nodes with --device"),
        .refused("platform", nil, "images are of this machine's platform"),
        .refused("disable-content-trust", nil, takesValue: false),
        .refused("use-api-socket", nil, takesValue: false, "mount boxd's socket with -v"),
        .refused("isolation", nil, "it is for Windows"),
        .refused("cpu-count", nil, "it is for Windows"),
        .refused("cpu-percent", nil, "it is for Windows"),
        .refused("io-maxbandwidth", nil, "it is for Windows"),
        .refused("io-maxiops", nil, "it is for Windows"),
        .refused("kernel-memory", nil, "the kernel has no such limit any more"),
        .refused("blkio-weight-device", nil),
        .refused("device-read-bps", nil),
        .refused("device-read-iops", nil),
        .refused("device-write-bps", nil),
        .refused("device-write-iops", nil),
        .refused("checkpoint", nil),
    ]
    static let insteadOfLinks =
        "put both containers into a network of their own ('boxctl network create'): there they find each other by name"
}
