// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_ZSTD_SHIM_H
#define FLOODGATE_ZSTD_SHIM_H

#include <zstd.h>
#include <zstd_errors.h>

#endif
