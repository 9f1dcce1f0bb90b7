// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateFlags
import FloodgateJSON

/// What flags are to one user, written as OFREP has them.
struct FlagAnswers: Sendable {
    let evaluator: Evaluator
    let user: FloodgateUser

    /// One flag, and its answer.
    /// - Throws: `FlagError` if there is no such flag, or no value to give.
    func answer(_ key: String) throws(FlagError) -> (flag: Flag, bytes: [UInt8]) {
        let flag = try evaluator.flag(key, for: user)
        var writer = JSONWriter()
        writer.write(try flag.details(), of: key)
        return (flag, writer.bytes)
    }

    /// A list of all flags there are: gates, whatever has parameters, and every parameter by itself.
    ///
    /// What a client does not find here does not exist for it, so what is switched off or cannot be evaluated is here, too.
    func all(_ names: AnsweringNames) -> [UInt8] {
        var list = FlagList()
        for name in names.gates { list.append(name, flag(name, as: .boolean)) }
        var withParameters: [(name: String, flag: Flag, details: ResolutionDetails<JSONValue>)] = []
        var holders: Set<ExactText> = []
        for name in names.parameterHolders where holders.insert(ExactText(name)).inserted {
            let outcome = flag(name, as: .object)
            list.append(name, outcome)
            if case .success((let flag, let details)) = outcome { withParameters.append((name, flag, details)) }
        }
        // As a single question looks for the last dot first, the longest name has the first say.
        withParameters.sort { $0.name.utf8.count > $1.name.utf8.count }
        for (name, flag, details) in withParameters {
            for parameter in flag.value.objectValue ?? JSONObject() {
                list.append("\(name).\(parameter.name)", .success((flag, details.map { _ in parameter.value })))
            }
        }
        return list.finish()
    }

    fileprivate typealias Outcome = Result<(Flag, ResolutionDetails<JSONValue>), FlagError>

    private func flag(_ name: String, as type: FlagType) -> Outcome {
        do throws(FlagError) {
            let flag = try evaluator.flag(name, as: type, for: user)
            return .success((flag, try flag.details()))
        } catch { return .failure(error) }
    }
}

/// A JSON list of flags, each key once.
private struct FlagList: ~Copyable {
    private var writer = JSONWriter(capacity: 1 << 14)
    private var keys: Set<ExactText> = []

    /// Adds a flag, unless there is one of that key.
    mutating func append(_ key: String, _ outcome: FlagAnswers.Outcome) {
        guard keys.insert(ExactText(key)).inserted else { return }
        if keys.count == 1 { writer.raw("[") } else { writer.raw(",") }
        switch outcome {
        case .success((_, let details)): writer.write(details, of: key)
        case .failure(let error): writer.write(FlagFailure(error, key: key).object)
        }
    }

    mutating func finish() -> [UInt8] {
        if keys.isEmpty { writer.raw("[") }
        writer.raw("]")
        return writer.bytes
    }
}

extension JSONWriter {
    /// Appends a flag that has a value; a value of null is left out, which stands for the caller's default.
    fileprivate mutating func write(_ details: ResolutionDetails<JSONValue>, of key: String) {
        raw("{\"key\":")
        write(key)
        raw(",\"reason\":\"")
        raw(details.reason.rawValue.utf8)
        raw("\",\"variant\":")
        write(JSONValue.text(details.variant))
        if !details.value.isNull {
            raw(",\"value\":")
            write(details.value)
        }
        raw(",\"metadata\":")
        write(details.flagMetadata)
        raw("}")
    }
}
