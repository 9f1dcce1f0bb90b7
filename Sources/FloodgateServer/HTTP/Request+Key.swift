// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

extension Request {
    /// The key as it was sent in the header or, without one, in the query; nothing but the request knows it.
    var sdkKeyText: String? {
        if let header = headers[.sdkKey], !header.isEmpty { return header }
        return uri.queryParameters.get("k")
    }

    /// The same on routes that take OpenFeature's clients, in the order in which the front door looks for it.
    var openFeatureKeyText: String? {
        if let header = headers[.sdkKey], !header.isEmpty { return header }
        return OpenFeatureKey.text(authorization: headers[.authorization], apiKey: headers[.apiKey])
    }
}

extension HTTPField.Name {
    fileprivate static let apiKey = HTTPField.Name("x-api-key") ?? .server
}
