// SPDX-License-Identifier: Apache-2.0

/// Why a text is not the quantity that it should be.
package struct QuantityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what would be right.
    package let message: String
    package var description: String { message }
}

/// Readers of quantities with units; all of them are exact, none of them calls floating point.
package enum Quantity {
    /// The longest text that is looked at; longer ones are refused before any work.
    package static let charactersMax = 64

    /// Reads a size such as `64GiB`, `1.5TB` or `512 B`.
    ///
    /// - Throws: ``QuantityError`` when the number, the unit or the range is wrong.
    package static func byteCount(_ text: String) throws(QuantityError) -> ByteCount {
        let value = try single(
            text,
            units: QuantityUnit.sizes,
            noun: "a size",
            example: "64GiB",
            max: ByteCount.bytesMax
        )
        return ByteCount(bytes: value)
    }

    /// Reads a bandwidth such as `25Gbps` (bits) or `3GB/s` (bytes).
    ///
    /// - Throws: ``QuantityError`` when the number, the unit or the range is wrong.
    package static func bandwidth(_ text: String) throws(QuantityError) -> Bandwidth {
        let value = try single(
            text,
            units: QuantityUnit.bitRates + QuantityUnit.byteRates,
            noun: "a bandwidth",
            example: "25Gbps or 3GB/s",
            max: Bandwidth.bitsPerSecondMax
        )
        return Bandwidth(bitsPerSecond: value)
    }

    /// Reads a duration such as `5h45m`, `30d`, `240s` or `1.5h`: parts from long to short.
    ///
    /// - Throws: ``QuantityError`` when a number, a unit, the order or the range is wrong.
    package static func duration(_ text: String) throws(QuantityError) -> Duration {
        let example = "5h45m"
        var scanner = try Scanner(text, noun: "a duration", example: example)
        let max = Int128(Duration.scenarioMax.nanosecondsValue)
        var total: Int128 = 0
        var scaleLast = Int.max
        repeat {
            let number = try scanner.number()
            let unit = try scanner.unit(among: QuantityUnit.times)
            guard unit.scale < scaleLast else {
                throw QuantityError(
                    message: "\(scanner.quoted) must name each unit once, from d down to ns, "
                        + "such as \(example)"
                )
            }
            scaleLast = unit.scale
            total += number.scaled(by: unit.scale)
            guard total <= max else {
                throw QuantityError(message: "\(scanner.quoted) is longer than 100 years (36500d)")
            }
        } while !scanner.atEnd
        return .nanoseconds(Int64(total))
    }

    /// Reads a rate such as `2/4m`: two in each period of four minutes.
    ///
    /// - Throws: ``QuantityError`` when the count, the slash or the period is wrong.
    package static func eventRate(_ text: String) throws(QuantityError) -> EventRate {
        let quoted = "\"\(shown(text))\""
        let parts = text.utf8.prefix(charactersMax + 1).split(
            separator: UInt8(ascii: "/"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard parts.count == 2, let count = Int(String(Substring(parts[0])).trimmed), count >= 1,
            count <= 1_000_000
        else {
            throw QuantityError(
                message: "\(quoted) is not a rate; write a count from 1 to 1000000, a slash and a "
                    + "period, such as 2/4m"
            )
        }
        let period = try duration(String(Substring(parts[1])).trimmed)
        guard period > .zero else {
            throw QuantityError(message: "the period of \(quoted) must be longer than zero")
        }
        return EventRate(count: count, period: period)
    }

    /// Reads a share of the whole: `0.05` or `5%`, from 0 to 1.
    ///
    /// - Throws: ``QuantityError`` when the number or the range is wrong.
    package static func fraction(_ text: String) throws(QuantityError) -> Double {
        var scanner = try Scanner(text, noun: "a fraction", example: "0.05 or 5%")
        let number = try scanner.number()
        var scale: Int128 = 1
        if !scanner.atEnd {
            _ = try scanner.unit(among: [QuantityUnit("%", 1)])
            scale = 100
        }
        guard scanner.atEnd, number.mantissa <= scale * number.divisor else {
            throw QuantityError(
                message: "\(scanner.quoted) must lie within 0 and 1 (or 0% and 100%)"
            )
        }
        return try ratio(number, scale: scale, scanner.quoted)
    }

    /// Reads a plain number without unit, such as `0.35`.
    ///
    /// - Throws: ``QuantityError`` when it is not a decimal number within 0 and a million.
    package static func number(_ text: String) throws(QuantityError) -> Double {
        var scanner = try Scanner(text, noun: "a number", example: "0.35")
        let number = try scanner.number()
        guard scanner.atEnd else {
            throw QuantityError(message: "\(scanner.quoted) is not a plain number such as 0.35")
        }
        guard number.mantissa <= 1_000_000 * number.divisor else {
            throw QuantityError(message: "\(scanner.quoted) must lie within 0 and 1000000")
        }
        return try ratio(number, scale: 1, scanner.quoted)
    }

    /// The nearest `Double` of a decimal number.
    ///
    /// Both parts are exact and there is one rounding, in the division. With at most 15
    /// digits and 12 decimals the number can be printed and read back without a change.
    private static func ratio(
        _ number: Decimal,
        scale: Int128,
        _ quoted: String
    ) throws(QuantityError) -> Double {
        let divisor = number.divisor * scale
        guard number.mantissa < 1_000_000_000_000_000, divisor <= 1_000_000_000_000 else {
            throw QuantityError(
                message: "\(quoted) has more than 15 digits or 12 decimals (10 with %)"
            )
        }
        return Double(number.mantissa) / Double(divisor)
    }

    /// Reads an amount of money such as `12500` or `0.12`, exact to a millionth.
    ///
    /// - Throws: ``QuantityError`` when it is not a decimal number in range.
    package static func money(_ text: String) throws(QuantityError) -> Money {
        var scanner = try Scanner(text, noun: "an amount", example: "12500 or 0.12")
        let number = try scanner.number()
        guard scanner.atEnd else {
            throw QuantityError(
                message:
                    "\(scanner.quoted) is not a plain amount such as 0.12; the currency is named "
                    + "once, in costs.currency"
            )
        }
        let micros = number.scaled(by: 1_000_000)
        guard micros <= Int128(Money.microsMax) else {
            throw QuantityError(message: "\(scanner.quoted) is more than 1000000000000")
        }
        return Money(micros: Int(micros))
    }

    /// The text as an error shows it: at most 40 characters.
    static func shown(_ text: String) -> String {
        let head = String(text.prefix(40))
        return head.utf8.count < text.utf8.count ? head + "…" : head
    }

    private static func single(
        _ text: String,
        units: [QuantityUnit],
        noun: String,
        example: String,
        max: Int
    ) throws(QuantityError) -> Int {
        var scanner = try Scanner(text, noun: noun, example: example)
        let number = try scanner.number()
        let unit = try scanner.unit(among: units)
        guard scanner.atEnd else {
            throw QuantityError(
                message: "\(scanner.quoted) is not \(noun); write one number and one unit, "
                    + "such as \(example)"
            )
        }
        let value = number.scaled(by: unit.scale)
        guard value <= Int128(max) else {
            throw QuantityError(message: "\(scanner.quoted) is too large for \(noun)")
        }
        return Int(value)
    }
}

extension Quantity {
    /// A decimal number as it was written: `mantissa / divisor`.
    struct Decimal {
        var mantissa: Int128
        var divisor: Int128

        /// The number times `scale`, rounded half up.
        func scaled(by scale: Int) -> Int128 {
            (mantissa * Int128(scale) * 2 + divisor) / (divisor * 2)
        }
    }

    /// Walks over one text; remembers what to call it in errors.
    struct Scanner {
        private var rest: Substring.UTF8View
        private let text: String
        private let noun: String
        private let example: String

        init(_ text: String, noun: String, example: String) throws(QuantityError) {
            self.text = text
            self.noun = noun
            self.example = example
            rest = Substring(text).utf8
            guard text.utf8.count <= charactersMax else {
                throw QuantityError(
                    message:
                        "\"\(shown(text))\" is too long for \(noun); write it such as \(example)"
                )
            }
            skipSpaces()
            guard !rest.isEmpty else {
                throw QuantityError(message: "\(noun) is missing; write it such as \(example)")
            }
        }

        var atEnd: Bool { rest.isEmpty }
        var quoted: String { "\"\(shown(text))\"" }

        /// Reads digits with an optional fraction: at most 19 digits in all, 12 of them behind the point.
        ///
        /// Nineteen digits times the largest unit (2^60) stay well below 2^127.
        mutating func number() throws(QuantityError) -> Decimal {
            if rest.first == UInt8(ascii: "-") {
                throw QuantityError(
                    message: "\(quoted) is negative; \(noun) is never less than zero"
                )
            }
            var mantissa: Int128 = 0
            var digits = 0
            while let digit = nextDigit() {
                mantissa = mantissa * 10 + Int128(digit)
                digits += 1
                try checkDigits(mantissa)
            }
            guard digits > 0 else {
                throw QuantityError(
                    message: "\(quoted) is not \(noun); write it such as \(example)"
                )
            }
            var divisor: Int128 = 1
            if rest.first == UInt8(ascii: ".") {
                rest.removeFirst()
                var decimals = 0
                while let digit = nextDigit() {
                    mantissa = mantissa * 10 + Int128(digit)
                    divisor *= 10
                    decimals += 1
                    try checkDigits(mantissa)
                    guard decimals <= 12 else {
                        throw QuantityError(message: "\(quoted) has more than 12 decimals")
                    }
                }
                guard decimals > 0 else {
                    throw QuantityError(message: "\(quoted) has no digit behind the decimal point")
                }
            }
            skipSpaces()
            return Decimal(mantissa: mantissa, divisor: divisor)
        }

        /// Reads the longest run of unit characters and finds it among `units`.
        mutating func unit(among units: [QuantityUnit]) throws(QuantityError) -> QuantityUnit {
            let run = rest.prefix { byte in
                byte != UInt8(ascii: " ") && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    && byte != UInt8(ascii: ".")
            }
            let name = String(Substring(run))
            let allowed = units.map(\.symbol).joined(separator: ", ")
            guard !name.isEmpty else {
                throw QuantityError(
                    message: "\(quoted) has no unit; write \(noun) such as \(example) "
                        + "(units: \(allowed))"
                )
            }
            guard let unit = units.first(where: { $0.symbol == name }) else {
                let nearest =
                    units.first { $0.symbol.lowercased() == name.lowercased() }
                    ?? units.first { $0.symbol == name + "/s" }
                let hint = nearest.map { "; did you mean \($0.symbol)?" } ?? ""
                throw QuantityError(
                    message:
                        "unknown unit \"\(shown(name))\" in \(quoted)\(hint) (units: \(allowed))"
                )
            }
            rest = rest[run.endIndex...]
            skipSpaces()
            return unit
        }

        private func checkDigits(_ mantissa: Int128) throws(QuantityError) {
            guard mantissa < 10_000_000_000_000_000_000 else {
                throw QuantityError(message: "\(quoted) has more than 19 digits")
            }
        }

        private mutating func nextDigit() -> Int? {
            guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            else {
                return nil
            }
            rest.removeFirst()
            return Int(byte - UInt8(ascii: "0"))
        }

        private mutating func skipSpaces() {
            while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
        }
    }
}

extension String {
    /// The text without spaces at its ends.
    fileprivate var trimmed: String {
        var view = Substring(self)
        while view.first == " " { view.removeFirst() }
        while view.last == " " { view.removeLast() }
        return String(view)
    }
}
