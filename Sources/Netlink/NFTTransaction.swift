/// Changes of one table, done all together or not at all.
package struct NFTTransaction: Sendable {
    package enum Family: UInt8, Sendable {
        case inet = 1
        /// What comes in on one interface, before anything else looks at it.
        case netdev = 5
    }

    package let table: String
    package let family: Family
    package private(set) var requests: [NetlinkRequest] = []
    private var sets: UInt32 = 0

    package init(table: String, family: Family = .inet) {
        self.table = table
        self.family = family
    }

    package var isEmpty: Bool { requests.isEmpty }

    /// `NFNL_SUBSYS_NFTABLES` and the type of message.
    static let subsystem: UInt16 = 10
    enum Message: UInt16 {
        case newTable = 0, getTable, deleteTable, newChain, getChain, deleteChain, newRule, getRule, deleteRule
        case newSet, getSet, deleteSet, newElement, getElement, deleteElement, newGeneration
        var type: UInt16 { NFTTransaction.subsystem << 8 | rawValue }
    }
    private mutating func append(
        _ message: Message, flags: NetlinkRequest.Flags = [], _ subject: String,
        _ fill: (inout NetlinkBuffer) -> Void
    ) {
        let (table, family) = (table, family)
        requests.append(
            NetlinkRequest(type: message.type, flags: flags, subject: "nftables: \(subject) (table \(table))") {
                $0.netfilterHeader(family: family.rawValue)
                $0.text(1, table)
                fill(&$0)
            })
    }

    // MARK: - Tables and chains

    /// Fine when it is there.
    package mutating func createTable() { append(.newTable, flags: .create, "create the table") { _ in } }

    package mutating func deleteTable() { append(.deleteTable, "delete the table") { _ in } }

    package struct Hook: Sendable, Hashable {
        package enum Point: UInt32, Sendable {
            case prerouting = 0, input, forward, output, postrouting
            /// The one of the family `netdev`, which has numbers of its own.
            package static let ingress = Point.prerouting
        }
        package enum Kind: String, Sendable {
            case filter, nat, route
        }
        package let kind: Kind
        package let point: Point
        /// Lower comes first: -300 before connections are tracked, -100 new destinations, 0 filters, 100 new sources.
        package let priority: Int32
        package let dropsByDefault: Bool
        /// The interface, for `ingress`.
        package let device: String?
        package init(
            _ kind: Kind, _ point: Point, priority: Int32, dropsByDefault: Bool = false, device: String? = nil
        ) {
            self.kind = kind
            self.point = point
            self.priority = priority
            self.dropsByDefault = dropsByDefault
            self.device = device
        }
    }

    /// With a hook packets come to it, without only by a jump. Fine when it is there.
    package mutating func createChain(_ name: String, _ hook: Hook? = nil) {
        append(.newChain, flags: .create, "create chain \(name)") {
            $0.text(3, name)
            if let hook {
                $0.nested(4) {
                    $0.network(1, hook.point.rawValue)
                    $0.network(2, hook.priority)
                    if let device = hook.device { $0.text(3, device) }
                }
                $0.network(5, UInt32(hook.dropsByDefault ? 0 : 1))
                $0.text(7, hook.kind.rawValue)
            }
        }
    }

    package mutating func deleteChain(_ name: String) {
        append(.deleteChain, "delete chain \(name)") { $0.text(3, name) }
    }

    /// Removes all its rules.
    package mutating func flushChain(_ name: String) {
        append(.deleteRule, "flush chain \(name)") { $0.text(2, name) }
    }

    /// At the end of the chain.
    package mutating func addRule(_ chain: String, _ expressions: [NFTExpression], comment: String? = nil) {
        append(.newRule, flags: [.create, .append], "add a rule to chain \(chain)") {
            $0.text(2, chain)
            $0.nested(4) { for expression in expressions { expression.encode(into: &$0) } }
            if let comment {
                // NFTNL_UDATA_RULE_COMMENT: u8 type 0, u8 length, text with NUL.
                let text = Array(comment.utf8.prefix(120)) + [0]
                $0.bytes(7, [0, UInt8(text.count)] + text)
            }
        }
    }

    // MARK: - Sets

    package mutating func createSet(_ set: NFTSet) {
        sets += 1
        let number = sets
        append(.newSet, flags: .create, "create set \(set.name)") { set.encode(into: &$0, number: number) }
    }

    /// Refused while a rule uses it.
    package mutating func deleteSet(_ set: NFTSet) {
        append(.deleteSet, "delete set \(set.name)") { $0.text(2, set.name) }
    }

    /// Refused with `EEXIST` when there is another value under the key of a map.
    package mutating func add(_ elements: [NFTElement], to set: NFTSet) {
        change(.newElement, .create, "add to", elements, set)
    }

    /// Refused with `ENOENT` when one is not there.
    package mutating func remove(_ elements: [NFTElement], from set: NFTSet) {
        change(.deleteElement, [], "remove from", elements, set)
    }

    package mutating func flush(_ set: NFTSet) {
        append(.deleteElement, "flush set \(set.name)") { $0.text(2, set.name) }
    }

    private mutating func change(
        _ message: Message, _ flags: NetlinkRequest.Flags, _ what: String, _ elements: [NFTElement], _ set: NFTSet
    ) {
        let ranges = set.isInterval && set.key.count == 1
        // The length of an attribute has 16 bits, and 300 of the longest elements stay below.
        for start in stride(from: 0, to: elements.count, by: 300) {
            append(message, flags: flags, "\(what) set \(set.name)") {
                $0.text(2, set.name)
                $0.nested(3) {
                    for element in elements[start..<min(start + 300, elements.count)] {
                        element.encode(into: &$0, ranges: ranges)
                    }
                }
            }
        }
    }
}

