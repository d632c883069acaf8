// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Shows bytes of the wire format as a person reads them.
enum WireText {
    private static let lengthMax = 400

    /// The value in the notation of RFC 8949, cut after a few hundred characters; hexadecimal where it is
    /// none.
    static func describe(_ bytes: [UInt8]) -> String {
        var text = ""
        do {
            var reader = try WireReader(bytes)
            try append(&text, &reader)
            try reader.finish()
        } catch {
            text = "h'" + bytes.prefix(64).map(hex).joined() + "'"
        }
        return text.count > lengthMax ? text.prefix(lengthMax) + "…" : text
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    private static func append(_ text: inout String, _ reader: inout WireReader) throws(WireError) {
        // What lies beyond the cut is checked, not shown; the reader bounds the depth.
        if text.utf8.count > lengthMax * 4 {
            _ = try reader.skipValue()
            return
        }
        switch try reader.peekType() {
        case .unsigned: text += String(try reader.readUInt64())
        case .negative: text += String(try reader.readInt64())
        case .bytes: text += "h'" + (try reader.readBytes()).prefix(64).map(hex).joined() + "'"
        case .text: text += "\"" + (try reader.readText()) + "\""
        case .bool: text += try reader.readBool() ? "true" : "false"
        case .null:
            try reader.readNull()
            text += "null"
        case .double: text += "\(try reader.readDouble())"
        case .tag:
            text += "\(try reader.readTag())("
            try append(&text, &reader)
            text += ")"
        case .array:
            text += "["
            for index in 0..<(try reader.readArrayHead()) {
                if index > 0 { text += ", " }
                try append(&text, &reader)
            }
            text += "]"
        case .map:
            text += "{"
            for index in 0..<(try reader.readMapHead()) {
                if index > 0 { text += ", " }
                try append(&text, &reader)
                text += ": "
                try append(&text, &reader)
            }
            text += "}"
        }
    }
}
