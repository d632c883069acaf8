// SPDX-License-Identifier: Apache-2.0

/// A value behind a reference, so that a struct that holds it is copied cheaply.
final class Box<Value: Sendable>: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
