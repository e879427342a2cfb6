/// Aligns cells separated by tabs, as Go's `text/tabwriter` with Docker's settings: a column is as wide as its widest
/// cell and three spaces, at least ten in all. The last cell of a line belongs to no column.
enum TabWriter {
    private static let minimum = 10
    private static let padding = 3

    static func align(_ text: String, minimum: Int = minimum, padding: Int = padding) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        // Columns are found from left to right: a column is a run of lines that have a cell, ended by a tab, there.
        var column = 0
        while lines.contains(where: { $0.count > column + 1 }) {
            var start = 0
            while start < lines.count {
                guard lines[start].count > column + 1 else {
                    start += 1
                    continue
                }
                var end = start
                var width = minimum
                while end < lines.count, lines[end].count > column + 1 {
                    width = max(width, lines[end][column].unicodeScalars.count + padding)
                    end += 1
                }
                for index in start..<end {
                    let missing = width - lines[index][column].unicodeScalars.count
                    lines[index][column] += String(repeating: " ", count: missing)
                }
                start = end
            }
            column += 1
        }
        return lines.map { $0.joined() }.joined(separator: "\n")
    }
}
