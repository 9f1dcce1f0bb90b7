// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Hummingbird

extension Request {
    /// The key as it was sent in the header or, without one, in the query; nothing but the request knows it.
    var sdkKeyText: String? {
        if let header = headers[.sdkKey], !header.isEmpty { return header }
        return uri.queryParameters.get("k")
    }
}
