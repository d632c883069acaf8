// SPDX-License-Identifier: Apache-2.0

/// Something that values need while they are decoded, such as the table that binds references to actors.
///
/// Put it in ``WireReader/context``. A `Decodable` type finds it as ``Swift/Decoder/wireContext``, or under
/// ``Swift/CodingUserInfoKey/wireContext`` in its decoder's `userInfo`.
public protocol WireContext: AnyObject, Sendable {}

extension CodingUserInfoKey {
    /// The key under which ``WireDecoder`` hands on the reader's ``WireContext``.
    public static let wireContext: CodingUserInfoKey = {
        guard let key = CodingUserInfoKey(rawValue: "wireContext") else {
            preconditionFailure("a user-info key can be made of any text")
        }
        return key
    }()
}

extension Decoder {
    /// The context of the reader that this decoder reads from; nil without one, or with another decoder.
    public var wireContext: (any WireContext)? {
        userInfo[.wireContext] as? any WireContext
    }
}
