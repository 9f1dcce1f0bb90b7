// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_SOURCE_H
#define FLOODGATE_PARQUET_SOURCE_H

#include "chunk.h"
#include "decode.h"

#include <string>
#include <vector>

namespace floodgate::parquet {

/// The most bytes that a column may have before they are compressed; those of more are not for the memory of a server.
constexpr uint64_t largest_column = 128 << 20;

/// Memory for reading one column chunk at a time, of any file.
struct Scratch {
    Scratch();
    ~Scratch() { ZSTD_freeDCtx(unpacker); }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

    ZSTD_DCtx *unpacker;
    std::vector<uint8_t> loaded, dictionary, data;
    std::vector<uint32_t> indices, known;
    std::vector<uint64_t> values;
};

/// A file that this library wrote, read column by column. Other files, and damaged ones, are refused and never trusted.
class Source {
public:
    explicit Source(Scratch &scratch) : scratch_(scratch) {}
    ~Source();
    Source(const Source &) = delete;
    Source &operator=(const Source &) = delete;

    /// Opens the file at `path`, or takes an open one; any method may throw `std::bad_alloc`.
    /// @returns Whether it is a file of ours with just these columns and so many rows.
    bool open(const char *path, const std::vector<Column> &columns, uint64_t rows);
    bool open(int descriptor, const std::vector<Column> &columns, uint64_t rows);

    /// Whether all pages are where the metadata has them, as long as it says, without unpacking them.
    bool check();

    /// How many rows there are.
    uint64_t rows() const { return rows_; }

    size_t groups() const { return groups_.size(); }

    /// How many bytes a column has before they are compressed.
    uint64_t plain_size(size_t column) const;

    /// Appends the values of the column with this number to `into`, those of one group of rows or of all.
    /// @returns Whether they can be read.
    bool read(size_t column, size_t group, Column &into);
    bool read(size_t column, Column &into);

private:
    struct Chunk {
        uint64_t start = 0, size = 0, plain_size = 0;
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
    /// What is left of a chunk that was loaded.
    struct Rest {
        Page packed;
        uint64_t plain_size;
        Codec codec;
    };
    bool load(const Chunk &chunk, Rest &rest);
    /// Takes the next page as it was packed.
    bool next_page(Rest &rest, Header &header, Page &packed);
    /// Takes the next page; `plain` holds it if it was packed.
    bool next_page(Rest &rest, Header &header, Page &page, std::vector<uint8_t> &plain);

    bool texts(Page page, const Header &header, Page dictionary, uint64_t different, Dictionary &into);
    bool numbers(Page page, const Header &header, Page dictionary, uint64_t different, Column &into);
    bool optional(Page page, const Header &header, Column &into);

    int descriptor_ = -1;
    /// Of the file, of all rows, and where the next chunk has to start.
    uint64_t size_ = 0, rows_ = 0, place_ = 0;
    std::vector<Group> groups_;
    Scratch &scratch_;
};

}  // namespace floodgate::parquet

#endif
