import Deployment
import Reactor
import Routing

/// Connections per second, from the counters of the router.
struct TrafficRate: Sendable {
    var last: Moment?
    var counts: [Int: Int64] = [:]
    /// By revision.
    var perSecond: [Int: Double] = [:]

    mutating func take(_ sums: [Int: Int64], at now: Moment) {
        if let last, now > last {
            // Two who ask at the same time must not see nonsense of each other.
            if now - last < .milliseconds(200) { return }
            let seconds = (now - last).seconds
            perSecond = sums.reduce(into: [:]) { result, one in
                result[one.key] = max(0, Double(one.value - (counts[one.key] ?? 0)) / seconds)
            }
        }
        (last, counts) = (now, sums)
    }
}

/// What a step waits for or judges by.
extension ServiceController {
    /// Shares are looked at after so many connections, with so much tolerance (in parts of 1).
    private static let enoughConnections: Int64 = 200
    private static let tolerance = 0.05
    private static let shareLimit = Span.seconds(10)
    /// Without any traffic in this time there is nothing to wait for.
    private static let quietLimit = Span.seconds(1)

    /// The router's counters agree with the share, or there is too little traffic to tell.
    func awaitShare(_ revision: Int, _ share: Share) -> Job {
        let (tools, count) = (tools, counter())
        return {
            do {
                let before = try await count()
                let began = tools.clock.now()
                let wanted = Double(share.parts) / Double(Share.all.parts)
                while true {
                    try await tools.clock.sleep(for: .milliseconds(100))
                    let now = try await count()
                    let mine = (now[revision] ?? 0) - (before[revision] ?? 0)
                    let all = now.values.reduce(0, +) - before.values.reduce(0, +)
                    let waited = tools.clock.now() - began
                    if all == 0, waited >= Self.quietLimit { return .ok }
                    if all >= Self.enoughConnections, abs(Double(mine) / Double(all) - wanted) <= Self.tolerance {
                        return .ok
                    }
                    if waited < Self.shareLimit { continue }
                    if all < Self.enoughConnections { return .ok }
                    return .failed("r\(revision) got \(mine) of \(all) new connections, \(share) were asked for")
                }
            } catch {
                return .failed("\(error)")
            }
        }
    }

    /// New connections since they were listed, by revision. Instances' names carry the number of theirs.
    func counter() -> @Sendable () async throws -> [Int: Int64] {
        let (tools, name) = (tools, name)
        return {
            let counts = try await tools.pool.run { try tools.router.connections(name) }
            return counts.reduce(into: [:]) { sums, one in
                let parts = one.key.dropFirst(name.utf8.count).split(separator: "-")
                guard let number = parts.first.flatMap({ Int($0.dropFirst()) }) else { return }
                sums[number, default: 0] += Int64(clamping: one.value)
            }
        }
    }

    /// Crashes of the target, and connections as the measure of whether there was anything to see.
    func analyse(
        _ length: Span, _ policy: DeployPolicy.Analysis, target: [String], control: [String]
    ) -> Job {
        let (tools, count) = (tools, counter())
        let revision = service.instances.first { target.contains($0.name) }?.revision
        return {
            do {
                let before = try await count()
                try await tools.clock.sleep(for: length)
                let now = try await count()
                let seen = revision.map { (now[$0] ?? 0) - (before[$0] ?? 0) } ?? 0
                // A crash of a target has ended the rollout by itself; here it has none.
                if seen < Int64(policy.minimumRequests) {
                    let text = "\(seen) new connections in \(length), min_requests is \(policy.minimumRequests)"
                    return .verdict(.inconclusive(text))
                }
                return .verdict(.pass)
            } catch {
                return .failed("\(error)")
            }
        }
    }

    /// For `status`, which is asked for again and again while somebody looks.
    func measureTraffic() async {
        guard let counts = try? await counter()() else { return }
        rate.take(counts, at: tools.clock.now())
    }
}
