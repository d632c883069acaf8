// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// A value as a file or a variable gives it.
enum ConfigValue: Sendable, Hashable {
    case text(String)
    case number(Int)
    case flag(Bool)
    /// Of a kind that no key takes.
    case other(String)
}

/// Why a value cannot be taken, and what can.
struct ConfigValueError: Error, Sendable, Hashable {
    let message: String
}

extension MinerConfig.Key {
    /// Puts a value where it belongs; a variable's text is read as what the key takes.
    func set(_ value: ConfigValue, in config: inout MinerConfig) throws(ConfigValueError) {
        switch kind {
        case .flag(let path): config[keyPath: path] = try Self.flag(value)
        case .count(let path, let range): config[keyPath: path] = try Self.count(value, range)
        case .duration(let path): config[keyPath: path] = try Self.duration(value)
        case .amount(let path): config[keyPath: path] = try Self.amount(value)
        case .limit(let path):
            let amount = try Self.amount(value)
            config[keyPath: path] = amount > 0 ? amount : nil
        }
    }

    /// The value as the file writes it.
    func text(in config: MinerConfig) -> String {
        switch kind {
        case .flag(let path): "\(config[keyPath: path])"
        case .count(let path, _): "\(config[keyPath: path])"
        case .duration(let path): "\"\(GoDuration.text(config[keyPath: path]))\""
        case .amount(let path): "\"\(FILAmount.text(config[keyPath: path]))\""
        case .limit(let path): "\"\(FILAmount.text(config[keyPath: path] ?? 0))\""
        }
    }

    private static func flag(_ value: ConfigValue) throws(ConfigValueError) -> Bool {
        switch value {
        case .flag(let flag): return flag
        case .text("true"), .text("1"): return true
        case .text("false"), .text("0"): return false
        default: throw ConfigValueError(message: "takes true or false, not \(value.shown)")
        }
    }

    private static func count(
        _ value: ConfigValue, _ range: ClosedRange<Int>
    ) throws(ConfigValueError) -> Int {
        var number: Int?
        switch value {
        case .number(let known): number = known
        case .text(let text): number = Int(text)
        default: break
        }
        guard let number, range.contains(number) else {
            throw ConfigValueError(
                message: "takes a number of \(range.lowerBound) to \(range.upperBound), not \(value.shown)")
        }
        return number
    }

    private static func duration(_ value: ConfigValue) throws(ConfigValueError) -> Duration {
        guard case .text(let text) = value, let duration = GoDuration.parse(text) else {
            throw ConfigValueError(
                message: "takes a time such as \"24h0m0s\" or \"90s\", at most ten years, not \(value.shown)")
        }
        return duration
    }

    private static func amount(_ value: ConfigValue) throws(ConfigValueError) -> UInt64 {
        guard case .text(let text) = value, let amount = FILAmount.parse(text) else {
            throw ConfigValueError(
                message: "takes an amount such as \"0.02 FIL\" or \"0.32 nFIL\", below 18 FIL, "
                    + "not \(value.shown)")
        }
        return amount
    }
}

extension ConfigValue {
    var shown: String {
        switch self {
        case .text(let text): "\"\(text.prefix(64))\""
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .other(let kind): "a \(kind)"
        }
    }
}

/// Durations as Go programs write them: numbers with the units h, m, s, ms, us and ns, one after the other.
enum GoDuration {
    /// Ten years.
    static let most: Duration = .seconds(10 * 365 * 86_400)

    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1), ("h", 3600e9), ("m", 60e9), ("s", 1e9),
    ]

    static func parse(_ text: String) -> Duration? {
        guard !text.isEmpty, text.count <= 64 else { return nil }
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), digits.first != ".", digits.last != "." else { return nil }
            rest = rest.dropFirst(digits.count)
            guard let unit = units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
            rest = rest.dropFirst(unit.name.count)
            total += number * unit.nanoseconds
        }
        guard total <= Double(most.nanoseconds) else { return nil }
        return .nanoseconds(Int64(total))
    }

    static func text(_ duration: Duration) -> String {
        let seconds = duration.nanoseconds / 1_000_000_000
        let rest = duration.nanoseconds % 1_000_000_000
        if rest != 0 { return "\(duration.nanoseconds)ns" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        if hours > 0 { return "\(hours)h\(minutes)m\(seconds % 60)s" }
        return minutes > 0 ? "\(minutes)m\(seconds % 60)s" : "\(seconds)s"
    }
}

/// Amounts of FIL, kept as attoFIL: exact decimal numbers with the units FIL, mFIL, uFIL, nFIL, pFIL, fFIL
/// and attoFIL.
enum FILAmount {
    private static let units: [(name: String, digits: Int)] = [
        ("attofil", 0), ("afil", 0), ("ffil", 3), ("pfil", 6), ("nfil", 9), ("ufil", 12), ("µfil", 12),
        ("mfil", 15), ("fil", 18),
    ]

    static func parse(_ text: String) -> UInt64? {
        guard text.count <= 64 else { return nil }
        let trimmed = text.filter { $0 != " " }
        let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = trimmed.dropFirst(number.count).lowercased()
        let digits = unit.isEmpty ? 18 : units.first { $0.name == unit }?.digits
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let digits, (1...2).contains(parts.count), !parts.contains(where: \.isEmpty) else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= digits else { return nil }
        return UInt64(parts[0] + fraction + String(repeating: "0", count: digits - fraction.count))
    }

    static func text(_ amount: UInt64) -> String {
        // Fees of a unit of gas are read as nanoFIL, all others as FIL.
        let (name, digits) = amount > 0 && amount < 1_000_000_000_000 ? ("nFIL", 9) : ("FIL", 18)
        let text = "\(amount)"
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        var fraction = padded.suffix(digits)
        while fraction.last == "0" { fraction.removeLast() }
        return padded.dropLast(digits) + (fraction.isEmpty ? "" : "." + fraction) + " \(name)"
    }
}
