// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Testing

@Suite("Lists of processing units")
struct HostCPUSetTests {
    @Test(
        "a list is read and written in its shortest form",
        arguments: [
            ("", ""), (" \n", ""), ("0", "0"), ("0-7,16-23", "0-7,16-23"), ("3,1,2", "1-3"),
            ("0-3,2-5\n", "0-5"), ("5,5,5", "5"), ("0,2,4", "0,2,4"), ("16383", "16383"), ("007", "7"),
        ])
    func text(given: String, expected: String) throws {
        let set = try HostCPUSet(text: given)
        #expect(set.description == expected)
        #expect(try HostCPUSet(text: set.description) == set)
        #expect(try HostCPUSet(set.units.reversed()) == set)
    }

    @Test(
        "what is no list is refused",
        arguments: ["a", "-", "1-", "-1", "3-1", "1,,2", "1-2-3", "0x1", "1 2", ",", "+1", "١"])
    func malformed(text: String) {
        let error = #expect(throws: HostError.self) { try HostCPUSet(text: text) }
        #expect(error?.code == .malformedCPUSet)
    }

    @Test("numbers and texts over the limits are refused before anything is built")
    func limits() {
        for text in ["16384", "0-4000000000", String(repeating: "1,", count: 40_000) + "1"] {
            let error = #expect(throws: HostError.self) { try HostCPUSet(text: text) }
            #expect(error?.code == .limitExceeded)
        }
        for unit in [-1, HostLimits.processingUnitCountMax, Int.max] {
            let error = #expect(throws: HostError.self) { try HostCPUSet([unit]) }
            #expect(error?.code == .limitExceeded)
        }
    }

    @Test("membership and inclusion follow the numbers")
    func sets() throws {
        let set = try HostCPUSet(text: "2-4,8")
        #expect((0..<10).filter(set.contains) == [2, 3, 4, 8])
        #expect(try HostCPUSet(text: "3,8").isSubset(of: set))
        #expect(try !HostCPUSet(text: "3,9").isSubset(of: set))
        #expect(HostCPUSet.empty.isSubset(of: set) && HostCPUSet.empty.isDisjoint(with: set))
        #expect(try HostCPUSet(text: "0-1,5-7").isDisjoint(with: set))
        #expect(try !HostCPUSet(text: "0-2").isDisjoint(with: set))
        #expect(set.count == 4 && !set.isEmpty)
    }

    @Test("JSON carries the text, and a bad text is a decoding error")
    func coding() throws {
        let set = try HostCPUSet(text: "0-7,16-23")
        #expect(String(decoding: try JSONEncoder().encode([set]), as: UTF8.self) == #"["0-7,16-23"]"#)
        #expect(try JSONDecoder().decode([HostCPUSet].self, from: Data(#"["0-7,16-23"]"#.utf8)) == [set])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([HostCPUSet].self, from: Data(#"["7-0"]"#.utf8))
        }
    }
}
