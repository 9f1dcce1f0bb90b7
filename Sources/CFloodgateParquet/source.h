// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_SOURCE_H
#define FLOODGATE_PARQUET_SOURCE_H

#include "chunk.h"
#include "decode.h"

#include <string>
#include <vector>

namespace floodgate::parquet {

/// A file that this library wrote, read column by column. Other files, and damaged ones, are refused and never trusted.
class Source {
public:
    Source() = default;
    ~Source();
    Source(const Source &) = delete;
    Source &operator=(const Source &) = delete;

    /// Opens the file at `path`; any method may throw `std::bad_alloc`.
    /// @returns Whether it is a file of ours with just these columns.
    bool open(const char *path, const std::vector<Column> &columns);

    /// How many rows there are.
    uint64_t rows() const { return rows_; }

    size_t groups() const { return groups_.size(); }

    /// Appends the values of the column with this number to `into`, those of one group of rows or of all.
    /// @returns Whether they can be read.
    bool read(size_t column, size_t group, Column &into);
    bool read(size_t column, Column &into);

private:
    struct Chunk {
        uint64_t start = 0, size = 0;
        Codec codec = Codec::None;
    };
    struct Group {
        uint64_t rows = 0;
        std::vector<Chunk> chunks;
    };
    struct Header {
        bool is_dictionary = false;
        Encoding encoding = Encoding::Plain;
        uint64_t plain_size = 0, size = 0, values = 0;
    };

    bool load(uint64_t start, uint64_t size);
    bool read_schema(class ThriftReader &in, const std::vector<Column> &columns);
    bool read_group(ThriftReader &in, size_t columns);
    bool read_chunk(ThriftReader &in, Chunk &chunk);
    bool read_header(ThriftReader &in, Header &header);
    /// Makes what follows in the chunk that was loaded the page; `plain` holds it if it was packed.
    bool next_page(Page &rest, Codec codec, Header &header, Page &page, std::vector<uint8_t> &plain);

    bool texts(Page page, const Header &header, Page dictionary, uint64_t different, Dictionary &into);
    bool numbers(Page page, const Header &header, Page dictionary, uint64_t different, Column &into);
    bool optional(Page page, const Header &header, Column &into);

    int descriptor_ = -1;
    uint64_t size_ = 0, rows_ = 0;
    std::vector<Group> groups_;
    std::vector<uint8_t> loaded_, dictionary_, data_;
    std::vector<uint32_t> indices_, known_;
    std::vector<uint64_t> values_;
    struct Unpacker {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        ~Unpacker() { ZSTD_freeDCtx(context); }
    };
    Unpacker unpacker_;
};

}  // namespace floodgate::parquet

#endif
