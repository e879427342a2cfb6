/// What the router shall do, and the way there: apply, read back, and only then believe it.
extension Service {
    static let routerAttempts = 3

    /// I1: no action of ours may leave fewer in the pool.
    package var requiredCapacity: Int {
        guard stable != nil, !isInMaintenance else { return 0 }
        // Where old and new must not meet, one has to go before its successor comes.
        guard let rollout else { return mayOverlap ? desired : 0 }
        if rollout.strategy == .recreate || rollout.strategy == .allAtOnce { return 0 }
        let least = min(rollout.baseDesired, rollout.desired)
        // Never the last one (I9), whatever may be missing.
        return max(min(1, least), least - policy.maxUnavailable.of(max(rollout.baseDesired, rollout.desired)))
    }

    /// An instance may run beside the one that it replaces.
    var mayOverlap: Bool {
        policy.strategy != .recreate && stable.flatMap { spec(of: $0)?.hasExclusiveVolume } != true
    }

    private func wantsListing(_ instance: Instance) -> Bool {
        // A freeze or a stop may be under way, begun when it was not wanted.
        instance.goal == .serve && instance.isFit && instance.address != nil && !instance.isSetAside
            && (instance.state == .pooled || instance.action == nil)
    }

    /// Whom the router shall list: those that shall serve; and those that shall not, as long as there are too few.
    private var wantedMembers: [Instance] {
        var members = instances.filter(wantsListing)
        var missing = requiredCapacity - members.count
        if missing > 0 {
            for instance in instances.reversed() where missing > 0 {
                // One that the router may have taken in, though it never said so, may be what serves now.
                let mayServe =
                    instance.state == .pooled || instance.isFit && router.maybeListed.contains(instance.name)
                guard mayServe, instance.alive, instance.address != nil, !wantsListing(instance) else { continue }
                // A share of its own keeps the new revision out, not its number.
                members.append(instance)
                missing -= 1
            }
        }
        // Answers now and then are better than none, as long as there is nobody else and somebody can still come.
        let shallBeEmpty = rollout.map { $0.isHeld || $0.baseServe == 0 && $0.targetServe == 0 } ?? false
        if members.isEmpty, !shallBeEmpty, !isInMaintenance, runningCount < bounds.running {
            members = instances.filter { $0.state == .unhealthy && $0.alive && router.applied.lists($0.name) }
        }
        return members.sorted { $0.ordinal < $1.ordinal }
    }

    package var wantedTable: RouterTable {
        var table = RouterTable(service: name)
        let members = wantedMembers
        let target = rollout?.to
        struct Key: Hashable { var revision: Int, isBaseline: Bool }
        var keys: [Key] = []
        for member in members {
            let key = Key(revision: member.revision, isBaseline: member.isBaseline)
            if !keys.contains(key) { keys.append(key) }
        }
        for key in keys {
            let mine = members.filter { $0.revision == key.revision && $0.isBaseline == key.isBaseline }
            let list = mine.compactMap { one in one.address.map { RouterTable.Member(instance: one.name, address: $0) }
            }
            table.groups.append(.init(revision: key.revision, isBaseline: key.isBaseline, share: .none, members: list))
        }
        distribute(&table, target)
        table.hold = rollout?.isHeld ?? false
        table.maintenance = isInMaintenance
        if let rollout, rollout.isPreviewing {
            table.preview = instances.filter { $0.revision == rollout.to && $0.isFit }.compactMap { one in
                one.address.map { RouterTable.Member(instance: one.name, address: $0) }
            }
        }
        if let rollout, rollout.share != nil, !rollout.isRollingBack, !policy.match.isEmpty, table.groups.count > 1 {
            table.match = policy.match
            table.matchRevision = rollout.to
        }
        return table
    }

    /// By number; or the target's own share, and the rest by number.
    private func distribute(_ table: inout RouterTable, _ target: Int?) {
        let own = table.groups.firstIndex { $0.revision == target }
        var rest = Share.all.parts
        if let share = rollout?.share, let own, table.groups.count > 1 {
            table.groups[own].share = share
            rest -= share.parts
            Self.split(rest, among: table.groups.indices.filter { $0 != own }, &table)
        } else {
            Self.split(rest, among: Array(table.groups.indices), &table)
        }
    }

