// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_NATS_SHIM_H
#define FLOODGATE_NATS_SHIM_H

#include <nats/nats.h>

#endif
