// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_CHUNK_H
#define FLOODGATE_PARQUET_CHUNK_H

#include "column.h"
#include "thrift.h"

#include <zstd.h>

namespace floodgate::parquet {

/// Names of the format, by its numbers.
enum class Physical { Int32 = 1, Int64 = 2, Double = 5, ByteArray = 6, FixedLengthByteArray = 7 };
enum class Encoding { Plain = 0, Runs = 3, Deltas = 5, DeltaLengths = 6, Dictionary = 8 };
enum class Codec { None = 0, Zstd = 6 };

Physical physical(fg_column_kind kind);

/// Writes the values of some rows of a column: a column chunk, with a page for its dictionary and one for its values.
class ChunkWriter {
public:
    ChunkWriter();
    ~ChunkWriter() { ZSTD_freeCCtx(context_); }
    ChunkWriter(const ChunkWriter &) = delete;
    ChunkWriter &operator=(const ChunkWriter &) = delete;

    /// What the metadata says of a chunk.
    struct Chunk {
        Encoding encoding = Encoding::Plain;
        Codec codec = Codec::Zstd;
        bool has_dictionary = false, has_range = false;
        int64_t dictionary_at = 0, data_at = 0;
        int64_t plain_size = 0, size = 0;
        int64_t values = 0, nulls = 0;
        /// The least and the greatest value in the spelling of Parquet's statistics.
        std::string least, greatest;
    };

    /// Appends the values of the rows from `first` to before `end` to `file`. May throw `std::bad_alloc`.
    /// @returns Whether pages can be as large.
    bool write(std::string &file, const Column &column, const uint32_t *first, const uint32_t *end, Chunk &chunk);

private:
    void texts(const Dictionary &texts, const uint32_t *first, const uint32_t *end);
    void numbers(const Column &column, const uint32_t *first, const uint32_t *end);
    void optional(const Column &column, const uint32_t *first, const uint32_t *end);
    bool page(std::string &file, bool is_dictionary, const std::string &content, size_t values);

    ZSTD_CCtx *context_;
    Chunk chunk_;
    std::string dictionary_, data_, packed_;
    size_t different_ = 0;
    std::vector<uint32_t> numbers_, local_, used_;
    std::vector<uint64_t> values_;
};

}  // namespace floodgate::parquet

#endif
