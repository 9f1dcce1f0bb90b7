// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What one connection and one request may take before the server answers with an error or closes.
///
/// The defaults hold on every listener; a test or an operator who knows better sets others.
package struct HTTPLimits: Sendable {
    /// Bytes of the request line.
    package var requestLine = 8 << 10
    /// Bytes of the request line and all header fields.
    package var headerSection = 64 << 10
    /// Header fields.
    package var headerFields = 100
    /// Bytes of one header field, name and value.
    package var headerField = 16 << 10
    /// Bytes of the extensions of one chunk.
    package var chunkExtension = 256
    /// Bytes of the trailer section.
    package var trailers = 8 << 10
    /// Bytes that may lie unread behind the request in work, before the server stops reading.
    package var pipelined = 64 << 10
    /// Bytes of a body that are still taken, and dropped, after an early error.
    package var lingering = 64 << 10
    /// From the first moment of a connection, or the first byte of a later request, until its header is complete.
    package var headerTimeout = Duration.seconds(15)
    /// From the header until the body is complete.
    package var bodyTimeout = Duration.seconds(30)
    /// Bytes a second that a body must bring, once `bodyGrace` is over.
    package var bodyRate = 1 << 10
    /// How long a body may be slower than `bodyRate`.
    package var bodyGrace = Duration.seconds(5)
    /// How long a connection may wait for its next request.
    package var idleTimeout = Duration.seconds(75)
    /// How long an answer may make no headway.
    package var writeTimeout = Duration.seconds(10)
    /// How long a connection that the server has done with stays to let the client read the last answer.
    package var lingerTimeout = Duration.seconds(2)
    /// How long a TLS handshake, or a PROXY header, may take.
    package var handshakeTimeout = Duration.seconds(10)
    /// Connections at once, in all; more are closed.
    package var connections = 16_384
    /// Connections at once from one address that have not yet shown a key.
    package var strangersPerAddress = 512
    /// TLS handshakes from one address, each second and at once, that no good key has followed yet.
    package var handshakes = TokenBuckets.Rate(perSecond: 50, burst: 500)
    /// HTTP/2 streams at once on a connection.
    package var streams = 100
    /// HTTP/2 streams that the client resets within `frameWindow`.
    package var streamResets = 200
    /// HTTP/2 frames within `frameWindow` that ask for nothing and answer nothing.
    package var controlFrames = 200
    /// The time in which they are counted.
    package var frameWindow = Duration.seconds(30)
    /// CONTINUATION frames of one HTTP/2 header block.
    package var continuations = 5

    /// The defaults.
    package init() {}
}
