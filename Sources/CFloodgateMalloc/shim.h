// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_MALLOC_SHIM_H
#define FLOODGATE_MALLOC_SHIM_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/// Hands memory that was freed back to the system; does nothing where the C library has no call for it.
static inline void floodgate_give_back_freed(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

#endif
