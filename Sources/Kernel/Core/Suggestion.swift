// SPDX-License-Identifier: Apache-2.0

/// Finds the word that someone probably meant.
package enum Suggestion {
    /// The longest word that is compared; the cost grows with the square of it.
    private static let charactersMax = 48

    /// A clause that names the nearest of `known`, and all of them when none is near.
    package static func hint(for word: String, among known: [String]) -> String {
        guard let nearest = nearest(to: word, among: known) else { return "" }
        let threshold = max(2, nearest.name.count / 3)
        if nearest.distance <= threshold { return "; did you mean \"\(nearest.name)\"?" }
        return "; the nearest known is \"\(nearest.name)\" (known: \(list(known)))"
    }

    /// The words with commas between them, cut after sixteen.
    package static func list(_ words: [String]) -> String {
        words.prefix(16).joined(separator: ", ") + (words.count > 16 ? ", …" : "")
    }

    /// The first of the words with the least edit distance, letter case aside.
    package static func nearest(to word: String, among known: [String]) -> (name: String, distance: Int)? {
        let query = Array(word.lowercased().unicodeScalars.prefix(charactersMax))
        var best: (name: String, distance: Int)?
        for name in known {
            let candidate = Array(name.lowercased().unicodeScalars.prefix(charactersMax))
            let distance = editDistance(query, candidate)
            if distance < best?.distance ?? Int.max { best = (name, distance) }
        }
        return best
    }

    /// Insertions, deletions, replacements and swaps of neighbors that turn one word into the other.
    static func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in right.indices {
                let replacement = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(replacement, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
