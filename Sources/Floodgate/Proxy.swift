// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension FloodgateClient {
    /// An HTTP proxy that everything goes through, by the `CONNECT` method.
    public struct Proxy: Sendable, Hashable {
        /// The proxy's name or address.
        public var host: String
        /// The proxy's port, from 1 to 65535.
        public var port: Int
        /// Who the client is to the proxy; nobody by default.
        public var username: String?
        /// The password that belongs to `username`.
        public var password: String?

        /// Makes the address of a proxy.
        public init(host: String, port: Int, username: String? = nil, password: String? = nil) {
            self.host = host
            self.port = port
            self.username = username
            self.password = password
        }
    }
}
