// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_COUNTRIES_H
#define FLOODGATE_COUNTRIES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Which country each IPv4 network belongs to, in the format that Scripts/countries.py describes.
///
/// The bytes are constants of the program: the system reads them from disk only where they are looked at.
const uint8_t *floodgate_countries(void);

/// How many bytes there are.
size_t floodgate_countries_length(void);

#ifdef __cplusplus
}
#endif

#endif
