import Glibc
package import Kernel

/// Who a program runs as, in numbers.
package struct ResolvedUser: Hashable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    /// The primary group too: a process is then a member of it for every check, also after a change of it.
    package var additionalGids: [UInt32]
    package var home: String

    package init(uid: UInt32 = 0, gid: UInt32 = 0, additionalGids: [UInt32] = [0], home: String = "/") {
        self.uid = uid
        self.gid = gid
        self.additionalGids = additionalGids
        self.home = home
    }
}

/// The bytes of a container's `/etc/passwd` and `/etc/group`. Anything may stand in them.
package struct UserDatabase: Sendable {
    package var passwd: [UInt8]
    package var group: [UInt8]

    package init(passwd: [UInt8] = [], group: [UInt8] = []) {
        self.passwd = passwd
        self.group = group
    }

    /// Far more than any real file, and little enough to hold.
    static let sizeLimit = 4 << 20

    /// Reads them; a missing file is an empty one. Throws for one that is no regular file, or too large.
    package static func read(_ root: borrowing RootedDirectory) throws -> UserDatabase {
        UserDatabase(passwd: try read(root, "/etc/passwd"), group: try read(root, "/etc/group"))
    }

    private static func read(_ root: borrowing RootedDirectory, _ path: String) throws -> [UInt8] {
        do {
            return try root.readFile(path, limit: sizeLimit)
        } catch {
            switch error.errno {
            case ENOENT, ENOTDIR: return []
            case EFBIG: throw SpecError.invalid("the container's \(path) is larger than 4 MiB")
            case EINVAL: throw SpecError.invalid("the container's \(path) is not a regular file")
            default: throw error
            }
        }
    }
}

/// `--user`, `USER` and `--group-add` looked up as Docker does, without libc: the files are the image's.
package enum UserLookup {
    private static let highestID: UInt32 = 0x7fff_ffff
    /// NGROUPS_MAX of the kernel.
    private static let groupLimit = 65536

    /// `user`: empty, or `user[:group]`, each a name or a number. A number is always an id, whatever names there are.
    package static func resolve(_ user: String, groups: [String] = [], in database: UserDatabase) throws(SpecError)
        -> ResolvedUser
    {
        let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let userName = parts.first ?? ""
        let groupName = parts.count > 1 ? parts[1] : ""
        var result = ResolvedUser()

        let wanted = try userName.isEmpty ? 0 : number(userName)
        let account = accounts(database.passwd).first { $0.matches(wanted, userName) }
        if let account {
            (result.uid, result.gid, result.home) = (account.uid, account.gid, account.home)
        } else if let wanted {
            result.uid = wanted
        } else {
            throw .invalid("unable to find user \(userName): no matching entries in passwd file")
        }

        var supplementary: [UInt32] = []
        if !groupName.isEmpty {
            result.gid = try group(groupName, in: database.group)
        } else if let account {
            supplementary = groupRecords(database.group).filter { $0.has(member: account.name) }.map(\.gid)
        }
        for name in groups { supplementary.append(try group(name, in: database.group)) }

        var seen: Set<UInt32> = [result.gid]
        result.additionalGids = [result.gid] + supplementary.filter { seen.insert($0).inserted }
        guard result.additionalGids.count <= groupLimit else {
            throw .invalid("user \(userName.quoted) is in more than \(groupLimit) groups")
        }
        return result
    }

    private static func group(_ name: String, in bytes: [UInt8]) throws(SpecError) -> UInt32 {
        if let id = try number(name) { return id }
        let wanted = ArraySlice(name.utf8)
        if let record = groupRecords(bytes).first(where: { $0.name == wanted }) { return record.gid }
        throw .invalid("unable to find group \(name): no matching entries in group file")
    }

    /// nil for what is not all digits, and so a name.
    private static func number(_ text: String) throws(SpecError) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard let id = UInt32(text), id <= highestID else {
            throw .invalid("uids and gids must be in range 0-\(highestID), and \(text.prefix(40)) is not")
        }
        return id
    }

    private struct Account {
        let name: ArraySlice<UInt8>
        let uid: UInt32
        let gid: UInt32
        let home: String

        func matches(_ id: UInt32?, _ name: String) -> Bool {
            id.map { $0 == uid } ?? self.name.elementsEqual(name.utf8)
        }
    }

    private struct GroupRecord {
        let name: ArraySlice<UInt8>
        let gid: UInt32
        let members: ArraySlice<UInt8>

        func has(member: ArraySlice<UInt8>) -> Bool {
            members.split(separator: UInt8(ascii: ",")).contains(member)
        }
    }

    /// Lines whose ids are no ids are passed over: who asks for such an account is told that there is none.
    private static func accounts(_ bytes: [UInt8]) -> some Sequence<Account> {
        records(bytes).compactMap { fields in
            guard fields.count >= 4, let uid = id(fields[2]), let gid = id(fields[3]) else { return nil }
            let home = fields.count > 5 ? String(decoding: fields[5], as: UTF8.self) : ""
            let usable = home.hasPrefix("/") && !home.hasControlCharacters
            return Account(name: fields[0], uid: uid, gid: gid, home: usable ? home : "/")
        }
    }

    private static func groupRecords(_ bytes: [UInt8]) -> some Sequence<GroupRecord> {
        records(bytes).compactMap { fields in
            guard fields.count >= 3, let gid = id(fields[2]) else { return nil }
            return GroupRecord(name: fields[0], gid: gid, members: fields.count > 3 ? fields[3] : [])
        }
    }

    private static func id(_ field: ArraySlice<UInt8>) -> UInt32? {
        guard !field.isEmpty, field.count <= 10, field.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let value = field.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 0x30) }
        return value <= UInt64(highestID) ? UInt32(value) : nil
    }

    /// The lines, as fields apart by colons; comments are none. One at a time: a file of nothing but line ends
    /// would take many times its size otherwise.
    private static func records(_ bytes: [UInt8]) -> LazySequence<Records> { Records(rest: bytes[...]).lazy }

    private struct Records: Sequence, IteratorProtocol {
        var rest: ArraySlice<UInt8>

        mutating func next() -> [ArraySlice<UInt8>]? {
            while !rest.isEmpty {
                let line = rest.prefix { $0 != UInt8(ascii: "\n") }
                rest = rest[line.endIndex...].dropFirst()
                if !line.isEmpty, line.first != UInt8(ascii: "#") {
                    return line.split(separator: UInt8(ascii: ":"), maxSplits: 6, omittingEmptySubsequences: false)
                }
            }
            return nil
        }
    }
}
