// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// The type that a caller expects of a flag.
public enum FlagType: String, Sendable, CaseIterable {
    /// True or false: a gate, or such a parameter.
    case boolean
    /// A text: a parameter.
    case string
    /// A number that was written without a fraction and fits `Int`: a parameter.
    case integer
    /// Any number: a parameter.
    case double
    /// An object: a config, an experiment or a layer with all its parameters, or such a parameter.
    case object

    /// Whether `value` is of this type.
    public func fits(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.boolean, .bool), (.string, .string), (.double, .number), (.object, .object): true
        case (.integer, .number(.integer(let integer))): Int(exactly: integer) != nil
        default: false
        }
    }
}
