// SPDX-License-Identifier: Apache-2.0

/// A reference to a component that understands `M`, on this node or on another: the call is the same.
///
/// References travel in messages; on arrival they are bound to the receiving world.
public struct Ref<M: Message>: Sendable {
    @usableFromInline
    enum Target: Sendable {
        case simulated(SimulatedCell<M>)
        case live(LiveCell<M>)
        case outlet(Outlet<M>)
    }

    @usableFromInline let target: Target

    @usableFromInline
    init(_ target: Target) { self.target = target }

    /// Sends a message and returns at once; at most one copy arrives, in order within a session.
    ///
    /// - Returns: whether the message is under way, or why it became a dead letter right here.
    @inlinable
    @discardableResult
    public func tell(_ message: consuming M) -> Delivery {
        switch target {
        case .simulated(let cell): cell.tell(message)
        case .live(let cell): cell.tell(message)
        case .outlet(let outlet): outlet.send(message)
        }
    }

    /// Where the component lives.
    public var address: Address {
        switch target {
        case .simulated(let cell): cell.address
        case .live(let cell): cell.address
        case .outlet(let outlet): outlet.address
        }
    }
}

extension Ref: Hashable, CustomStringConvertible {
    /// References are equal where they name the same address.
    public static func == (lhs: Ref, rhs: Ref) -> Bool { lhs.address == rhs.address }

    /// Hashes the address.
    public func hash(into hasher: inout Hasher) { hasher.combine(address) }

    /// The address.
    public var description: String { address.description }
}

/// A target that is not a mailbox of this world: a peer's component behind a transport, or a function.
public final class Outlet<M: Message>: Sendable {
    /// The address that this outlet leads to.
    public let address: Address

    @usableFromInline let send: @Sendable (M) -> Delivery
    let world: LiveWorld?

    /// Makes an outlet that hands each message to `send`.
    public convenience init(address: Address, send: @escaping @Sendable (M) -> Delivery) {
        self.init(address: address, world: nil, send: send)
    }

    init(address: Address, world: LiveWorld?, send: @escaping @Sendable (M) -> Delivery) {
        self.address = address
        self.world = world
        self.send = send
    }

    /// A reference to this outlet.
    public var ref: Ref<M> { Ref(.outlet(self)) }
}

/// Binds addresses read from a wire to references of one world.
public protocol RefResolver: WireContext {
    /// The reference of `address`, whether or not anything lives there now.
    func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M>
}

extension Ref: Codable {
    /// Reads an address and binds it to the world that decodes.
    ///
    /// - Throws: `DecodingError` where the decoder belongs to no world.
    public init(from decoder: any Decoder) throws {
        let address = try Address(from: decoder)
        guard let resolver = decoder.userInfo[.wireContext] as? any RefResolver else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "a reference to \(address) can be read only inside a world"))
        }
        self = resolver.ref(at: address, as: M.self)
    }

    /// Writes the address.
    public func encode(to encoder: any Encoder) throws {
        try address.encode(to: encoder)
    }
}
