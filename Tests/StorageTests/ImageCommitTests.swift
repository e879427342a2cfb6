import Archive
import Basics
import Kernel
import OCI
import Storage
import Testing

@Suite struct ImageCommitTests {
    let fixture: StoreFixture
    init() throws { fixture = try StoreFixture() }

    private func commit(
        _ parent: Digest, _ layer: Fixture.Layer, _ name: String?, _ change: (inout Commit) -> Void = { _ in }
    ) throws -> StoredImage {
        var request = Commit(parent: parent, config: try fixture.images.image(parent).config.config)
        request.reference = try name.map { try ImageReference($0) }
        change(&request)
        let added = try fixture.images.commit(request) { try $0.write(layer.tar) }
        return try fixture.images.image(added.id)
    }

    @Test func addsOneLayerAndAStepOfHistory() throws {
        let base = try Fixture.layer(["a": "1"])
        let parent = try fixture.load(Fixture.layout([base]))[0]
        let top = try Fixture.layer(["b": "2"])
        let image = try commit(parent.id, top, "mine") {
            $0.author = "Me"
            $0.message = "done"
            $0.createdBy = "touch b"
            $0.changes = ["ENV X=1", "CMD [\"b\"]"]
        }
        #expect(image.layers.map(\.diffID) == [base.diffID, top.diffID])
        #expect(image.parent == parent.id)
        #expect(image.config.author == "Me")
        #expect(image.config.config.env == ["X=1"])
        #expect(image.config.config.cmd == ["b"])
        #expect(image.tags.map(\.familiar) == ["mine:latest"])
        let text = try fixture.read(image, layer: 1, "b")
        #expect(text == "2")
        let history = try fixture.images.history("mine")
        #expect(history.map(\.createdBy) == ["touch b", "test"])
        #expect(history.map(\.comment) == ["done", ""])
        #expect(history.map(\.size) == [1, 1])
        #expect(history.map(\.id) == [image.id, parent.id])
        // The parent's layer is the same directory.
        let directories = try Sys.list(fixture.stores.root.layers)
        #expect(directories.count == 2)
    }

    @Test func failuresLeaveNothing() throws {
        let parent = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0]
        let before = try fixture.leftovers().count
        #expect(throws: StorageError.damaged("no")) {
            try fixture.images.commit(Commit(parent: parent.id, config: ExecutionConfig())) { sink in
                try sink.write([1, 2, 3])
                throw StorageError.damaged("no")
            }
        }
        #expect(throws: LayerError.self) {
            try fixture.images.commit(Commit(parent: parent.id, config: ExecutionConfig())) { try $0.write([1, 2, 3]) }
        }
        var wrong = Commit(parent: parent.id, config: ExecutionConfig())
        wrong.changes = ["RUN x"]
        #expect(throws: StorageError.invalid("RUN is not a valid change command")) {
            try fixture.images.commit(wrong) { _ in }
        }
        let after = try fixture.leftovers().count
        #expect(after == before)
    }

    @Test func parentsThatOnlyServedAChildGoWithIt() throws {
        let parent = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0]
        let child = try commit(parent.id, Fixture.layer(["b": "2"]), "child:1")
        #expect(
            throws: StorageError.conflict(
                "conflict: unable to delete \(parent.id.short) (cannot be forced) - image has dependent child images"
            )
        ) { try fixture.images.remove(parent.id.short, force: true, uses: []) }
        let untagged = try fixture.images.remove("app:1", uses: [])
        #expect(untagged == [.untagged(try ImageReference("app:1"))])
        let listed = try fixture.images.list().map(\.id)
        #expect(listed == [child.id])
        let everything = try fixture.images.list(all: true).map(\.id)
        #expect(Set(everything) == [child.id, parent.id])
        let steps = try fixture.images.remove("child:1", uses: [])
        #expect(steps.contains(.deleted(child.id)) && steps.contains(.deleted(parent.id)))
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }
}

