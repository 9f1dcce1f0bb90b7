// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import FloodgateSpecs

/// A condition as the console API spells it (its words differ from those of the document).
package enum ConsoleCondition {
    package static func json(_ condition: Condition) -> JSONValue {
        var object = JSONObject()
        let field = condition.field ?? ""
        var target = condition.targetValue
        switch condition.type {
        case "user_field": object["type"] = .string(userFields[field.lowercased()] ?? "custom_field")
        case "ua_based", "ip_based": object["type"] = .string(field)
        case "environment_field": object["type"] = "environment_tier"
        case "current_time": object["type"] = "time"
        case "pass_gate", "fail_gate":
            let name = target?.stringValue ?? ""
            let isSegment = name.hasPrefix(segmentPrefix)
            let verb = condition.type == "pass_gate" ? "passes" : "fails"
            object["type"] = .string("\(verb)_\(isSegment ? "segment" : "gate")")
            if isSegment { target = .string(String(name.dropFirst(segmentPrefix.count))) }
        case "unit_id":
            let isUser = condition.idType.lowercased() == "userid"
            object["type"] = isUser ? "user_id" : "unit_id"
            if !isUser { object["customID"] = .string(condition.idType) }
        default: object["type"] = .string(condition.type)
        }
        object.set("operator", condition.operator.map(JSONValue.string))
        if object["type"] == "custom_field" { object["field"] = .string(field) }
        // Readers take texts, numbers and lists of them only.
        if let target, !target.isNull { object["targetValue"] = target }
        return .object(object)
    }

    static let segmentPrefix = "segment:"

    private static let userFields = [
        "userid": "user_id", "email": "email", "country": "country", "locale": "locale", "ip": "ip_address",
        "appversion": "app_version", "useragent": "user_agent",
    ]
}

extension Rule {
    /// The rule as the console API has it.
    var consoleJSON: JSONObject {
        [
            "id": .string(id), "baseID": .string(id.split(separator: ":").first.map(String.init) ?? id),
            "name": .string(name), "groupName": .text(groupName), "passPercentage": .number(passPercentage),
            "environments": .null, "returnValue": returnValue,
            "conditions": .array(
                conditions.map { reference in
                    switch reference {
                    case .id(let id): ["type": .string(id)]
                    case .inline(let condition): ConsoleCondition.json(condition)
                    }
                }
            ),
        ]
    }
}
