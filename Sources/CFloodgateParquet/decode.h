// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// What encode.h wrote, read from bytes that may be anything.

#ifndef FLOODGATE_PARQUET_DECODE_H
#define FLOODGATE_PARQUET_DECODE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace floodgate::parquet {

/// Bytes behind every page that may be read, whatever stands there.
constexpr size_t padding = 16;

/// What is left of a page, with `padding` behind its end.
struct Page {
    const uint8_t *at = nullptr;
    const uint8_t *end = nullptr;

    size_t size() const { return size_t(end - at); }
};

/// Sets `values` to what `put_runs` wrote of `count` values.
/// @returns Whether it is there, and no value is wider.
bool get_runs(Page &page, int width, size_t count, std::vector<uint32_t> &values);

/// Sets `values` to what `put_deltas` wrote of `count` values.
/// @returns Whether it is there.
bool get_deltas(Page &page, size_t count, std::vector<uint64_t> &values);

}  // namespace floodgate::parquet

#endif
