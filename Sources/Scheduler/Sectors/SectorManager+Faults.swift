// SPDX-License-Identifier: Apache-2.0
private import Chain
internal import Kernel
private import OrderedCollections

/// What the proofs of spacetime tell the keepers of sectors.
extension SectorManager {
    /// Tells those sectors whose state differs from what was found; saying it again changes nothing.
    func take(_ faults: SectorFaults, _ context: Context<ManagerMessage>) throws {
        // A simulation of years keeps no records of proving sectors, so that there is nobody to tell.
        guard options.provingKeptMax > 0 else { return }
        for number in faults.faulty.numbers where sectors[number]?.state != .faultReported {
            try tell(number, .faultDeclared(epoch: faults.epoch), nil, context)
        }
        for number in faults.unreadable.numbers where !faultNumbers.contains(number) {
            let reason = "its files could not be read at epoch \(faults.epoch)"
            try tell(number, .faultFound(reason), nil, context)
        }
        for number in faultNumbers.intersection(faults.expired.union(faults.ended)).numbers {
            try tell(number, .faultExpired, nil, context)
        }
        let healthy = faults.live.subtracting(faults.faulty).subtracting(faults.unreadable)
        for number in faultNumbers.intersection(healthy).numbers {
            try tell(number, .recovered, nil, context)
        }
    }
}
