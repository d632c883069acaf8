// SPDX-License-Identifier: Apache-2.0

/// Rows of comma-separated values as RFC 4180 has them: a quoted cell holds commas and line breaks, and two
/// quotes in it are one.
struct DelimitedRecords {
    struct Record: Equatable {
        var cells: [String]
        /// Where the row begins, from 1.
        var line: Int
        /// Whether its last quoted cell ends.
        var isWhole = true
    }

    private let bytes: [UInt8]
    private var place = 0
    private var line = 1

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The next row; `nil` at the end of the text.
    mutating func next() -> Record? {
        guard place < bytes.count else { return nil }
        var record = Record(cells: [], line: line)
        var cell: [UInt8] = []
        var isQuoted = false
        func end() { record.cells.append(String(decoding: cell, as: UTF8.self)) }
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == UInt8(ascii: "\n") { line += 1 }
            if isQuoted {
                guard byte == UInt8(ascii: "\"") else {
                    cell.append(byte)
                    continue
                }
                if place < bytes.count, bytes[place] == byte {
                    cell.append(byte)
                    place += 1
                } else {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            // A quote within a cell that has none around it is a character like others.
            case UInt8(ascii: "\"") where cell.isEmpty: isQuoted = true
            case UInt8(ascii: ","):
                end()
                cell.removeAll(keepingCapacity: true)
            case UInt8(ascii: "\r") where place < bytes.count && bytes[place] == UInt8(ascii: "\n"): break
            case UInt8(ascii: "\n"):
                end()
                return record
            default: cell.append(byte)
            }
        }
        end()
        record.isWhole = !isQuoted
        return record
    }
}
