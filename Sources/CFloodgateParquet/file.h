// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_FILE_H
#define FLOODGATE_PARQUET_FILE_H

#include "chunk.h"
#include "source.h"

#include <new>

namespace floodgate::parquet {

/// As many as DuckDB puts together, so that it has as much to skip as in its own files.
constexpr size_t rows_of_group = 122'880;

constexpr char magic[] = "PAR1";
/// Who wrote a file, by its metadata.
constexpr char writer_name[] = "floodgate";

/// A group of rows as the metadata has it: its chunks, one for each column, stand one after the other.
struct RowGroup {
    size_t rows = 0;
    std::vector<ChunkWriter::Chunk> chunks;
};

/// What stands behind all chunks of a file; the first chunk stands behind `magic`.
std::string footer(const std::vector<Column> &columns, const std::vector<RowGroup> &groups);

/// A file that is read, and how many rows it has to have.
struct Input {
    std::string path;
    uint64_t rows = 0;
};

/// Does what throws nothing to its callers: they know no C++.
template <typename Action> fg_parquet_status guarded(Action action) {
    try {
        return action();
    } catch (const std::bad_alloc &) {
        return FG_PARQUET_NO_MEMORY;
    } catch (...) {
        return FG_PARQUET_REFUSED;
    }
}

}  // namespace floodgate::parquet

struct fg_parquet {
    std::vector<floodgate::parquet::Column> columns;
    uint64_t rows = 0;
    std::string file;
    /// Files to be merged, and those whose rows are left out.
    std::vector<floodgate::parquet::Input> sources, others;
    /// Rows that are left out, by their numbers.
    std::vector<uint64_t> gone;
};

#endif