extension NetlinkSocket {
    /// All of it, or nothing when it throws.
    package func commit(_ transaction: NFTTransaction) throws(NetlinkError) {
        // EAGAIN: somebody else's transaction came in between, and nothing was done.
        for _ in 0..<32 {
            do { return try commit(transaction.requests, subsystem: NFTTransaction.subsystem) } catch
                where error.errno == 11
            {
                continue
            }
        }
        try commit(transaction.requests, subsystem: NFTTransaction.subsystem)
    }

    /// As `commit`, where some failure can be dealt with. Returns whether there was none.
    package func commit(_ transaction: NFTTransaction, unless isFine: (NetlinkError) -> Bool) throws(NetlinkError)
        -> Bool
    {
        do { try commit(transaction) } catch {
            guard isFine(error) else { throw error }
            return false
        }
        return true
    }

    private func question(_ message: NFTTransaction.Message, _ subject: String, _ fill: (inout NetlinkBuffer) -> Void)
        -> NetlinkRequest
    {
        NetlinkRequest(type: message.type, subject: "nftables: \(subject)") {
            $0.netfilterHeader(family: NFTTransaction.Family.inet.rawValue)
            fill(&$0)
        }
    }

    /// Names of the tables of the family `inet`.
    package func nftTables() throws(NetlinkError) -> [String] {
        try dump(question(.getTable, "list tables") { _ in }) { $0.attributes(after: 4).text(1) }
    }

    /// Names of the chains of a table.
    package func nftChains(table: String) throws(NetlinkError) -> [String] {
        try dump(question(.getChain, "list chains") { _ in }) {
            let attributes = $0.attributes(after: 4)
            return attributes.text(1) == table ? attributes.text(3) : nil
        }
    }

    /// How many rules a table has, or a chain of it.
    package func nftRuleCount(table: String, chain: String? = nil) throws(NetlinkError) -> Int {
        let request = question(.getRule, "list rules of table \(table)") {
            $0.text(1, table)
            if let chain { $0.text(2, chain) }
        }
        return try dump(request) { message -> Void? in
            let attributes = message.attributes(after: 4)
            return attributes.text(1) == table && (chain == nil || attributes.text(2) == chain) ? () : nil
        }.count
    }

    /// Of a set whose lone field is a range: sorted, each with the last key of its range.
    package func nftElements(table: String, set: NFTSet) throws(NetlinkError) -> [NFTElement] {
        NFTElement.list(try rawElements(table, set), ranges: set.isInterval && set.key.count == 1)
    }

    /// The element of a map under one key; nil when there is none.
    package func nftElement(table: String, set: NFTSet, key: NFTElement) throws(NetlinkError) -> NFTElement? {
        let request = question(.getElement, "look up a key in set \(set.name) of table \(table)") {
            $0.text(1, table)
            $0.text(2, set.name)
            $0.nested(3) { NFTElement(keyOf: key).encode(into: &$0, ranges: false) }
        }
        do {
            return try get(request) { message -> NFTElement? in
                let list = message.attributes(after: 4).nested(3)
                return list?.all.lazy.compactMap { NFTElement(NetlinkAttributes($0.value)) }.first
            }
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// How many packets found each element of a set that counts.
    package func nftCounts(table: String, set: NFTSet) throws(NetlinkError) -> [[UInt8]: UInt64] {
        var result: [[UInt8]: UInt64] = [:]
        for element in try rawElements(table, set) {
            // NFTA_SET_ELEM_EXPR { NFTA_EXPR_NAME, NFTA_EXPR_DATA { NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS } }
            guard let key = element.nested(1)?[1],
                let packets: UInt64 = element.nested(7)?.nested(2)?.network(2)
            else { continue }
            result[Array(key)] = packets
        }
        return result
    }

    private func rawElements(_ table: String, _ set: NFTSet) throws(NetlinkError) -> [NetlinkAttributes] {
        let request = question(.getElement, "list set \(set.name) of table \(table)") {
            $0.text(1, table)
            $0.text(2, set.name)
        }
        return try dump(request) { $0.attributes(after: 4).nested(3) }.flatMap { list in
            list.all.map { NetlinkAttributes($0.value) }
        }
    }

    /// The table that a notification says is gone, and by whose request.
    package static func deletedTable(_ message: NetlinkMessage) -> String? {
        guard message.type == NFTTransaction.Message.deleteTable.type else { return nil }
        return message.attributes(after: 4).text(1)
    }

    /// Whether a notification tells of a change of the table: of anything but what its sets hold.
    package static func touches(_ message: NetlinkMessage, table: String) -> Bool {
        guard message.type >> 8 == NFTTransaction.subsystem, message.type != NFTTransaction.Message.newGeneration.type
        else { return false }
        return message.attributes(after: 4).text(1) == table
    }
}
