// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Parquet's encodings of whole numbers.

#ifndef FLOODGATE_PARQUET_ENCODE_H
#define FLOODGATE_PARQUET_ENCODE_H

#include <cstdint>
#include <string>
#include <vector>

namespace floodgate::parquet {

/// How many bits hold `value`.
int bit_width(uint64_t value);

/// Runs of equal values, and the others packed, each value in `width` bits (RLE / bit-packing hybrid).
void put_runs(std::string &out, const std::vector<uint32_t> &values, int width);

/// Differences from one value to the next (DELTA_BINARY_PACKED).
void put_deltas(std::string &out, const std::vector<uint64_t> &values);

}  // namespace floodgate::parquet

#endif
