// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import Hummingbird

extension Request {
    /// The field `name` of the query as a browser's form writes it, where a plus sign is a space; nil if there is none.
    func formField(_ name: String) -> String? {
        for part in (uri.query ?? "").split(separator: "&") {
            let field = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard field.first.map(String.init) == name else { continue }
            return field.count > 1 ? URLText.decoded(field[1], plusIsBlank: true) : ""
        }
        return nil
    }
}
