// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "floodgate_sha256.h"

#include <string.h>

#include "compress.h"

#if defined(FLOODGATE_SHA256_X86)
#include <cpuid.h>
#include <stdatomic.h>

// 0 until asked, then 1 (no) or 2 (yes). Threads that ask at once all find, and write, the same.
static atomic_int answer = 0;

static int ask_processor(void) {
    unsigned a, b, c, d;
    int found = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1)
        && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
    atomic_store_explicit(&answer, found ? 2 : 1, memory_order_relaxed);
    return found;
}
#endif

int floodgate_sha256_is_accelerated(void) {
#if defined(FLOODGATE_SHA256_X86)
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    return __builtin_expect(known != 0, 1) ? known == 2 : ask_processor();
#elif defined(FLOODGATE_SHA256_ARM)
    return 1;
#else
    return 0;
#endif
}

static inline floodgate_compress *fastest(void) {
#if defined(FLOODGATE_SHA256_X86)
    return floodgate_sha256_is_accelerated() ? floodgate_compress_x86 : floodgate_compress_portable;
#elif defined(FLOODGATE_SHA256_ARM)
    return floodgate_compress_arm;
#else
    return floodgate_compress_portable;
#endif
}

// The initial state of FIPS 180-4, 5.3.3.
static inline void begin(uint32_t state[8]) {
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(state, initial, sizeof initial);
}

static inline void append(uint8_t *to, const uint8_t *from, size_t length) {
    if (length > 0) memcpy(to, from, length);
}

// Pads the last `used` bytes, at most 119, to one or two blocks and feeds them.
static inline void finish(
    uint32_t state[8], uint8_t tail[128], size_t used, uint64_t length, floodgate_compress *compress
) {
    size_t end = used < 56 ? 64 : 128;
    tail[used] = 0x80;
    memset(tail + used + 1, 0, end - used - 1);
    uint64_t bits = length << 3;
    for (int i = 0; i < 8; i++) tail[end - 1 - i] = (uint8_t)(bits >> (8 * i));
    compress(state, tail, end / 64);
}

// Messages that do not fit into two blocks: whole blocks are read in place, only the seams are copied.
static void hash_long(
    uint32_t state[8], const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length,
    floodgate_compress *compress
) {
    uint8_t tail[128];
    size_t whole = a_length / 64, used = a_length % 64;
    if (whole > 0) compress(state, a, whole);
    append(tail, a + 64 * whole, used);
    uint64_t length = (uint64_t)a_length + b_length;
    size_t gap = 64 - used;
    if (used > 0 && b_length >= gap) {
        append(tail + used, b, gap);
        compress(state, tail, 1);
        b += gap, b_length -= gap, used = 0;
    }
    if (used == 0) {
        whole = b_length / 64;
        if (whole > 0) compress(state, b, whole);
        b += 64 * whole, b_length %= 64;
    }
    append(tail + used, b, b_length);
    finish(state, tail, used + b_length, length, compress);
}

static inline void hash(
    uint32_t state[8], const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length,
    floodgate_compress *compress
) {
    begin(state);
    if (a_length > 119 || b_length > 119 - a_length) {
        hash_long(state, a, a_length, b, b_length, compress);
        return;
    }
    uint8_t tail[128] __attribute__((aligned(16)));
    append(tail, a, a_length);
    append(tail + a_length, b, b_length);
    finish(state, tail, a_length + b_length, a_length + b_length, compress);
}

static void write_digest(const uint32_t state[8], uint8_t digest[32]) {
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void floodgate_sha256(const uint8_t *message, size_t length, uint8_t digest[32]) {
    uint32_t state[8];
    hash(state, message, length, NULL, 0, fastest());
    write_digest(state, digest);
}

void floodgate_sha256_portable(const uint8_t *message, size_t length, uint8_t digest[32]) {
    uint32_t state[8];
    hash(state, message, length, NULL, 0, floodgate_compress_portable);
    write_digest(state, digest);
}

uint64_t floodgate_sha256_prefix2(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length) {
    uint32_t state[8];
    hash(state, a, a_length, b, b_length, fastest());
    return (uint64_t)state[0] << 32 | state[1];
}

uint64_t floodgate_sha256_prefix(const uint8_t *message, size_t length) {
    return floodgate_sha256_prefix2(message, length, NULL, 0);
}
