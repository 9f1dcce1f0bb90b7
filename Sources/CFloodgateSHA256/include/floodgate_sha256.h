// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_SHA256_H
#define FLOODGATE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// SHA-256 (FIPS 180-4) of whole messages, made for the many short ones that bucketing hashes.
// A pointer may be null where its length is 0. All functions may be called from any thread.

/// Writes the digest of a message.
void floodgate_sha256(const uint8_t *message, size_t length, uint8_t digest[32]);

/// The first 8 bytes of a message's digest, big-endian.
uint64_t floodgate_sha256_prefix(const uint8_t *message, size_t length);

/// The first 8 bytes, big-endian, of the digest of `a` followed by `b`, which need not lie together.
uint64_t floodgate_sha256_prefix2(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length);

/// The digest without the processor's SHA instructions, so that tests can compare the two.
void floodgate_sha256_portable(const uint8_t *message, size_t length, uint8_t digest[32]);

/// 1 if this processor's SHA instructions are used, else 0.
int floodgate_sha256_is_accelerated(void);

#ifdef __cplusplus
}
#endif

#endif
