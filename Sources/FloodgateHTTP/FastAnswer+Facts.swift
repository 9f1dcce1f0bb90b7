// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

extension FastAnswer {
    /// The status.
    package var status: Int { prepared.status }
    /// Bytes of the body, as `GET` gets it.
    package var bodyLength: Int { prepared.body.readableBytes }
}
