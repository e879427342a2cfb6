/// What `box.json5` says of a service (sections: container, scale, ports, health, drain, deploy, hooks, resources).
/// Read with `ServiceSpec.decode`; a value of this type has passed every rule that needs no look at the host.
package struct ServiceSpec: Hashable, Sendable, Codable {
    package var service: String
    package var image: String
    package var command: [String] = []
    package var environment: [String: String] = [:]
    package var secrets: [String] = []
    package var user: String?
    package var volumes: [Volume] = []
    package var scale = Scale()
    package var ports: [Port] = []
    package var health = HealthPolicy()
    package var drain = DrainPolicy()
    package var deploy = DeployPolicy()
    package var hooks = Hooks()
    package var resources = Resources()

    package struct Volume: Hashable, Sendable, Codable {
        package enum Access: String, Hashable, Sendable, Codable, CaseIterable { case shared, exclusive }
        package var name: String
        package var at: String
        package var access = Access.shared
    }

    package struct Scale: Hashable, Sendable, Codable {
        package var min = 1
        package var desired = 1
        package var max = 1
        /// Share of a CPU's time per instance that an autoscaler aims at.
        package var targetCPU: Double?
        /// Idle time after which the last instance goes, too.
        package var toZeroAfter: Span?
    }

    package struct Port: Hashable, Sendable, Codable {
        package enum Mode: String, Hashable, Sendable, Codable, CaseIterable { case l4, l7 }
        package enum Router: String, Hashable, Sendable, Codable, CaseIterable { case nftables, haproxy, nginx }
        package enum Transport: String, Hashable, Sendable, Codable, CaseIterable { case tcp, udp }
        package struct Sticky: Hashable, Sendable, Codable {
            package enum By: String, Hashable, Sendable, Codable, CaseIterable { case cookie, address }
            package var by = By.cookie
            package var name: String?
            package var ttl = Span.minutes(60)
        }
        package var name: String
        package var target: Int
        package var publish: Int?
        package var transport = Transport.tcp
        package var mode = Mode.l4
        package var router = Router.nftables
        package var host: String?
        package var sticky: Sticky?
        package var timeout: Span?
    }

    package struct Resources: Hashable, Sendable, Codable {
        /// Bytes.
        package var memory: Int64?
        package var cpu: Double?
    }

    package var hasExclusiveVolume: Bool { volumes.contains { $0.access == .exclusive } }
}

/// When an instance counts as ready, and when no longer.
package struct HealthPolicy: Hashable, Sendable, Codable {
    package enum Probe: Hashable, Sendable, Codable {
        case http(path: String, port: String?, host: String?, expect: ClosedRange<Int>, followRedirects: Bool)
        case tcp(port: String?)
        case exec([String])
        /// A line of the log that contains the text.
        case log(String)
        /// Alive, and all ports listen.
        case running
    }
    package var probe = Probe.running
    package var interval = Span.seconds(1)
    package var timeout = Span.seconds(2)
    package var healthyThreshold = 2
    package var unhealthyThreshold = 3
    package var startTimeout = Span.seconds(30)
    package var healthyDeadline = Span.minutes(2)
    package var stableFor = Span.seconds(5)
    /// Paths requested before the first user's request.
    package var warmup: [String] = []
    package var slowStart = Span.zero
}

/// How an instance leaves: out of the router first, then its connections end, then the signal.
package struct DrainPolicy: Hashable, Sendable, Codable {
    package enum LameDuck: Hashable, Sendable, Codable {
        case signal(String)
        case http(path: String)
        case exec([String])
    }
    package var timeout = Span.seconds(30)
    /// For websockets and the like; nil: `timeout` holds for them as well.
    package var longLived: Span?
    package var lameDuck: LameDuck?
    package var stopSignal = "TERM"
    package var stopGrace = Span.seconds(20)
}

