// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "compress.h"

#if defined(FLOODGATE_SHA256_ARM)

#include <arm_neon.h>

// Four rounds with the message words in `m`.
#define ROUNDS(i, m)                                                              \
    do {                                                                          \
        uint32x4_t keyed = vaddq_u32(m, vld1q_u32(floodgate_sha256_constants + 4 * (i))); \
        uint32x4_t before = abcd;                                                 \
        abcd = vsha256hq_u32(abcd, efgh, keyed);                                  \
        efgh = vsha256h2q_u32(efgh, before, keyed);                               \
    } while (0)

// The four message words that come 16 rounds after those in `m0`.
#define SCHEDULE(m0, m1, m2, m3) m0 = vsha256su1q_u32(vsha256su0q_u32(m0, m1), m2, m3)

void floodgate_compress_arm(uint32_t state[8], const uint8_t *blocks, size_t count) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; count > 0; count--, blocks += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t m0 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks)));
        uint32x4_t m1 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16)));
        uint32x4_t m2 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 32)));
        uint32x4_t m3 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 48)));
        ROUNDS(0, m0);
        ROUNDS(1, m1);
        ROUNDS(2, m2);
        ROUNDS(3, m3);
#pragma clang loop unroll(full)
        for (int i = 4; i < 16; i += 4) {
            SCHEDULE(m0, m1, m2, m3);
            ROUNDS(i, m0);
            SCHEDULE(m1, m2, m3, m0);
            ROUNDS(i + 1, m1);
            SCHEDULE(m2, m3, m0, m1);
            ROUNDS(i + 2, m2);
            SCHEDULE(m3, m0, m1, m2);
            ROUNDS(i + 3, m3);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

#endif
