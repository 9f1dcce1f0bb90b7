// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_SHA256_COMPRESS_H
#define FLOODGATE_SHA256_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

// Feeds `count` blocks of 64 bytes to the state, which holds a…h in order.
typedef void floodgate_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

__attribute__((visibility("hidden"))) floodgate_compress floodgate_compress_portable;

#if defined(__x86_64__)
#define FLOODGATE_SHA256_X86 1
__attribute__((visibility("hidden"))) floodgate_compress floodgate_compress_x86;
#elif defined(__aarch64__) && (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))
#define FLOODGATE_SHA256_ARM 1
__attribute__((visibility("hidden"))) floodgate_compress floodgate_compress_arm;
#endif

// The round constants K of FIPS 180-4, 4.2.2.
__attribute__((visibility("hidden"))) extern const uint32_t floodgate_sha256_constants[64];

#endif
