// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sim
import Testing

/// A small generator with a printed seed; `SIM_SEED` replays a run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The seed of the environment variable `SIM_SEED`, or `standard`.
    static func seed(standard: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment["SIM_SEED"].flatMap(UInt64.init) ?? standard
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number strictly between 0 and 1.
    mutating func unit() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }
}

@Suite("Quantities")
struct ScenarioQuantityTests {
    @Test(
        "sizes are exact",
        arguments: [
            ("0B", 0), ("1B", 1), ("2KiB", 2048), ("64GiB", 68_719_476_736),
            ("1TB", 1_000_000_000_000),
            ("1.5 TiB", 1_649_267_441_664), (" 30TB ", 30_000_000_000_000), ("0.5KiB", 512),
            ("64.15GiB", 68_880_538_010), ("4EiB", 1 << 62), ("4.000EiB", 1 << 62),
        ]
    )
    func sizes(_ text: String, _ bytes: Int) throws {
        #expect(try Quantity.byteCount(text).bytes == bytes)
    }

    @Test(
        "bandwidths tell bits from bytes",
        arguments: [
            ("25Gbps", 25_000_000_000), ("3GB/s", 24_000_000_000), ("1GiB/s", 8_589_934_592),
            ("1bps", 1), ("2.5Gbps", 2_500_000_000), ("100 Mbps", 100_000_000),
        ]
    )
    func bandwidths(_ text: String, _ bits: Int) throws {
        #expect(try Quantity.bandwidth(text).bitsPerSecond == bits)
    }

    @Test(
        "durations add their parts",
        arguments: [
            ("5h45m", 20_700_000_000_000), ("30d", 2_592_000_000_000_000),
            ("240s", 240_000_000_000),
            ("1.5h", 5_400_000_000_000), ("88.567s", 88_567_000_000),
            ("1d 2h 3m 4.5s", 93_784_500_000_000),
            ("200us", 200_000), ("0s", 0), ("7ns", 7), ("36500d", 3_153_600_000_000_000_000),
        ]
    )
    func durations(_ text: String, _ nanoseconds: Int) throws {
        #expect(try Quantity.duration(text).nanosecondsValue == nanoseconds)
    }

    @Test("rates, fractions, numbers and money are read")
    func others() throws {
        #expect(try Quantity.eventRate("2/4m") == EventRate(count: 2, period: .seconds(240)))
        #expect(try Quantity.eventRate("14 / 1h30m").period == .seconds(5400))
        #expect(try Quantity.fraction("5%") == 0.05)
        #expect(try Quantity.fraction("0.25") == 0.25)
        #expect(try Quantity.fraction("100%") == 1)
        #expect(try Quantity.number("0.35") == 0.35)
        #expect(try Quantity.money("12500.5").micros == 12_500_500_000)
        #expect(try Quantity.money("0.12").description == "0.12")
    }

    @Test(
        "a wrong size says what is wrong",
        arguments: [
            ("64", "\"64\" has no unit; write a size such as 64GiB"),
            ("GiB", "\"GiB\" is not a size; write it such as 64GiB"),
            ("64gib", "unknown unit \"gib\" in \"64gib\"; did you mean GiB?"),
            ("64Gibs", "unknown unit \"Gibs\" in \"64Gibs\" (units: B, KB, KiB"),
            ("-1GiB", "\"-1GiB\" is negative; a size is never less than zero"),
            ("1.GiB", "has no digit behind the decimal point"),
            ("5EiB", "\"5EiB\" is too large for a size"),
            ("1GiB2MiB", "write one number and one unit"), ("", "a size is missing"),
            ("   ", "is missing"),
            ("99999999999999999999B", "has more than 19 digits"),
            ("9999999999999999999EiB", "is too large for a size"),
            ("1.1234567890123GiB", "has more than 12 decimals"),
            (String(repeating: "9", count: 100_000), "is too long for a size"),
            ("64GiB!", "unknown unit"),
        ]
    )
    func wrongSizes(_ text: String, _ fragment: String) {
        expectError(fragment) { () throws(QuantityError) in _ = try Quantity.byteCount(text) }
    }

    @Test(
        "a wrong duration says what is wrong",
        arguments: [
            (
                "5",
                "\"5\" has no unit; write a duration such as 5h45m (units: ns, us, ms, s, m, h, d)"
            ),
            ("5h5h", "must name each unit once, from d down to ns"),
            ("5m1h", "must name each unit once"), ("5H", "did you mean h?"),
            ("36501d", "is longer than 100 years"),
            ("999999999999999999d", "is longer than 100 years"),
            ("one hour", "is not a duration"), ("-5s", "is negative"), ("5y", "unknown unit \"y\""),
        ]
    )
    func wrongDurations(_ text: String, _ fragment: String) {
        expectError(fragment) { () throws(QuantityError) in _ = try Quantity.duration(text) }
    }

