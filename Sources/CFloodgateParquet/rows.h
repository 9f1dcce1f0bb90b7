// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_ROWS_H
#define FLOODGATE_PARQUET_ROWS_H

#include "column.h"

namespace floodgate::parquet {

/// Takes rows apart into columns.
/// @returns Whether they are whole rows; if not, columns may be left of different lengths. May throw `std::bad_alloc`.
bool take(const uint8_t *rows, size_t size, std::vector<Column> &columns, uint64_t &count);

}  // namespace floodgate::parquet

#endif
