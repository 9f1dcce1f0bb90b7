// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "column.h"

#include <algorithm>

namespace floodgate::parquet {

namespace {

/// How many bytes all values of a dictionary begin with.
size_t common_prefix(const Dictionary &texts) {
    size_t common = texts.size() == 0 ? 0 : texts[0].size();
    for (uint32_t number = 1; number < texts.size() && common > 0; number++) {
        std::string_view value = texts[number], first = texts[0];
        size_t at = 0;
        while (at < common && at < value.size() && value[at] == first[at]) at++;
        common = at;
    }
    return common;
}

/// The bytes behind what all values begin with, the first of them the highest: less for what comes first, mostly.
uint64_t head(std::string_view value, size_t common) {
    std::string_view rest = value.substr(common);
    uint64_t head = 0;
    std::memcpy(&head, rest.data(), std::min(rest.size(), sizeof head));
    return __builtin_bswap64(head);
}

/// For each value of a dictionary how many different ones are less, so that comparing rows is comparing numbers.
std::vector<uint32_t> ranks(const Dictionary &texts) {
    struct Entry {
        uint64_t head;
        uint32_t number;
    };
    std::vector<Entry> entries(texts.size());
    size_t common = common_prefix(texts);
    for (uint32_t number = 0; number < texts.size(); number++) entries[number] = {head(texts[number], common), number};
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

/// Negative numbers come first.
uint64_t key(uint64_t number) { return number ^ uint64_t(1) << 63; }

/// Less than 0 if `left` comes first in the column, 0 if they are equal.
int compare(const Column &column, uint32_t left, uint32_t right) {
    auto order = [](uint64_t one, uint64_t other) { return one == other ? 0 : one < other ? -1 : 1; };
    switch (column.role.kind) {
    case FG_COLUMN_TEXT: {
        uint32_t one = column.texts.rows()[left], other = column.texts.rows()[right];
        return one == other ? 0 : column.texts[one].compare(column.texts[other]);
    }
    case FG_COLUMN_ID: {
        const UUID &one = column.ids[left], &other = column.ids[right];
        return one.first != other.first ? order(one.first, other.first) : order(one.second, other.second);
    }
    default: return order(key(column.numbers[left]), key(column.numbers[right]));
    }
}

}  // namespace

std::vector<uint32_t> sorted(const std::vector<Column> &columns, const std::vector<size_t> &ends) {
    // Nearly all comparisons end with the words, the others look the columns up.
    struct Row {
        uint64_t first, second;
        uint32_t row;
    };
    size_t rows = ends.back();
    std::vector<const Column *> order;
    for (const Column &column : columns) {
        if (column.role.rank >= 0) order.push_back(&column);
    }
    std::sort(order.begin(), order.end(), [](auto left, auto right) { return left->role.rank < right->role.rank; });
    std::vector<Row> all(rows);
    for (uint32_t row = 0; row < rows; row++) all[row] = {0, 0, row};
    // Texts of which there are few, as many as fit, make the first word.
    size_t known = 0;
    unsigned __int128 width = 1;
    for (; known < order.size() && order[known]->role.kind == FG_COLUMN_TEXT; known++) {
        const Dictionary &texts = order[known]->texts;
        width *= texts.size() + 1;
        if (width >> 64 != 0 || texts.size() > rows / 4 + 64) break;
        std::vector<uint32_t> ranks = parquet::ranks(texts);
        for (Row &row : all) row.first = row.first * (texts.size() + 1) + ranks[texts.rows()[row.row]];
    }
    // The next column begins the second.
    if (known < order.size()) {
        const Column &column = *order[known];
        size_t common = column.role.kind == FG_COLUMN_TEXT ? common_prefix(column.texts) : 0;
        for (Row &row : all) {
            switch (column.role.kind) {
            case FG_COLUMN_TEXT: row.second = head(column.texts[column.texts.rows()[row.row]], common); break;
            case FG_COLUMN_ID: row.second = column.ids[row.row].first; break;
            default: row.second = key(column.numbers[row.row]); break;
            }
        }
    }
    auto is_before = [&](const Row &left, const Row &right) {
        if (left.first != right.first) return left.first < right.first;
        if (left.second != right.second) return left.second < right.second;
        for (size_t at = known; at < order.size(); at++) {
            if (int found = compare(*order[at], left.row, right.row)) return found < 0;
        }
        return left.row < right.row;
    };
    // Stretches that are in order are merged two by two.
    std::vector<size_t> starts{0};
    for (size_t end : ends) {
        auto first = all.begin() + starts.back(), last = all.begin() + end;
        if (!std::is_sorted(first, last, is_before)) std::sort(first, last, is_before);
        starts.push_back(end);
    }
    std::vector<Row> next(starts.size() > 2 ? rows : 0);
    while (starts.size() > 2) {
        std::vector<size_t> merged{0};
        for (size_t at = 0; at + 1 < starts.size(); at += 2) {
            size_t middle = starts[at + 1], end = starts[std::min(at + 2, starts.size() - 1)];
            std::merge(
                all.begin() + starts[at], all.begin() + middle, all.begin() + middle, all.begin() + end,
                next.begin() + starts[at], is_before);
            merged.push_back(end);
        }
        all.swap(next);
        starts = std::move(merged);
    }
    std::vector<uint32_t> result(rows);
    for (size_t at = 0; at < rows; at++) result[at] = all[at].row;
    return result;
}

}  // namespace floodgate::parquet