    @Test("wrong rates, fractions, numbers and money say what is wrong")
    func wrongOthers() {
        for text in ["2", "/4m", "0/4m", "x/4m", "2000000/4m"] {
            expectError("is not a rate; write a count") { () throws(QuantityError) in
                _ = try Quantity.eventRate(text)
            }
        }
        expectError("longer than zero") { () throws(QuantityError) in
            _ = try Quantity.eventRate("2/0s")
        }
        for text in ["1.01", "101%", "2"] {
            expectError("must lie within 0 and 1") { () throws(QuantityError) in
                _ = try Quantity.fraction(text)
            }
        }
        expectError("unknown unit") { () throws(QuantityError) in _ = try Quantity.fraction("5‰") }
        expectError("decimals (10 with %)") { () throws(QuantityError) in
            _ = try Quantity.fraction("0.00000000001%")
        }
        expectError("not a plain number") { () throws(QuantityError) in
            _ = try Quantity.number("1.5x")
        }
        expectError("within 0 and 1000000") { () throws(QuantityError) in
            _ = try Quantity.number("1000001")
        }
        expectError("named once") { () throws(QuantityError) in _ = try Quantity.money("12USD") }
        expectError("is more than") { () throws(QuantityError) in
            _ = try Quantity.money("1000000000001")
        }
        expectError("such as 25Gbps") { () throws(QuantityError) in _ = try Quantity.bandwidth("25")
        }
        expectError("did you mean Gbps?") { () throws(QuantityError) in
            _ = try Quantity.bandwidth("25gbps")
        }
    }

    // Goal: what is printed can be read back. Method: random quantities of every magnitude.
    @Test("every quantity reads back what it prints")
    func roundTrip() throws {
        let seed = SeededGenerator.seed(standard: 1)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<3_000 {
            let shift = Int.random(in: 0...61, using: &generator)
            let raw = Int.random(in: 0...(1 << shift), using: &generator)
            let size = ByteCount(bytes: raw)
            #expect(try Quantity.byteCount(size.description) == size, "SIM_SEED=\(seed)")
            let rate = Bandwidth(bitsPerSecond: min(raw, Bandwidth.bitsPerSecondMax))
            #expect(try Quantity.bandwidth(rate.description) == rate, "SIM_SEED=\(seed)")
            let longest = Duration.scenarioMax.nanosecondsValue
            let duration = Duration.nanoseconds(Int64(min(raw, longest)))
            #expect(try Quantity.duration(duration.scenarioText) == duration, "SIM_SEED=\(seed)")
            let money = Money(micros: min(raw, 1_000_000_000_000_000))
            #expect(try Quantity.money(money.description) == money, "SIM_SEED=\(seed)")
            let decimals = Double(Int.random(in: 0...999_999_999, using: &generator)) / 1e9
            let printed = ScenarioDocument.number(decimals).json
            #expect(try Quantity.number(printed) == decimals, "SIM_SEED=\(seed)")
        }
    }

    // Goal: no text makes a reader crash. Method: random texts over the characters that matter.
    @Test("random texts are read or refused, never a crash")
    func randomTexts() {
        let seed = SeededGenerator.seed(standard: 2)
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("0123456789..  //%-dhmsunKMGTPEiBbpμé\n")
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...24, using: &generator)
            let text = String(
                (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? "0" }
            )
            do { accepted += try Quantity.byteCount(text).bytes >= 0 ? 1 : 0 } catch {}
            do { accepted += try Quantity.duration(text) >= .zero ? 1 : 0 } catch {}
            do { accepted += try Quantity.bandwidth(text).bitsPerSecond >= 0 ? 1 : 0 } catch {}
            do { accepted += try Quantity.eventRate(text).count >= 0 ? 1 : 0 } catch {}
            do { accepted += try Quantity.fraction(text) >= 0 ? 1 : 0 } catch {}
            do { accepted += try Quantity.money(text).micros >= 0 ? 1 : 0 } catch {}
        }
        #expect(accepted > 10, "SIM_SEED=\(seed): the alphabet should hit valid texts, too")
    }

    private func expectError(
        _ fragment: String,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws(QuantityError) -> Void
    ) {
        do {
            try body()
            Issue.record("no error, expected \(fragment)", sourceLocation: sourceLocation)
        } catch {
            #expect(
                error.message.contains(fragment),
                "\(error.message)",
                sourceLocation: sourceLocation
            )
        }
    }
}
