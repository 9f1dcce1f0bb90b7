// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "rows.h"

#include <cstring>

namespace floodgate::parquet {

namespace {

/// What is left of the rows.
struct Rest {
    const uint8_t *at;
    const uint8_t *end;

    template <typename Value> bool take(Value &value) {
        if (size_t(end - at) < sizeof value) return false;
        std::memcpy(&value, at, sizeof value);
        at += sizeof value;
        return true;
    }
    bool take(std::string_view &text) {
        uint64_t length = 0;
        for (int shift = 0;; shift += 7) {
            // Texts are shorter than 4 GiB: five bytes of length at most.
            if (at == end || shift > 28) return false;
            length |= uint64_t(*at & 0x7F) << shift;
            if (*at++ < 0x80) break;
        }
        if (size_t(end - at) < length) return false;
        text = {reinterpret_cast<const char *>(at), size_t(length)};
        at += length;
        return true;
    }
};

bool take(Rest &rest, Column &column) {
    switch (column.role.kind) {
    case FG_COLUMN_ID: {
        UUID id;
        if (!rest.take(id.first) || !rest.take(id.second)) return false;
        column.ids.push_back(id);
        return true;
    }
    case FG_COLUMN_TEXT: {
        std::string_view text;
        if (!rest.take(text)) return false;
        column.texts.add(text);
        return true;
    }
    case FG_COLUMN_INTEGER: {
        uint64_t number;
        if (!rest.take(number)) return false;
        column.numbers.push_back(number);
        return true;
    }
    case FG_COLUMN_FLAG: {
        uint8_t flag;
        if (!rest.take(flag) || flag > INT8_MAX) return false;
        column.numbers.push_back(flag);
        return true;
    }
    case FG_COLUMN_OPTIONAL_NUMBER: {
        uint8_t is_null;
        uint64_t bits = 0;
        if (!rest.take(is_null) || is_null > 1 || (is_null == 0 && !rest.take(bits))) return false;
        column.numbers.push_back(bits);
        column.is_there.push_back(uint8_t(1 - is_null));
        return true;
    }
    }
    return false;
}

}  // namespace

bool take(const uint8_t *rows, size_t size, std::vector<Column> &columns, uint64_t &count) {
    Rest rest{rows, rows + size};
    while (rest.at < rest.end) {
        for (Column &column : columns) {
            if (!take(rest, column)) return false;
        }
        // Rows have numbers of 32 bits; no block is near that.
        if (columns.empty() || ++count == UINT32_MAX) return false;
    }
    return true;
}

}  // namespace floodgate::parquet
