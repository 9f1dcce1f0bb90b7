// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What resolving a flag came to: always a value, and how it came about.
public struct ResolutionDetails<Value: Sendable & Hashable>: Sendable, Hashable {
    /// The flag's value; the caller's default if there is an error.
    public var value: Value
    /// Which of the flag's values it is: `on` or `off`, an experiment's group, else the rule's ID; nil with an error.
    public var variant: String?
    /// Why it is so.
    public var reason: FlagReason
    /// What went wrong; nil in normal execution.
    public var error: FlagError?
    /// What else is known, as booleans, texts and numbers: `ruleID`, `version`, and `lcut`, when the specs last changed.
    public var flagMetadata: JSONObject

    /// The error's code; nil in normal execution.
    public var errorCode: FlagError.Code? { error?.code }
    /// The error's message; nil in normal execution.
    public var errorMessage: String? { error?.message }

    /// Makes the details of a flag that has a value.
    public init(
        _ value: Value,
        variant: String? = nil,
        reason: FlagReason,
        flagMetadata: JSONObject = JSONObject()
    ) {
        self.value = value
        self.variant = variant
        self.reason = reason
        self.flagMetadata = flagMetadata
    }

    /// Makes the details of a flag for which the caller's default is served.
    public init(default value: Value, _ error: FlagError) {
        self.value = value
        self.reason = .error
        self.error = error
        self.flagMetadata = JSONObject()
    }

    /// The same with a value of another type.
    public func map<Other>(_ change: (Value) -> Other) -> ResolutionDetails<Other> {
        var details = ResolutionDetails<Other>(
            change(value),
            variant: variant,
            reason: reason,
            flagMetadata: flagMetadata
        )
        details.error = error
        return details
    }
}