@Suite struct ImageChangesTests {
    private func apply(_ changes: String..., to start: ExecutionConfig = ExecutionConfig()) throws -> ExecutionConfig {
        var config = start
        try ImageChanges.apply(changes, to: &config)
        return config
    }

    @Test func commands() throws {
        #expect(try apply("CMD [\"a\", \"b c\"]").cmd == ["a", "b c"])
        #expect(try apply("cmd a b").cmd == ["/bin/sh", "-c", "a b"])
        #expect(try apply("CMD [a").cmd == ["/bin/sh", "-c", "[a"])
        var start = ExecutionConfig()
        start.cmd = ["old"]
        start.shell = ["/bin/bash", "-c"]
        #expect(try apply("ENTRYPOINT x", to: start).cmd == nil)
        #expect(try apply("ENTRYPOINT x", to: start).entrypoint == ["/bin/bash", "-c", "x"])
        #expect(try apply("CMD new", "ENTRYPOINT [\"x\"]", to: start).cmd == ["/bin/bash", "-c", "new"])
    }

    @Test func environmentAndLabels() throws {
        var start = ExecutionConfig()
        start.env = ["A=0", "PATH=/bin"]
        #expect(
            try apply("ENV A=1 B=\"two words\" C=a\\ b D='$x'", to: start).env == [
                "A=1", "PATH=/bin", "B=two words", "C=a b", "D=$x",
            ])
        #expect(try apply("ENV A the rest  of it", to: start).env[0] == "A=the rest  of it")
        #expect(try apply("LABEL a=b \"c d\"=\"e f\"").labels == ["a": "b", "c d": "e f"])
        #expect(throws: StorageError.self) { try apply("ENV A") }
        #expect(throws: StorageError.self) { try apply("ENV A=1 B") }
        #expect(throws: StorageError.self) { try apply("LABEL a=\"b") }
    }

    @Test func theOthers() throws {
        #expect(
            try apply("EXPOSE 80 53/udp 8000-8002").exposedPorts.sorted == [
                "53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp",
            ])
        #expect(throws: StorageError.self) { try apply("EXPOSE 0") }
        #expect(throws: StorageError.self) { try apply("EXPOSE 80/xyz") }
        #expect(throws: StorageError.self) { try apply("EXPOSE 9-8") }
        #expect(throws: StorageError.self) { try apply("EXPOSE 70000") }
        #expect(try apply("VOLUME /a /b").volumes.sorted == ["/a", "/b"])
        #expect(try apply("VOLUME [\"/a b\"]").volumes.sorted == ["/a b"])
        #expect(try apply("WORKDIR /a", "WORKDIR b").workingDir == "/a/b")
        #expect(try apply("USER me:us").user == "me:us")
        #expect(try apply("STOPSIGNAL SIGQUIT").stopSignal == "SIGQUIT")
        #expect(try apply("ONBUILD RUN x").onBuild == ["RUN x"])
        #expect(throws: StorageError.self) { try apply("ONBUILD FROM x") }
        #expect(try apply("USER a\nWORKDIR /b\n# remark\n").workingDir == "/b")
        #expect(throws: StorageError.invalid("COPY is not a valid change command")) { try apply("COPY a b") }
        #expect(throws: StorageError.self) { try apply("USER") }
    }

    @Test func healthchecks() throws {
        let check = try apply("HEALTHCHECK --interval=5s --timeout=1s --retries=2 CMD curl -f x").healthcheck
        #expect(check?.test == ["CMD-SHELL", "curl -f x"])
        #expect(check?.interval == 5_000_000_000)
        #expect(check?.retries == 2)
        #expect(try apply("HEALTHCHECK CMD [\"a\",\"b\"]").healthcheck?.test == ["CMD", "a", "b"])
        #expect(try apply("HEALTHCHECK NONE").healthcheck?.test == ["NONE"])
        for wrong in ["HEALTHCHECK x", "HEALTHCHECK CMD", "HEALTHCHECK --x=1 NONE", "HEALTHCHECK --interval=1us CMD a"]
        {
            #expect(throws: StorageError.self) { try apply(wrong) }
        }
    }
}
