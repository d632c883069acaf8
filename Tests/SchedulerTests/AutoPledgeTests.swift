// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Testing

@Suite("Sectors that the sealing stores have room for")
struct AutoPledgeTests {
    private func store(
        _ name: String, capacity: UInt64 = 1_000, reserved: UInt64 = 0, sectors: Int = 0, most: Int = 0,
        disk: UInt64? = nil, isOnline: Bool = true
    ) -> StoreState {
        StoreState(
            info: StoreInfo(
                name: name, host: "h", capacityBytes: capacity, sealingCountMax: most,
                fileSystem: disk.map { HostInfo.FileSystem(id: "disk", capacityBytes: $0, freeBytes: $0) }),
            reservedBytes: reserved, sectorCount: sectors, isOnline: isOnline)
    }

    @Test("bytes and the limit on sectors bound a store; one out of reach has no room")
    func alone() {
        #expect(AutoPledge.room(for: 100, in: [store("a")]) == 10)
        #expect(AutoPledge.room(for: 100, in: [store("a", reserved: 950)]) == 0)
        #expect(AutoPledge.room(for: 100, in: [store("a", reserved: 2_000)]) == 0)
        #expect(AutoPledge.room(for: 100, in: [store("a", sectors: 3, most: 5), store("b")]) == 12)
        #expect(AutoPledge.room(for: 100, in: [store("a", isOnline: false)]) == 0)
        #expect(AutoPledge.room(for: 0, in: [store("a")]) == 1_000, "a footprint of nothing is no crash")
    }

    @Test("two paths on one disk have the disk's room once, and not once each")
    func shared() {
        let both = [store("a", reserved: 300, disk: 1_000), store("b", reserved: 100, disk: 1_000)]
        #expect(AutoPledge.room(for: 100, in: both) == 6)
        #expect(AutoPledge.room(for: 100, in: both + [store("c")]) == 16)
        #expect(AutoPledge.room(for: 100, in: [store("a", disk: 250), store("b", most: 1, disk: 250)]) == 2)
    }
}
