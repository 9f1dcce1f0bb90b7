// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Something that is handed over once and then gone, so that nobody keeps megabytes that were read long ago.
final class HandedOver<Value: Sendable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: sending Value?) { self.value = Mutex(value) }

    /// The value, for the one who asks first.
    func take() -> Value? { value.withLock { $0.take() } }
}
