// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_DEFLATE_SHIM_H
#define FLOODGATE_DEFLATE_SHIM_H

#include <libdeflate.h>

#endif
