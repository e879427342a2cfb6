import CSQLite

/// What SQLite refused: the statement it was about, its reason, and the code to decide by.
package struct DatabaseError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The first words of the statement, or the file.
    package let subject: String
    package let message: String
    /// The extended result code (`sqlite3_extended_errcode`).
    package let code: Int32

    package init(_ subject: String, _ message: String, code: Int32 = SQLITE_ERROR) {
        self.subject = subject
        self.message = message
        self.code = code
    }

    package var description: String { "database: \(subject): \(message)" }

    /// A row with the same key is there already. `message` names table and column: `UNIQUE constraint failed: t.c`.
    package var isDuplicate: Bool { code == sqliteConstraintUnique || code == sqliteConstraintPrimaryKey }
    /// There is no room on the disk.
    package var isFull: Bool { code & 0xff == SQLITE_FULL || code & 0xff == SQLITE_IOERR }
    package var isForeignKeyViolation: Bool { code == sqliteConstraintForeignKey }

    /// `INSERT INTO images …`: enough to find the statement by, without its values.
    static func subject(of sql: String) -> String {
        let words = sql.split(whereSeparator: \.isWhitespace).prefix(4).joined(separator: " ")
        return words.count < sql.count ? words + " …" : words
    }
}

// Compound macros that Swift does not import (sqlite3.h: `SQLITE_CONSTRAINT | (n << 8)`).
private let sqliteConstraintForeignKey = SQLITE_CONSTRAINT | 3 << 8
private let sqliteConstraintPrimaryKey = SQLITE_CONSTRAINT | 6 << 8
private let sqliteConstraintUnique = SQLITE_CONSTRAINT | 8 << 8
