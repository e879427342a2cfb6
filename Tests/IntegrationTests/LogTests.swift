import Glibc
import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct LogTests {
    @Test("tail, since, until, timestamps, errors apart")
    func reading() throws {
        try withDaemon { box in
            let id = try box.box(
                "run", "-d", "busybox", "sh", "-c",
                "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done; echo wrong >&2")
            try box.box("wait", id)
            let all = try box.run("logs", id)
            #expect(all.output.lines == (1...5).map { "line \($0)" })
            #expect(all.errors.lines == ["wrong"])
            #expect(try box.run("logs", "--tail", "3", id).output.lines == ["line 4", "line 5"])
            #expect(try box.run("logs", "--tail", "0", id).output.isEmpty)
            let stamped = try box.run("logs", "-t", id).output.lines
            #expect(stamped.first?.hasSuffix("Z line 1") == true)
            let instant = String(stamped[2].split(separator: " ")[0])
            #expect(try box.run("logs", "--since", instant, id).output.lines.first == "line 3")
            #expect(try box.run("logs", "--until", "2001-01-01T00:00:00Z", id).output.isEmpty)
            #expect(try box.run("logs", "--since", "1h", id).output.lines.count == 5)
        }
    }

    @Test("Following sees each line once, until the end")
    func following() throws {
        try withDaemon { box in
            let id = try box.box(
                "run", "-d", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done")
            let follower = try box.background(["logs", "-f", id])
            let outcome = try follower.wait(within: 20)
            #expect(outcome.status == 0)
            #expect(outcome.output.lines == ["1", "2", "3", "4", "5", "6"])
        }
    }

    @Test("No byte is lost in a flood, and a reader that sleeps holds up nobody")
    func flood() throws {
        try withDaemon { box in
            let id = try box.box("create", "--log-opt", "max-size=100m", "busybox", "sh", "-c", "sleep 1; seq 1 400000")
            let sleeper = try box.background(["start", "-a", id])
            try box.waitUntil(id, ".State.Status", is: "running")
            try sleeper.signal(SIGSTOP)
            try box.waitUntil(id, ".State.Status", is: "exited", within: 60)
            try sleeper.signal(SIGCONT)
            let outcome = try box.run("logs", id)
            #expect(outcome.output.utf8.count == 2_688_895)
            #expect(outcome.output.hasSuffix("\n399999\n400000\n"))
            let attached = try sleeper.wait()
            #expect(attached.output.utf8.count == 2_688_895)
        }
    }

    @Test("A reader that sleeps gets all output of a container that is removed meanwhile")
    func removedBeforeItIsRead() throws {
        try withDaemon { box in
            let id = try box.box(
                "create", "--rm", "--log-opt", "max-size=500k", "--log-opt", "max-file=20", "busybox", "sh", "-c",
                "sleep 1; seq 1 400000")
            let sleeper = try box.background(["start", "-a", id])
            try box.waitUntil(id, ".State.Status", is: "running")
            try sleeper.signal(SIGSTOP)
            try eventually("it is gone", within: 60) { try box.run("inspect", id).status != 0 }
            try sleeper.signal(SIGCONT)
            let attached = try sleeper.wait()
            #expect(attached.status == 0)
            #expect(attached.output.utf8.count == 2_688_895)
            #expect(attached.output.hasSuffix("\n399999\n400000\n"))
            try eventually("nothing is left of it") { try Sys.list("\(box.place)/data/tmp").isEmpty }
        }
    }

    @Test("Logs rotate: the newest stay")
    func rotation() throws {
        try withDaemon { box in
            let id = try box.box(
                "run", "-d", "--log-opt", "max-size=100k", "--log-opt", "max-file=2", "busybox", "seq", "1", "200000")
            try box.box("wait", id)
            let kept = try box.run("logs", id).output
            #expect(kept.hasSuffix("\n199999\n200000\n"))
            #expect(kept.utf8.count < 300_000)
            // Without a gap from wherever it begins, which may be in the middle of a line.
            let numbers = kept.lines.dropFirst().compactMap(Int.init)
            #expect(numbers.first.map { $0...200_000 }.map(Array.init) == numbers)
        }
    }
}
