// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "compress.h"

#if defined(FLOODGATE_SHA256_X86)

#include <immintrin.h>

// Four rounds with the message words in `m`; each instruction does two and swaps the roles of the two state registers.
#define ROUNDS(i, m)                                                                                        \
    do {                                                                                                    \
        __m128i keyed = _mm_add_epi32(m, _mm_load_si128((const __m128i *)(floodgate_sha256_constants + 4 * (i)))); \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);                                                    \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));                           \
    } while (0)

// The four message words that come 16 rounds after those in `m0`.
#define SCHEDULE(m0, m1, m2, m3) \
    m0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4)), m3)

__attribute__((target("sha,sse4.1,ssse3")))
void floodgate_compress_x86(uint32_t state[8], const uint8_t *blocks, size_t count) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    // From memory order dcba and hgfe to the two registers that the instructions want.
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, badc, 0xf0);

    for (; count > 0; count--, blocks += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        const __m128i *block = (const __m128i *)blocks;
        __m128i m0 = _mm_shuffle_epi8(_mm_loadu_si128(block), swap);
        __m128i m1 = _mm_shuffle_epi8(_mm_loadu_si128(block + 1), swap);
        __m128i m2 = _mm_shuffle_epi8(_mm_loadu_si128(block + 2), swap);
        __m128i m3 = _mm_shuffle_epi8(_mm_loadu_si128(block + 3), swap);
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
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#endif
