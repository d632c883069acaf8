// SPDX-License-Identifier: Apache-2.0

/// Bounds on what may be read or encoded, so that no input can exhaust memory or the stack.
public struct WireLimits: Sendable, Equatable {
    /// How many arrays, maps and tags may enclose one another.
    public var depthMax = 64
    /// The longest text or byte string, in bytes.
    public var itemBytesMax = 16 << 20
    /// The most elements of one array, or entries of one map.
    public var itemCountMax = 1_000_000
    /// The longest whole input, in bytes.
    public var totalBytesMax = 64 << 20

    /// Creates the default limits; lower or raise them by assigning the fields.
    public init() {}
}
