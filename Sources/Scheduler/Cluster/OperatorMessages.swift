// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel

/// What a peer must be allowed to do for each of an operator's words.
extension SchedulerMessage {
    /// Questions need no more than reading.
    package var permission: Permission {
        switch self {
        case .diagnose, .decisions: .read
        default: .admin
        }
    }
}

extension ManagerMessage {
    /// Questions need no more than reading; new sectors of committed capacity and the word that a sector
    /// seals no more than writing. Who names a file has a worker read it, which is more.
    package var permission: Permission {
        switch self {
        case .list, .counts, .log, .find, .pieces, .batch(_, false, _): .read
        case .pledge(_, nil, _), .operate(_, .startPacking, _): .write
        case .addPiece(let piece, _) where piece.path == nil: .write
        default: .admin
        }
    }
}

extension TaskID {
    /// The form for command lines and tables, without blanks: `f01000-42/PC1/1`.
    package var compact: String { "\(sector)/\(type.short)/\(attempt)" }

    /// Reads the compact form, or the one of ``description``; `nil` where the text is neither.
    package init?(parsing text: String) {
        guard text.utf8.count <= 128 else { return nil }
        let isCompact = text.contains("/")
        var parts = text.split(separator: isCompact ? "/" : " ", omittingEmptySubsequences: false)
        if !isCompact, parts.count == 4, parts[2] == "try" { parts.remove(at: 2) }
        guard parts.count == 3, parts[0].hasPrefix("f0"),
            let type = TaskType.allCases.first(where: { $0.short == parts[1] }),
            let attempt = Int(parts[2]), attempt > 0
        else { return nil }
        let numbers = parts[0].dropFirst(2).split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count == 2, let miner = UInt64(numbers[0]), let number = UInt64(numbers[1]) else {
            return nil
        }
        self.init(sector: SectorKey(miner: miner, number: number), type: type, attempt: attempt)
    }
}
