/// Deadlines in order: a binary heap. What is called off stays in until it is due or `compact` throws it out.
struct DeadlineHeap {
    struct Entry {
        let deadline: Int64
        let id: UInt64
        /// The descriptor whose wait ends then; nil for a plain sleep.
        let fd: Int32?
    }

    private var entries: [Entry] = []
    private(set) var stale = 0

    var earliest: Int64? { entries.first?.deadline }
    var count: Int { entries.count }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if entries[parent].deadline <= entries[child].deadline { return }
            entries.swapAt(parent, child)
            child = parent
        }
    }

    /// Takes the earliest if it is due.
    mutating func pop(dueAt now: Int64) -> Entry? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        sink(0)
        return first
    }

    mutating func noteStale() { stale += 1 }

    /// Most waits end before their deadline; without this, a busy server's dead entries would pile up for as long
    /// as its longest time-out.
    mutating func compact(keeping isLive: (Entry) -> Bool) {
        guard stale > 64, stale > entries.count / 2 else { return }
        entries = entries.filter(isLive)
        stale = 0
        for parent in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].deadline < entries[least].deadline {
                least = child
            }
            if least == parent { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
