// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "column.h"

#include <algorithm>
#include <numeric>

namespace floodgate::parquet {

namespace {

/// For each value of a dictionary how many different ones are less, so that comparing rows is comparing numbers.
std::vector<uint32_t> ranks(const Dictionary &texts) {
    struct Entry {
        // The bytes behind what all values begin with, the first of them the highest.
        uint64_t head;
        uint32_t number;
    };
    std::vector<Entry> entries(texts.size());
    size_t common = texts.size() == 0 ? 0 : texts[0].size();
    for (uint32_t number = 1; number < texts.size(); number++) {
        std::string_view value = texts[number], first = texts[0];
        size_t at = 0;
        while (at < common && at < value.size() && value[at] == first[at]) at++;
        common = at;
    }
    for (uint32_t number = 0; number < texts.size(); number++) {
        std::string_view rest = texts[number].substr(common);
        uint64_t head = 0;
        std::memcpy(&head, rest.data(), std::min(rest.size(), sizeof head));
        entries[number] = {__builtin_bswap64(head), number};
    }
    std::sort(entries.begin(), entries.end(), [&](const Entry &left, const Entry &right) {
        if (left.head != right.head) return left.head < right.head;
        return texts[left.number] < texts[right.number];
    });
    std::vector<uint32_t> ranks(texts.size());
    uint32_t rank = 0;
    for (size_t at = 0; at < entries.size(); at++) {
        if (at > 0 && texts[entries[at].number] != texts[entries[at - 1].number]) rank++;
        ranks[entries[at].number] = rank;
    }
    return ranks;
}

uint64_t key(const Column &column, const std::vector<uint32_t> &ranks, uint32_t row) {
    switch (column.kind) {
    case FG_COLUMN_TEXT: return ranks[column.texts.rows()[row]];
    case FG_COLUMN_ID: return column.ids[row].first;
    // Negative numbers come first.
    default: return column.numbers[row] ^ uint64_t(1) << 63;
    }
}

}  // namespace

std::vector<uint32_t> sorted(const std::vector<Column> &columns, size_t rows) {
    struct Row {
        uint64_t key;
        uint32_t row;
    };
    std::vector<const Column *> order;
    for (const Column &column : columns) {
        if (column.rank >= 0) order.push_back(&column);
    }
    std::sort(order.begin(), order.end(), [](auto left, auto right) { return left->rank < right->rank; });
    std::vector<std::vector<uint32_t>> ranks;
    for (const Column *column : order) ranks.push_back(parquet::ranks(column->texts));
    std::vector<Row> all(rows);
    for (uint32_t row = 0; row < rows; row++) all[row] = {0, row};
    // As many texts as fit make the key that nearly all comparisons end with.
    size_t first = 0;
    for (unsigned __int128 width = 1; first < order.size() && order[first]->kind == FG_COLUMN_TEXT; first++) {
        uint64_t different = order[first]->texts.size() + 1;
        width *= different;
        if (width >> 64 != 0) break;
        for (Row &row : all) row.key = row.key * different + key(*order[first], ranks[first], row.row);
    }
    std::sort(all.begin(), all.end(), [&](const Row &left, const Row &right) {
        if (left.key != right.key) return left.key < right.key;
        for (size_t at = first; at < order.size(); at++) {
            uint64_t one = key(*order[at], ranks[at], left.row), other = key(*order[at], ranks[at], right.row);
            if (one != other) return one < other;
            if (order[at]->kind != FG_COLUMN_ID) continue;
            one = order[at]->ids[left.row].second;
            other = order[at]->ids[right.row].second;
            if (one != other) return one < other;
        }
        return left.row < right.row;
    });
    std::vector<uint32_t> result(rows);
    for (size_t at = 0; at < rows; at++) result[at] = all[at].row;
    return result;
}

}  // namespace floodgate::parquet
