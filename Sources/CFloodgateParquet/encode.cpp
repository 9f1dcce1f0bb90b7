// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "encode.h"

#include "thrift.h"

#include <algorithm>
#include <cstring>

namespace floodgate::parquet {

namespace {

/// Packs values from the lowest bit on; what is left of the last byte is 0.
template <typename Value> void pack(std::string &out, const Value *values, size_t count, int width) {
    if (width == 0) return;
    size_t start = out.size(), bytes = (count * size_t(width) + 7) / 8;
    // Whole words are written: what is too much is cut off.
    out.resize(start + bytes + 16);
    char *target = &out[start];
    unsigned __int128 held = 0;
    int bits = 0;
    for (size_t index = 0; index < count; index++) {
        held |= static_cast<unsigned __int128>(values[index]) << bits;
        bits += width;
        if (bits >= 64) {
            uint64_t word = uint64_t(held);
            std::memcpy(target, &word, 8);
            target += 8;
            held >>= 64;
            bits -= 64;
        }
    }
    uint64_t word = uint64_t(held);
    std::memcpy(target, &word, 8);
    out.resize(start + bytes);
}

void put_packed(std::string &out, const uint32_t *values, size_t count, int width) {
    if (count == 0) return;
    size_t whole = count / 8 * 8;
    put_varint(out, (count + 7) / 8 << 1 | 1);
    pack(out, values, whole, width);
    if (whole == count) return;
    uint32_t rest[8] = {0};
    std::copy(values + whole, values + count, rest);
    pack(out, rest, 8, width);
}

}  // namespace

int bit_width(uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

void put_runs(std::string &out, const std::vector<uint32_t> &values, int width) {
    size_t count = values.size(), packed = 0, at = 0;
    while (at < count) {
        size_t end = at + 1;
        while (end < count && values[end] == values[at]) end++;
        // Only full groups of eight can stand before a run.
        size_t fill = (8 - (at - packed) % 8) % 8;
        if (end - at >= fill + 8) {
            put_packed(out, &values[packed], at + fill - packed, width);
            put_varint(out, (end - at - fill) << 1);
            uint32_t value = values[at];
            for (int bits = 0; bits < width; bits += 8) out.push_back(char(value >> bits));
            packed = end;
        }
        at = end;
    }
    if (packed < count) put_packed(out, &values[packed], count - packed, width);
}

void put_deltas(std::string &out, const std::vector<uint64_t> &values) {
    constexpr size_t block = 128, part = 32, parts = block / part;
    put_varint(out, block);
    put_varint(out, parts);
    put_varint(out, values.size());
    put_varint(out, values.empty() ? 0 : zigzag(int64_t(values[0])));
    uint64_t deltas[block];
    for (size_t at = 1; at < values.size(); at += block) {
        size_t count = std::min(block, values.size() - at);
        int64_t least = INT64_MAX;
        for (size_t index = 0; index < count; index++) {
            deltas[index] = values[at + index] - values[at + index - 1];
            least = std::min(least, int64_t(deltas[index]));
        }
        for (size_t index = 0; index < count; index++) deltas[index] -= uint64_t(least);
        std::fill(deltas + count, deltas + block, 0);
        put_varint(out, zigzag(least));
        size_t widths = out.size();
        out.append(parts, '\0');
        for (size_t number = 0; number * part < count; number++) {
            const uint64_t *start = deltas + number * part;
            uint64_t all = 0;
            for (size_t index = 0; index < part; index++) all |= start[index];
            int width = bit_width(all);
            out[widths + number] = char(width);
            pack(out, start, part, width);
        }
    }
}

}  // namespace floodgate::parquet
