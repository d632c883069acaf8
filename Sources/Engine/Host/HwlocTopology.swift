// SPDX-License-Identifier: Apache-2.0
import CHwloc

/// Owns one loaded hwloc topology, and copies out of it.
///
/// Safety: `handle` comes from `hwloc_topology_init`, belongs to this value alone (it is not copyable) and is
/// destroyed once, in `deinit`. The objects and bitmaps that hwloc returns live as long as it, and no method
/// lets one out: all of them copy.
struct HwlocTopology: ~Copyable {
    private let handle: hwloc_topology_t

    /// Loads the topology of this machine, or of a synthetic one.
    ///
    /// - Parameter synthetic: hwloc's description of a machine; `nil` for this machine.
    /// - Throws: ``HostError`` with `.topologyUnavailable` or `.libraryMismatch`.
    init(synthetic: String?) throws(HostError) {
        // Structures of another major version have other fields: reading on would be reading garbage.
        let built = chwloc_built_api_version()
        let running = hwloc_get_api_version()
        guard built >> 16 == running >> 16 else {
            throw HostError(
                code: .libraryMismatch,
                message: "built against hwloc API \(built >> 16) but running with \(running >> 16); "
                    + "install the libhwloc that the build used, or build again")
        }
        var loaded: hwloc_topology_t?
        guard hwloc_topology_init(&loaded) == 0, let loaded else {
            throw HostError(
                code: .topologyUnavailable, message: "hwloc_topology_init failed; is memory exhausted?")
        }
        do throws(HostError) {
            try HwlocTopology.load(loaded, synthetic: synthetic)
        } catch {
            hwloc_topology_destroy(loaded)
            throw error
        }
        handle = loaded
    }

    deinit {
        hwloc_topology_destroy(handle)
    }

    private static func load(_ handle: hwloc_topology_t, synthetic: String?) throws(HostError) {
        if let synthetic, hwloc_topology_set_synthetic(handle, synthetic) != 0 {
            throw HostError(
                code: .topologyUnavailable,
                message: "hwloc does not understand the synthetic machine '\(synthetic.prefix(80))'; "
                    + "one looks like Package:2 [NUMANode(memory=64000000000)] L3Cache:2 Core:4 PU:2")
        }
        // With the disallowed units the picture is the whole machine, whatever container we are in.
        let flags = UInt(HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED.rawValue)
        guard hwloc_topology_set_flags(handle, flags) == 0, hwloc_topology_load(handle) == 0 else {
            throw HostError(
                code: .topologyUnavailable,
                message: "hwloc could not read the machine; does the command lstopo work?")
        }
    }

    func packages() throws(HostError) -> [HostTopology.Package] {
        var found: [HostTopology.Package] = []
        for object in try objects(HWLOC_OBJ_PACKAGE) {
            let model = hwloc_obj_get_info_by_name(object, "CPUModel").map { String(cString: $0) }
            found.append(
                HostTopology.Package(
                    index: try index(of: object), model: model,
                    cpus: try HwlocTopology.units(object.pointee.cpuset)))
        }
        return found.sorted { $0.index < $1.index }
    }

    /// The nodes, without what hwloc does not know: free memory and free huge pages.
    func numaNodes() throws(HostError) -> [HostTopology.NUMANode] {
        var found: [HostTopology.NUMANode] = []
        for object in try objects(HWLOC_OBJ_NUMANODE) {
            let index = try index(of: object)
            guard index < HostLimits.numaNodeCountMax else {
                throw HostError(
                    code: .limitExceeded,
                    message: "NUMA node \(index); the largest number that is supported is "
                        + "\(HostLimits.numaNodeCountMax - 1)")
            }
            found.append(
                HostTopology.NUMANode(
                    index: index, cpus: try HwlocTopology.units(object.pointee.cpuset),
                    memoryBytes: chwloc_numa_node_bytes(object), freeMemoryBytes: nil, hugePages: []))
        }
        return found.sorted { $0.index < $1.index }
    }