/// How versions are swapped.
package struct DeployPolicy: Hashable, Sendable, Codable {
    package enum Strategy: String, Hashable, Sendable, Codable, CaseIterable {
        case rolling, immutable, canary, recreate
        case blueGreen = "blue_green"
        case allAtOnce = "all_at_once"
    }
    package enum OnFailure: String, Hashable, Sendable, Codable, CaseIterable { case rollback, pause }
    package enum Keep: String, Hashable, Sendable, Codable, CaseIterable { case frozen, running, stopped }
    package enum Baseline: String, Hashable, Sendable, Codable, CaseIterable { case stable, fresh }

    /// What the user writes in `deploy.steps`.
    package enum CanaryStep: Hashable, Sendable, Codable {
        case weight(Share)
        case pause(Span)
        case analysis(Span)
        case gate(timeout: Span?)
    }
    /// A request that the new revision gets whatever the weight is. Only routers of layer 7 can.
    package struct Match: Hashable, Sendable, Codable {
        package enum Source: String, Hashable, Sendable, Codable { case header, cookie }
        package enum Test: String, Hashable, Sendable, Codable { case equals, prefix, regex }
        package var source: Source
        package var name: String
        package var test: Test
        package var value: String
    }
    package struct Preview: Hashable, Sendable, Codable {
        package var port: Int?
        package var host: String?
        /// So many instances first; the rest only before the switch.
        package var count: Int?
    }
    package struct Analysis: Hashable, Sendable, Codable {
        package enum OnInconclusive: String, Hashable, Sendable, Codable, CaseIterable { case extend, pause, fail }
        package struct Metric: Hashable, Sendable, Codable {
            package enum Name: String, Hashable, Sendable, Codable, CaseIterable {
                case crashes, rss, resets
                case errorRate = "error_rate"
                case connectErrors = "connect_errors"
                case p50, p95, p99
            }
            package var name: Name
            /// A share of 1 for rates, nanoseconds for percentiles, a count otherwise.
            package var max: Double?
            package var maxVersusControl: Double?
        }
        package struct Webhook: Hashable, Sendable, Codable {
            package var url: String
            package var every = Span.seconds(30)
        }
        package var interval = Span.seconds(10)
        package var minimumRequests = 200
        package var onInconclusive = OnInconclusive.extend
        package var metrics: [Metric] = []
        package var webhooks: [Webhook] = []
        package var isEmpty: Bool { metrics.isEmpty && webhooks.isEmpty }
    }

    package var strategy = Strategy.rolling
    package var batch = Amount.count(1)
    package var surge = Amount.count(1)
    package var maxUnavailable = Amount.count(0)
    package var batchPause = Span.zero
    package var steps: [CanaryStep] = []
    package var match: [Match] = []
    package var preview: Preview?
    package var promoteByHand = false
    package var baseline = Baseline.stable
    package var analysis = Analysis()
    package var progressDeadline = Span.minutes(10)
    package var bake = Span.zero
    package var onFailure = OnFailure.rollback
    package var rollbackWindow = Span.minutes(10)
    package var rollbackKeep = Keep.frozen
    package var revisions = 5
    /// For `recreate`: how long new connections may wait.
    package var holdTimeout = Span.seconds(15)
    /// For `recreate`: volumes are copied before the migration and put back when it has to be undone.
    package var reversible = false
    /// A failed instance stays so long for a look at it.
    package var abortKeep = Span.seconds(60)
    package var routerTimeout = Span.seconds(10)
}

/// Commands at fixed places of a rollout.
package struct Hooks: Hashable, Sendable, Codable {
    package enum Place: String, Hashable, Sendable, Codable, CaseIterable {
        /// Once a rollout, before any new instance; with `recreate` between the old and the new ones.
        case beforeDeploy = "before_deploy"
        case beforeTraffic = "before_traffic"
        case afterTraffic = "after_traffic"
        case beforePromote = "before_promote"
        case afterRollback = "after_rollback"
        /// In each instance that is about to get its stop signal.
        case preStop = "pre_stop"
    }
    package struct Hook: Hashable, Sendable, Codable {
        package enum Location: String, Hashable, Sendable, Codable, CaseIterable { case new, old }
        package var run: [String]
        package var location = Location.new
        package var timeout = Span.minutes(5)
    }
    package var places: [Place: Hook] = [:]
    package subscript(place: Place) -> Hook? { places[place] }
}
