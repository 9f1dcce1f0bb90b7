// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_SAME_H
#define FLOODGATE_PARQUET_SAME_H

#include "source.h"

namespace floodgate::parquet {

/// Tells which rows are the same by the columns that are their identity: a table of ids, and the texts compared.
class SameRows {
public:
    /// Takes all rows into the table; each method may throw `std::bad_alloc`.
    /// @param columns With the values of those that are the identity.
    explicit SameRows(const std::vector<Column> &columns);

    /// Whether there is an id at all; without it no rows are the same.
    bool has_id() const { return id_ != nullptr; }

    /// Pairs of rows that are the same; of three the first and the second, and the first and the third.
    const std::vector<std::pair<uint32_t, uint32_t>> &pairs() const { return pairs_; }

    /// Marks the rows that `other` has too.
    /// @returns Whether it can be read.
    bool mark(Source &other, std::vector<bool> &marks) const;

private:
    size_t place(const UUID &id) const;
    bool is_same(uint32_t row, uint32_t other) const;

    const std::vector<Column> &columns_;
    const std::vector<UUID> *id_ = nullptr;
    std::vector<size_t> texts_;
    size_t id_column_ = 0;
    /// One more than the row; 0 for none.
    std::vector<uint32_t> slots_;
    std::vector<std::pair<uint32_t, uint32_t>> pairs_;
};

}  // namespace floodgate::parquet

#endif
