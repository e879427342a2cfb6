import Testing

@testable import Engine
import APIModel
import OCI

@Suite struct SpecLimitsTests {
    private func openFiles(_ ulimits: [Ulimit], hostLimit: UInt64) throws -> [ResourceLimit] {
        var host = HostFacts.fake
        host.openFiles = hostLimit
        return try ResourceLimits.ofContainer(ulimits, host)
    }

    @Test func openFilesDoNotDependOnTheDaemon() throws {
        #expect(
            try openFiles([], hostLimit: .max) == [
                ResourceLimit(type: "RLIMIT_NOFILE", hard: 1_048_576, soft: 1_048_576)
            ])
    }

    @Test func openFilesAreNoMoreThanTheHostAllows() throws {
        #expect(
            try openFiles([], hostLimit: 20_000) == [ResourceLimit(type: "RLIMIT_NOFILE", hard: 20_000, soft: 20_000)])
    }

    @Test func theUsersLimitWins() throws {
        let given = Ulimit(name: "nofile", hard: 200, soft: 100)
        #expect(try openFiles([given], hostLimit: .max) == [ResourceLimit(type: "RLIMIT_NOFILE", hard: 200, soft: 100)])
    }
}
