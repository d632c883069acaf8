// SPDX-License-Identifier: Apache-2.0

extension WireReader {
    /// Checks the next value with all that it holds, and returns where it lies.
    mutating func checkValue() throws(WireError) -> Range<Int> {
        if position < checkedEnd {
            return position..<skip(from: position)
        }
        let next = try validate(at: position, depth: 0)
        checkedEnd = next
        return position..<next
    }

    /// Checks that a well-formed, canonical value within the limits starts at `start`, inside `depth`
    /// containers, and returns the offset after it.
    @usableFromInline
    func validate(at start: Int, depth: Int) throws(WireError) -> Int {
        guard start < end else { throw truncated(at: start) }
        let first = bytes[start]
        let major = first >> 5
        if major == WireMajor.simple {
            return try validateSimple(first, at: start)
        }
        let (value, body) = try argument(at: start)
        switch major {
        case WireMajor.unsigned, WireMajor.negative:
            return body
        case WireMajor.bytes:
            return body + (try stringCount(value, head: start, body: body))
        case WireMajor.text:
            let next = body + (try stringCount(value, head: start, body: body))
            try validateText(body..<next)
            return next
        case WireMajor.array:
            try checkDepth(depth, at: start)
            var next = body
            for _ in 0..<(try itemCount(value, itemBytes: 1, body: body)) {
                next = try validate(at: next, depth: depth + 1)
            }
            return next
        case WireMajor.map:
            try checkDepth(depth, at: start)
            let count = try itemCount(value, itemBytes: 2, body: body)
            return try validateEntries(count, from: body, depth: depth + 1)
        default:
            try checkDepth(depth, at: start)
            return try validate(at: body, depth: depth + 1)
        }
    }

    /// Passes over a value that is known to be well formed, and returns the offset after it.
    func skip(from start: Int) -> Int {
        var next = start
        var pendingCount = 1
        while pendingCount > 0 {
            pendingCount -= 1
            let first = bytes[next]
            let info = first & 0x1f
            next += 1
            var value = UInt64(info)
            if info >= 24 {
                value = 0
                for _ in 0..<(1 << Int(info - 24)) {
                    value = value << 8 | UInt64(bytes[next])
                    next += 1
                }
            }
            switch first >> 5 {
            case WireMajor.bytes, WireMajor.text: next += Int(value)
            case WireMajor.array: pendingCount += Int(value)
            case WireMajor.map: pendingCount += 2 * Int(value)
            case WireMajor.tag: pendingCount += 1
            default: break
            }
        }
        return next
    }

    /// Where the head at `start`, which is known to be well formed, ends.
    func bodyOffset(at start: Int) -> Int {
        let info = bytes[start] & 0x1f
        return info < 24 ? start + 1 : start + 1 + (1 << Int(info - 24))
    }

    /// Whether the bytes of one range come before those of another, compared one by one.
    func precedes(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        let commonCount = min(left.count, right.count)
        for index in 0..<commonCount {
            let (one, other) = (bytes[left.lowerBound + index], bytes[right.lowerBound + index])
            if one != other {
                return one < other
            }
        }
        return left.count < right.count
    }

    /// The argument of the head at `start`, where there is at least one byte, and the offset after it.
    func argument(at start: Int) throws(WireError) -> (value: UInt64, next: Int) {
        let info = bytes[start] & 0x1f
        return info < 24 ? (UInt64(info), start + 1) : try longArgument(at: start)
    }

    /// The argument of a head with 1, 2, 4 or 8 bytes of it after the first, and the offset after it.
    @usableFromInline
    func longArgument(at start: Int) throws(WireError) -> (value: UInt64, next: Int) {
        let info = bytes[start] & 0x1f
        guard info < 28 else {
            if info == 31, bytes[start] != 0xff {
                throw WireError(
                    code: .notCanonical,
                    message: "the length is indefinite; it must be given",
                    offset: start
                )
            }
            throw malformed("no item can start with the byte \(bytes[start])", at: start)
        }
        let byteCount = 1 << Int(info - 24)
        guard end - start > byteCount else { throw truncated(at: start) }
        var value: UInt64 = 0
        for index in 1...byteCount {
            value = value << 8 | UInt64(bytes[start + index])
        }
        // What a head half as long could have said must be said by that one.
        let least: UInt64 = byteCount == 1 ? 24 : 1 << (UInt64(byteCount) * 4)
        guard value >= least else {
            throw WireError(
                code: .notCanonical,
                message: "\(value) takes \(byteCount) bytes in place of fewer",
                offset: start
            )
        }
        return (value, start + 1 + byteCount)
    }

