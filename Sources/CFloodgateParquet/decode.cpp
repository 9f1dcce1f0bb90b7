// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "decode.h"

#include "encode.h"

#include <algorithm>
#include <cstring>

namespace floodgate::parquet {

namespace {

bool get_varint(Page &page, uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64 && page.at < page.end; shift += 7) {
        uint8_t next = *page.at++;
        value |= uint64_t(next & 0x7F) << shift;
        if (next < 0x80) return true;
    }
    return false;
}

/// Takes `count` values apart that stand from `start` on in `width` bits each.
template <typename Value> void unpack(const uint8_t *start, size_t count, int width, Value *values) {
    using Word = std::conditional_t<sizeof(Value) == 8, unsigned __int128, uint64_t>;
    const Word mask = (Word(1) << width) - 1;
    for (size_t index = 0, bit = 0; index < count; index++, bit += size_t(width)) {
        Word word;
        std::memcpy(&word, start + bit / 8, sizeof word);
        values[index] = Value(word >> bit % 8 & mask);
    }
}

}  // namespace

bool get_runs(Page &page, int width, size_t count, std::vector<uint32_t> &values) {
    values.resize(count);
    if (width > 32) return false;
    size_t bytes = size_t(width + 7) / 8;
    for (size_t at = 0; at < count;) {
        uint64_t head;
        if (!get_varint(page, head) || head >> 1 == 0) return false;
        if (head & 1) {
            uint64_t groups = head >> 1;
            if (groups > count || page.size() < groups * uint64_t(width)) return false;
            size_t taken = std::min(size_t(groups) * 8, count - at);
            unpack(page.at, taken, width, &values[at]);
            page.at += size_t(groups) * size_t(width);
            at += taken;
        } else {
            if (page.size() < bytes) return false;
            uint32_t value = 0;
            for (size_t byte = 0; byte < bytes; byte++) value |= uint32_t(page.at[byte]) << byte * 8;
            page.at += bytes;
            if (bit_width(value) > width) return false;
            size_t taken = size_t(std::min(head >> 1, uint64_t(count - at)));
            std::fill_n(&values[at], taken, value);
            at += taken;
        }
    }
    return true;
}

bool get_deltas(Page &page, size_t count, std::vector<uint64_t> &values) {
    constexpr size_t block = 128, part = 32, parts = block / part;
    uint64_t heads[4];
    for (uint64_t &head : heads) {
        if (!get_varint(page, head)) return false;
    }
    if (heads[0] != block || heads[1] != parts || heads[2] != count) return false;
    auto signed_value = [](uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); };
    values.resize(count);
    if (count == 0) return true;
    values[0] = signed_value(heads[3]);
    uint64_t deltas[part];
    for (size_t at = 1; at < count; at += block) {
        uint64_t least;
        if (!get_varint(page, least) || page.size() < parts) return false;
        least = signed_value(least);
        const uint8_t *widths = page.at;
        page.at += parts;
        for (size_t number = 0; number < parts && at + number * part < count; number++) {
            int width = widths[number];
            if (width > 64 || page.size() < size_t(width) * part / 8) return false;
            unpack(page.at, part, width, deltas);
            page.at += size_t(width) * part / 8;
            size_t start = at + number * part, end = std::min(start + part, count);
            for (size_t index = start; index < end; index++) {
                values[index] = values[index - 1] + least + deltas[index - start];
            }
        }
    }
    return true;
}

}  // namespace floodgate::parquet
