// SPDX-License-Identifier: Apache-2.0

import Kernel
import Testing

/// Goal: no input crashes the reader, and whatever is read has no other encoding. Method: random bytes,
/// random values, and values with a few bytes changed, all from a seed.
struct WireFuzzTests {
    /// Reads bytes every way there is; checks that what was read is written back byte for byte.
    /// Returns whether the bytes were a value.
    private func probe(_ bytes: [UInt8]) throws -> Bool {
        do throws(WireError) {
            // Every Codable shape must end in a value or an error.
            let message = try WireDecoder.decode(WireSample.self, from: bytes)
            let again = try WireEncoder.encode(message)
            let reread = try WireDecoder.decode(WireSample.self, from: again)
            #expect(reread == message, "\(wireHex(bytes))")
            #expect(try WireEncoder.encode(reread) == again, "\(wireHex(bytes))")
        } catch {
            #expect((0...bytes.count).contains(error.offset))
        }
        do throws(WireError) {
            let tree = try WireTree.read(bytes)
            #expect(tree.encoded == bytes, "\(wireHex(bytes)) reads as \(tree)")
            var reader = try WireReader(bytes)
            #expect(try reader.skipValue() == 0..<bytes.count)
            return true
        } catch {
            #expect((0...bytes.count).contains(error.offset))
            return false
        }
    }

    @Test(
        "random bytes are refused, or read and written back the same",
        arguments: [1, 2] as [UInt64]
    )
    func randomBytes(seed: UInt64) throws {
        var generator = WireTestGenerator(seed: seed)
        var readCount = 0
        for _ in 0..<50_000 {
            let bytes = (0..<generator.below(24)).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            readCount += try probe(bytes) ? 1 : 0
        }
        // The inputs must reach both outcomes, or the test would show nothing.
        #expect(readCount > 500 && readCount < 25_000)
    }

    @Test(
        "random values are read back, and refused or stable once changed",
        arguments: [3, 4] as [UInt64]
    )
    func randomValues(seed: UInt64) throws {
        var generator = WireTestGenerator(seed: seed)
        for _ in 0..<5_000 {
            let tree = WireTree.random(&generator)
            let bytes = tree.encoded
            #expect(try WireTree.read(bytes) == tree)
            for _ in 0..<4 {
                _ = try probe(Self.mutate(bytes, &generator))
            }
        }
    }

    @Test("changed messages are refused, or stable", arguments: [5, 6] as [UInt64])
    func changedMessages(seed: UInt64) throws {
        var generator = WireTestGenerator(seed: seed)
        let seeds = try WireSample.all.map { try WireEncoder.encode($0) }
        var decodedCount = 0
        for round in 0..<10_000 {
            let bytes = Self.mutate(seeds[round % seeds.count], &generator)
            _ = try probe(bytes)
            do throws(WireError) {
                _ = try WireDecoder.decode(WireSample.self, from: bytes)
                decodedCount += 1
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
        #expect(decodedCount > 100 && decodedCount < 9_000)
    }

    @Test("every message cut short is refused")
    func cutShort() throws {
        for sample in WireSample.all {
            let bytes = try WireEncoder.encode(sample)
            for count in 0..<bytes.count {
                let error = #expect(throws: WireError.self) {
                    try WireDecoder.decode(WireSample.self, from: Array(bytes[..<count]))
                }
                #expect(error?.code == .truncated)
            }
        }
    }

    private static func mutate(
        _ original: [UInt8],
        _ generator: inout WireTestGenerator
    ) -> [UInt8] {
        var bytes = original
        for _ in 0...generator.below(3) {
            let place = generator.below(bytes.count + 1)
            let byte = UInt8(truncatingIfNeeded: generator.next())
            switch generator.below(5) {
            case 0: bytes.insert(byte, at: place)
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2 where place < bytes.count: bytes[place] ^= 1 << (byte & 7)
            case 3 where place < bytes.count: bytes.removeSubrange(place...)
            default:
                if place < bytes.count {
                    bytes[place] = byte
                }
            }
        }
        return bytes
    }
}
