import CSQLite

/// One row of a result, valid only inside the closure that gets it. Columns count from 0.
package struct Row: ~Copyable {
    private let statement: OpaquePointer

    init(_ statement: OpaquePointer) { self.statement = statement }

    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    package func bool(_ column: Int32) -> Bool { integer(column) != 0 }
    /// Empty for NULL.
    package func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }
    package func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }
    package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }
    /// The bytes of a blob or a text; empty for NULL.
    package func blob(_ column: Int32) -> [UInt8] {
        // The order of the two calls is SQLite's rule: the first may convert, the second tells the length then.
        guard let bytes = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
    }
}