    func cacheGroups() throws(HostError) -> [HostTopology.CacheGroup] {
        var found: [HostTopology.CacheGroup] = []
        for object in try objects(HWLOC_OBJ_L3CACHE) {
            found.append(
                HostTopology.CacheGroup(
                    index: Int(object.pointee.logical_index), cacheBytes: chwloc_cache_bytes(object),
                    cpus: try HwlocTopology.units(object.pointee.cpuset)))
        }
        return found
    }

    /// The cores, not yet placed in packages, nodes and groups.
    func cores() throws(HostError) -> [HostTopology.Core] {
        var found: [HostTopology.Core] = []
        for object in try objects(HWLOC_OBJ_CORE) {
            found.append(
                HostTopology.Core(
                    index: Int(object.pointee.logical_index),
                    cpus: try HwlocTopology.units(object.pointee.cpuset), packageIndex: nil,
                    numaNodeIndex: nil, cacheGroupIndex: nil))
        }
        return found
    }

    func processingUnits() throws(HostError) -> HostCPUSet {
        var units: [Int] = []
        for object in try objects(HWLOC_OBJ_PU) {
            units.append(try index(of: object))
        }
        return try HostCPUSet(units)
    }

    /// The units that the control group of this process may use.
    func allowedUnits() throws(HostError) -> HostCPUSet {
        try HwlocTopology.units(hwloc_topology_get_allowed_cpuset(handle))
    }

    /// The units that this process is bound to; `nil` where the system cannot tell.
    func boundUnits() throws(HostError) -> HostCPUSet? {
        guard let bitmap = hwloc_bitmap_alloc() else {
            throw HostError(
                code: .topologyUnavailable, message: "hwloc_bitmap_alloc failed; is memory exhausted?")
        }
        defer { hwloc_bitmap_free(bitmap) }
        guard hwloc_get_cpubind(handle, bitmap, Int32(HWLOC_CPUBIND_PROCESS.rawValue)) == 0 else {
            return nil
        }
        return try HwlocTopology.units(bitmap)
    }

    private func objects(_ type: hwloc_obj_type_t) throws(HostError) -> [hwloc_obj_t] {
        // Negative where the kind occurs at several depths, which hwloc never does with the kinds asked here.
        let count = Int(hwloc_get_nbobjs_by_type(handle, type))
        guard count <= HostLimits.objectCountMax else {
            throw HostError(
                code: .limitExceeded,
                message: "hwloc reports \(count) objects of kind \(type.rawValue); at most "
                    + "\(HostLimits.objectCountMax) are supported")
        }
        return (0..<max(count, 0)).compactMap { hwloc_get_obj_by_type(handle, type, UInt32($0)) }
    }

    /// The operating system's number of an object, or its position where there is none.
    private func index(of object: hwloc_obj_t) throws(HostError) -> Int {
        let number = object.pointee.os_index
        let chosen = number == chwloc_unknown_index() ? object.pointee.logical_index : number
        guard chosen < UInt32(HostLimits.processingUnitCountMax) else {
            throw HostError(
                code: .limitExceeded,
                message: "hwloc numbers an object \(chosen); the largest number that is supported is "
                    + "\(HostLimits.processingUnitCountMax - 1)")
        }
        return Int(chosen)
    }

    private static func units(_ bitmap: hwloc_const_bitmap_t?) throws(HostError) -> HostCPUSet {
        guard let bitmap else { return .empty }
        var units: [Int] = []
        // A bitmap may be infinite: the limit on the numbers ends the walk as well.
        var unit = hwloc_bitmap_next(bitmap, -1)
        while unit >= 0 {
            guard unit < Int32(HostLimits.processingUnitCountMax) else {
                throw HostError(
                    code: .limitExceeded,
                    message: "hwloc numbers a processing unit \(unit); the largest number that is supported "
                        + "is \(HostLimits.processingUnitCountMax - 1)")
            }
            units.append(Int(unit))
            unit = hwloc_bitmap_next(bitmap, unit)
        }
        return try HostCPUSet(units)
    }
}
