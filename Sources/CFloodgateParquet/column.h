// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_COLUMN_H
#define FLOODGATE_PARQUET_COLUMN_H

#include "include/CFloodgateParquet.h"

#include "dictionary.h"

#include <cstdint>
#include <string>
#include <vector>

namespace floodgate::parquet {

/// The first and second half of a UUID, so that comparing them is comparing its digits.
struct UUID {
    uint64_t first = 0, second = 0;
};

/// A column's values, in the order that rows came in.
struct Column {
    std::string name;
    fg_column_role role;

    std::vector<UUID> ids;
    Dictionary texts;
    /// Whole numbers as they are, doubles as their bits.
    std::vector<uint64_t> numbers;
    /// Whether a number is there; of optional ones only.
    std::vector<uint8_t> is_there;
};

/// The rows of all columns in their order; what compares equal stays in the order that it came in.
/// @param ends Where stretches of rows end that are in order already, mostly; the last is the number of rows.
std::vector<uint32_t> sorted(const std::vector<Column> &columns, const std::vector<size_t> &ends);

}  // namespace floodgate::parquet

#endif
