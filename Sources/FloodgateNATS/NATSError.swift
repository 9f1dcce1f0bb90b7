// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

extension TransportError {
    /// What `status` of libnats means, and what to do about it.
    ///
    /// - Parameters:
    ///   - status: What a call answered.
    ///   - code: What JetStream said, 0 for nothing.
    ///   - deed: What was to be done, as in "publishing a batch".
    init(_ status: natsStatus, _ code: jsErrCode = jsErrCode(rawValue: 0), doing deed: String) {
        if code.rawValue != 0, let known = Self.broker(code) {
            self.init(known.0, "The broker refused \(deed): \(known.1) [\(code.rawValue)]")
            return
        }
        let text = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        let about = Self.library(status)
        let detail = code.rawValue == 0 ? "" : " [\(code.rawValue)]"
        self.init(about.0, "\(deed) failed: \(text)\(detail); \(about.1)")
    }

    /// What JetStream's own codes say that libnats' status does not.
    private static func broker(_ code: jsErrCode) -> (Code, String)? {
        switch code {
        case JSStreamStoreFailedErr, JSAccountResourcesExceededErr, JSMemoryResourcesExceededErr,
            JSStorageResourcesExceededErr:
            (.full, "it has no room; load what is there, raise 'size' or give its disk more room")
        case JSInsufficientResourcesErr, JSStreamMaxStreamBytesExceededErr:
            (.misconfigured, "it has less room than 'size' asks for; lower 'size' or raise max_file_store")
        case JSNoLimitsErr, JSStreamMaxBytesRequiredErr, JSMaximumStreamsLimitErr, JSMaximumConsumersLimitErr:
            (.misconfigured, "the account's limits do not allow it; raise them")
        case JSStreamReplicasNotSupportedErr, JSClusterRequiredErr:
            (.misconfigured, "it is no cluster; start one, or set 'replicas' to 1")
        case JSClusterNoPeersErr, JSClusterTagsErr, JSClusterUnSupportFeatureErr:
            (
                .unavailable,
                "too few brokers for 'replicas' are there with room for 'size'; start them, lower 'size' or raise max_file_store"
            )
        case JSNotEnabledErr, JSNotEnabledForAccountErr, JSNoAccountErr:
            (.misconfigured, "JetStream is off; turn it on (jetstream {} in its configuration)")
        case JSStreamMessageExceedsMaximumErr:
            (.misconfigured, "a message is too large; set max_payload to 1MB, its default, or more")
        case JSStreamNameExistErr, JSStreamSubjectOverlapErr, JSConsumerNameExistErr, JSStreamInvalidConfig,
            JSConsumerWQConsumerNotUniqueErr, JSConsumerWQMultipleUnfilteredErr:
            (.misconfigured, "streams of other settings are in the way; set another 'prefix'")
        case JSClusterIncompleteErr, JSClusterNotActiveErr, JSClusterNotAssignedErr, JSClusterNotAvailErr,
            JSClusterNotLeaderErr, JSStreamOfflineErr, JSConsumerOfflineErr, JSRaftGeneralErr, JSPeerRemapErr:
            (.unavailable, "it has no leader now; one is elected while most of the brokers live")
        case JSStreamWrongLastSequenceErr:
            (.overtaken, "somebody else has written it meanwhile")
        case JSStreamNotFoundErr, JSConsumerNotFoundErr, JSStreamNotMatchErr, JSStreamMismatchErr:
            (.unavailable, "the stream is gone; it is made again")
        default: nil
        }
    }

    private static func library(_ status: natsStatus) -> (Code, String) {
        switch status {
        case NATS_NO_SERVER, NATS_IO_ERROR, NATS_STALE_CONNECTION, NATS_CONNECTION_DISCONNECTED,
            NATS_NOT_YET_CONNECTED, NATS_CONNECTION_CLOSED:
            (.unavailable, "see whether the brokers run and can be reached")
        case NATS_TIMEOUT, NATS_NO_RESPONDERS, NATS_MISSED_HEARTBEAT:
            (.unavailable, "see whether most of the brokers live and have elected leaders")
        case NATS_INSUFFICIENT_BUFFER, NATS_SLOW_CONSUMER, NATS_MAX_DELIVERED_MSGS:
            (.unavailable, "more is on its way than the connection bears")
        case NATS_CONNECTION_AUTH_FAILED: (.refused, "see whether user and password, or 'creds', are right")
        case NATS_NOT_PERMITTED:
            (.refused, "let the user publish and subscribe to the subjects of 'prefix' and to $JS.API and _INBOX")
        case NATS_SECURE_CONNECTION_WANTED, NATS_SECURE_CONNECTION_REQUIRED:
            (.misconfigured, "'tls' differs between the broker and the address")
        case NATS_SSL_ERROR: (.refused, "see whether 'ca', 'cert' and 'key' fit the broker's certificate")
        case NATS_MAX_PAYLOAD, NATS_LINE_TOO_LONG:
            (.misconfigured, "set max_payload of the broker to 1MB, its default, or more")
        case NATS_ADDRESS_MISSING, NATS_INVALID_SUBJECT, NATS_INVALID_ARG, NATS_INVALID_QUEUE_NAME,
            NATS_INVALID_TIMEOUT:
            (.misconfigured, "see whether the address is right")
        case NATS_NO_SERVER_SUPPORT: (.misconfigured, "the broker is too old; 2.9 or newer is needed")
        case NATS_NOT_FOUND: (.unavailable, "what was asked for is not there")
        case NATS_DRAINING: (.closed, "the connection is being closed")
        case NATS_NO_MEMORY: (.unavailable, "there is no memory")
        default: (.failed, "see the broker's log")
        }
    }
}
