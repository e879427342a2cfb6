import Glibc
import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct TerminalTests {
    @Test("run -it: a shell to type in, its size, Ctrl-C, the terminal as it was afterwards")
    func shell() throws {
        try withDaemon { box in
            let terminal = try PseudoTerminal(rows: 33, columns: 101)
            let shell = try box.background(["run", "-it", "--rm", "busybox", "sh"], terminal: terminal.end)
            try terminal.expect("#")
            #expect(!terminal.echoes, "the terminal is raw while the shell runs")
            try terminal.type("tty; stty size\r")
            try terminal.expect("/dev/pts/0")
            try terminal.expect("33 101")
            try terminal.resize(rows: 40, columns: 120)
            pause(0.3)
            try terminal.type("stty size\r")
            try terminal.expect("40 120")
            try terminal.type("sleep 1000\r")
            pause(0.3)
            try terminal.type("\u{3}")
            try terminal.type("echo co''de $?\r")
            try terminal.expect("code 130")
            try terminal.type("exit 6\r")
            #expect(try shell.wait(within: 10).status == 6)
            #expect(terminal.echoes, "the terminal is as it was")
        }
    }

    @Test("Detaching leaves it running; attaching comes back")
    func detach() throws {
        try withDaemon { box in
            let terminal = try PseudoTerminal()
            let first = try box.background(["run", "-it", "--name", "term", "busybox", "sh"], terminal: terminal.end)
            try terminal.expect("#")
            try terminal.type("X=remembered\r")
            pause(0.2)
            try terminal.type("\u{10}\u{11}")
            #expect(try first.wait(within: 10).status == 0)
            #expect(try box.inspect("term", ".State.Status") == "running")
            let second = try box.background(["attach", "--detach-keys", "ctrl-a,d", "term"], terminal: terminal.end)
            pause(0.3)
            try terminal.type("echo is $X\r")
            try terminal.expect("is remembered")
            try terminal.type("\u{1}d")
            #expect(try second.wait(within: 10).status == 0)
            let third = try box.background(["exec", "-it", "term", "sh", "-c", "tty; exit 4"], terminal: terminal.end)
            try terminal.expect("/dev/pts/1")
            #expect(try third.wait(within: 10).status == 4)
        }
    }

    @Test("Signals of the client reach the program")
    func signals() throws {
        try withDaemon { box in
            let client = try box.background([
                "run", "--rm", "busybox", "sh", "-c",
                "trap 'echo got it; exit 8' TERM; echo ready; while true; do sleep 0.05; done",
            ])
            try eventually("it is ready") { client.output.contains("ready") }
            try client.signal(SIGTERM)
            let outcome = try client.wait(within: 10)
            #expect(outcome.status == 8)
            #expect(outcome.output == "ready\ngot it\n")
        }
    }
}
