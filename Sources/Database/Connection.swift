import CSQLite

/// SQLite's handle with its prepared statements. Only inside `Database`'s lock; never kept by who gets it.
package final class Connection {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]
    /// Statements kept prepared; the code has fewer, so that the limit only bounds a mistake.
    private static let cacheLimit = 256

    init(path: String) throws(DatabaseError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw DatabaseError(path, "out of memory", code: code) }
        guard code == SQLITE_OK else {
            let error = DatabaseError(path, String(cString: sqlite3_errmsg(opened)), code: code)
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    /// Runs one statement that gives no rows; returns the number of rows it changed.
    @discardableResult
    package func run(_ sql: String, _ values: [SQLValue] = []) throws(DatabaseError) -> Int {
        let statement = try prepare(sql, values)
        defer { sqlite3_reset(statement) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: continue
            case SQLITE_DONE: return Int(sqlite3_changes(handle))
            default: throw error(sql)
            }
        }
    }

    /// All rows, each turned into a value by `body`.
    package func query<T>(_ sql: String, _ values: [SQLValue] = [], _ body: (borrowing Row) throws -> T) throws -> [T] {
        let statement = try prepare(sql, values)
        defer { sqlite3_reset(statement) }
        var result: [T] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: result.append(try body(Row(statement)))
            case SQLITE_DONE: return result
            default: throw error(sql)
            }
        }
    }

    /// The first row, or nil.
    package func first<T>(_ sql: String, _ values: [SQLValue] = [], _ body: (borrowing Row) throws -> T) throws -> T? {
        let statement = try prepare(sql, values)
        defer { sqlite3_reset(statement) }
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return try body(Row(statement))
        case SQLITE_DONE: return nil
        default: throw error(sql)
        }
    }

    /// Several statements without values, separated by `;`.
    package func script(_ sql: String) throws(DatabaseError) {
        if sqlite3_exec(handle, sql, nil, nil, nil) != SQLITE_OK { throw error(sql) }
    }

    private func prepare(_ sql: String, _ values: [SQLValue]) throws(DatabaseError) -> OpaquePointer {
        let statement = try cached(sql)
        sqlite3_clear_bindings(statement)
        precondition(Int(sqlite3_bind_parameter_count(statement)) == values.count, "values for: \(sql)")
        for (index, value) in values.enumerated() {
            guard bind(statement, Int32(index + 1), value) == SQLITE_OK else { throw error(sql) }
        }
        return statement
    }

    private func cached(_ sql: String) throws(DatabaseError) -> OpaquePointer {
        if let statement = statements[sql], sqlite3_stmt_busy(statement) == 0 { return statement }
        precondition(statements[sql] == nil, "a statement runs inside itself: \(sql)")
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw error(sql) }
        if statements.count >= Self.cacheLimit {
            let idle = statements.filter { sqlite3_stmt_busy($0.value) == 0 }
            for (text, statement) in idle {
                sqlite3_finalize(statement)
                statements[text] = nil
            }
        }
        statements[sql] = prepared
        return prepared
    }

    private func bind(_ statement: OpaquePointer, _ index: Int32, _ value: SQLValue) -> Int32 {
        // -1 is SQLITE_TRANSIENT: SQLite copies the bytes.
        let copy = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .text(var text):
            return text.withUTF8 { buffer in
                buffer.withMemoryRebound(to: CChar.self) {
                    // An empty buffer may have no address, which would mean NULL.
                    $0.isEmpty
                        ? sqlite3_bind_text(statement, index, "", 0, copy)
                        : sqlite3_bind_text(statement, index, $0.baseAddress, Int32($0.count), copy)
                }
            }
        case .blob(let bytes):
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
            return bytes.withUnsafeBytes {
                sqlite3_bind_blob64(statement, index, $0.baseAddress, UInt64($0.count), copy)
            }
        }
    }

    private func error(_ sql: String) -> DatabaseError {
        DatabaseError(
            DatabaseError.subject(of: sql), String(cString: sqlite3_errmsg(handle)),
            code: sqlite3_extended_errcode(handle))
    }
}