    /// The floating-point number at `start`, and the offset after it.
    @usableFromInline
    func double(at start: Int) throws(WireError) -> (value: Double, next: Int) {
        guard start < end else { throw truncated(at: start) }
        switch bytes[start] {
        case WireSimple.double: break
        case WireSimple.half, WireSimple.single: throw unsupportedSimple(bytes[start], at: start)
        default: throw mismatch("a floating-point number")
        }
        guard end - start > 8 else { throw truncated(at: start) }
        var pattern: UInt64 = 0
        for index in 1...8 {
            pattern = pattern << 8 | UInt64(bytes[start + index])
        }
        let value = Double(bitPattern: pattern)
        guard !value.isNaN || pattern == WireSimple.canonicalNaN else {
            throw WireError(
                code: .notCanonical,
                message: "a NaN other than the canonical one",
                offset: start
            )
        }
        return (value, start + 9)
    }

    /// The text in a range, which lies within the input.
    @usableFromInline
    func text(_ range: Range<Int>) throws(WireError) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes.span.extracting(range)))
        } catch {
            throw malformed("a text string is not UTF-8", at: range.lowerBound)
        }
    }

    private func validateText(_ range: Range<Int>) throws(WireError) {
        do {
            _ = try UTF8Span(validating: bytes.span.extracting(range))
        } catch {
            throw malformed("a text string is not UTF-8", at: range.lowerBound)
        }
    }

    private func validateSimple(_ first: UInt8, at start: Int) throws(WireError) -> Int {
        switch first {
        case WireSimple.no, WireSimple.yes, WireSimple.null: return start + 1
        case WireSimple.double: return try double(at: start).next
        default: throw unsupportedSimple(first, at: start)
        }
    }

    private func validateEntries(
        _ count: Int,
        from start: Int,
        depth: Int
    ) throws(WireError) -> Int {
        var next = start
        var previous = start..<start
        for index in 0..<count {
            guard next < end else { throw truncated(at: next) }
            guard bytes[next] >> 5 <= WireMajor.text else {
                throw malformed("a map's key must be an integer or a string", at: next)
            }
            let key = next..<(try validate(at: next, depth: depth))
            guard index == 0 || precedes(previous, key) else {
                throw WireError(
                    code: .notCanonical,
                    message: "a map's key repeats or comes out of order",
                    offset: key.lowerBound
                )
            }
            previous = key
            next = try validate(at: key.upperBound, depth: depth)
        }
        return next
    }

    private func checkDepth(_ depth: Int, at offset: Int) throws(WireError) {
        guard depth < limits.depthMax else {
            throw WireError(
                code: .tooDeep,
                message: "more than \(limits.depthMax) containers are nested",
                offset: offset
            )
        }
    }
}

// MARK: - Errors

extension WireReader {
    @usableFromInline @inline(never)
    func truncated(at offset: Int) -> WireError {
        WireError(
            code: .truncated,
            message: "the item runs past the end at byte \(end)",
            offset: offset
        )
    }

    @usableFromInline @inline(never)
    func tooLarge(_ what: @autoclosure () -> String, _ limit: Int, at offset: Int) -> WireError {
        WireError(
            code: .tooLarge,
            message: "\(what()) is over the limit of \(limit)",
            offset: offset
        )
    }

    @usableFromInline @inline(never)
    func outOfRange(_ type: @autoclosure () -> String, at offset: Int) -> WireError {
        WireError(
            code: .valueOutOfRange,
            message: "the number does not fit \(type())",
            offset: offset
        )
    }

    @usableFromInline @inline(never)
    func mismatch(_ major: UInt8) -> WireError {
        mismatch(WireMajor.name(major))
    }

    @usableFromInline @inline(never)
    func mismatch(_ expected: String) -> WireError {
        let found = position < end ? describeType(at: position) : "the end"
        return WireError(
            code: .typeMismatch,
            message: "expected \(expected), found \(found)",
            offset: position
        )
    }

    @usableFromInline @inline(never)
    func wrongCount(_ count: Int, expected: Int, at offset: Int) -> WireError {
        WireError(
            code: .valueOutOfRange,
            message: "an array of \(expected) elements has \(count)",
            offset: offset
        )
    }

    func malformed(_ message: String, at offset: Int) -> WireError {
        WireError(code: .malformed, message: message, offset: offset)
    }

    func unsupportedSimple(_ first: UInt8, at offset: Int) -> WireError {
        switch first {
        case WireSimple.half, WireSimple.single:
            WireError(
                code: .notCanonical,
                message: "a float must be 64 bits wide",
                offset: offset
            )
        case 0xff:
            malformed("a break stands outside an item of indefinite length", at: offset)
        default:
            malformed("the simple value that starts with byte \(first) has no meaning", at: offset)
        }
    }

    private func describeType(at offset: Int) -> String {
        switch bytes[offset] {
        case WireSimple.no, WireSimple.yes: "a boolean"
        case WireSimple.null: "null"
        case WireSimple.double: "a floating-point number"
        case let first: WireMajor.name(first >> 5)
        }
    }
}