    /// To the last part: the sum is exact.
    private static func split(_ parts: Int, among indices: [Int], _ table: inout RouterTable) {
        let total = indices.reduce(0) { $0 + table.groups[$1].members.count }
        guard total > 0 else { return }
        var counted = 0
        var given = 0
        for index in indices {
            counted += table.groups[index].members.count
            let upTo = parts * counted / total
            table.groups[index].share = Share(parts: upTo - given)
            given = upTo
        }
    }

    var isRouterInSync: Bool {
        router.action == nil && router.sent == nil && !router.isUncertain && router.applied == wantedTable
    }

    // MARK: The way there

    mutating func syncRouter() {
        guard !router.isDown, router.action == nil, router.retryAt.map({ now >= $0 }) ?? true else { return }
        let table = wantedTable
        guard router.isUncertain || table != router.applied else { return }
        // Dead ones leave at once, but the last one's place is kept: a deploy never publishes an empty pool.
        let generation = router.generation + 1
        guard let id = issue(.applyRouter(generation: generation, table: table), .router) else { return }
        router.generation = generation
        router.sent = table
        router.action = id
        router.issuedAt = now
        router.retryAt = nil
        router.maybeListed.formUnion(table.listed)
        router.maybeUsed.formUnion(table.addresses)
        // From now on there may be connections to them, whether it is ever confirmed or not.
        for index in instances.indices where table.lists(instances[index].name) {
            instances[index].mayHaveConnections = true
        }
        rollout?.ledger.routerTransactions += 1
        rollout?.hasChangedAnything = true
    }

    mutating func routerAnswered(_ action: ServiceAction, _ result: ActionResult) {
        guard router.action == action.id else { return }
        router.action = nil
        switch (action.kind, result) {
        case (.applyRouter(let generation, _), .ok):
            router.action = issue(.readBackRouter(generation: generation), .router)
            router.issuedAt = now
        case (.readBackRouter, .readBack(let table)):
            if let table, table == router.sent {
                confirmed(table)
            } else {
                routerFailed("the router lists something else")
            }
        case (_, .failed(let text)): routerFailed(text)
        default: routerFailed("the router gave no answer")
        }
    }

    private mutating func confirmed(_ table: RouterTable) {
        router.applied = table
        router.sent = nil
        router.isUncertain = false
        router.attempts = 0
        router.maybeListed = table.listed
        router.maybeUsed = table.addresses
        let members = Set(table.members.map(\.instance))
        for index in instances.indices {
            let instance = instances[index]
            if members.contains(instance.name) {
                apply(.admitted, to: index)
            } else if instance.state == .pooled || instance.state == .unhealthy {
                apply(.withdrawn, to: index)
            }
        }
    }

    private mutating func routerFailed(_ text: String) {
        router.sent = nil
        router.isUncertain = true
        router.attempts += 1
        if router.attempts < Self.routerAttempts {
            router.retryAt = now + .milliseconds(200 * router.attempts)
            return
        }
        router.attempts = 0
        router.retryAt = now + .seconds(1)
        guard rollout != nil else { return notice(.failed, "router: \(text)") }
        // There is one rollback only: the same table with the old content, which a router that works again takes.
        fail(Failure(.router, "the router refused \(Self.routerAttempts) times: \(text)"))
    }

    mutating func routerTimePassed() {
        guard let id = router.action, let issuedAt = router.issuedAt, now >= issuedAt + policy.routerTimeout else {
            return
        }
        pending.removeAll { $0.action.id == id }
        router.action = nil
        routerFailed("no answer within \(policy.routerTimeout)")
    }

    mutating func routerWentDown() {
        guard !router.isDown else { return }
        router.isDown = true
        if let id = router.action { pending.removeAll { $0.action.id == id } }
        router.action = nil
        router.sent = nil
        router.isUncertain = true
        notice(.routerDown, "no instance is stopped until the router is back")
        if rollout?.pause == nil { pauseForRouter() }
    }

    mutating func pauseForRouter() {
        rollout?.pause = Rollout.Pause(reason: .routerDown, since: now, detail: "the router is down")
    }

    mutating func routerCameUp() {
        guard router.isDown else { return }
        router.isDown = false
        router.retryAt = nil
        router.attempts = 0
        notice(.routerUp, "the router is back")
        if rollout?.pause?.reason == .routerDown { rollout?.endPause(now) }
    }
}
