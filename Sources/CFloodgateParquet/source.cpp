// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "source.h"

#include "file.h"
#include "thrift_reader.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace floodgate::parquet {

namespace {

constexpr uint64_t tail_size = 8;
/// The metadata of a hundred times as many rows as are merged.
constexpr uint64_t largest_footer = 16 << 20;

}  // namespace

Scratch::Scratch() : unpacker(ZSTD_createDCtx()) {
    if (unpacker == nullptr) throw std::bad_alloc();
}

Source::~Source() {
    if (descriptor_ >= 0) close(descriptor_);
}

bool Source::open(const char *path, const std::vector<Column> &columns, uint64_t rows) {
    return open(::open(path, O_RDONLY | O_CLOEXEC), columns, rows);
}

bool Source::open(int descriptor, const std::vector<Column> &columns, uint64_t expected) {
    descriptor_ = descriptor;
    struct stat status;
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) return false;
    if (status.st_size < off_t(sizeof magic + tail_size)) return false;
    size_ = uint64_t(status.st_size);
    if (!load(size_ - tail_size, tail_size) || std::memcmp(&scratch_.loaded[4], magic, 4) != 0) return false;
    uint32_t footer;
    std::memcpy(&footer, scratch_.loaded.data(), sizeof footer);
    if (footer > largest_footer || footer > size_ - tail_size) return false;
    if (!load(size_ - tail_size - footer, footer)) return false;
    ThriftReader in(scratch_.loaded.data(), footer);
    int64_t rows = -1;
    place_ = sizeof magic - 1;
    bool is_ours = false, is_good = true, has_schema = false;
    read_struct(in, [&](int id, Thrift::Type type) {
        Thrift::Type item;
        if (id == 2 && type == Thrift::List) {
            has_schema = in.list(item) == columns.size() + 1 && item == Thrift::Struct;
            is_good = is_good && has_schema && read_schema(in, columns);
            return true;
        }
        if (id == 3 && type == Thrift::Int64) return rows = in.number(), true;
        if (id == 4 && type == Thrift::List) {
            size_t count = in.list(item);
            for (size_t left = count; left > 0 && is_good; left--) is_good = read_group(in, columns.size());
            return true;
        }
        if (id == 6 && type == Thrift::Binary) return is_ours = in.binary() == writer_name, true;
        return false;
    });
    // Nothing else stands before it, and no two columns are the same bytes.
    if (place_ != size_ - tail_size - footer) return false;
    return in.is_good() && is_good && is_ours && has_schema && uint64_t(rows) == rows_ && rows_ == expected;
}

bool Source::read_schema(ThriftReader &in, const std::vector<Column> &columns) {
    bool is_good = true;
    for (size_t number = 0; number <= columns.size(); number++) {
        int64_t kind = -1, repetition = -1;
        std::string_view name;
        read_struct(in, [&](int id, Thrift::Type type) {
            if (id == 1 && type == Thrift::Int32) return kind = in.number(), true;
            if (id == 3 && type == Thrift::Int32) return repetition = in.number(), true;
            if (id == 4 && type == Thrift::Binary) return name = in.binary(), true;
            return false;
        });
        // The first is the row.
        if (number == 0) continue;
        const Column &column = columns[number - 1];
        is_good = is_good && name == column.name && kind == int64_t(physical(column.role.kind))
            && repetition == (column.role.kind == FG_COLUMN_OPTIONAL_NUMBER ? 1 : 0);
    }
    return is_good;
}

bool Source::read_group(ThriftReader &in, size_t columns) {
    Group group;
    int64_t rows = -1;
    bool is_good = true;
    read_struct(in, [&](int id, Thrift::Type type) {
        if (id == 1 && type == Thrift::List) {
            Thrift::Type item;
            is_good = in.list(item) == columns && group.chunks.empty();
            for (size_t column = 0; column < columns && is_good; column++) {
                is_good = read_chunk(in, group.chunks.emplace_back());
            }
            return true;
        }
        if (id == 3 && type == Thrift::Int64) return rows = in.number(), true;
        return false;
    });
    if (!in.is_good() || !is_good || group.chunks.size() != columns) return false;
    if (rows <= 0 || rows > int64_t(rows_of_group)) return false;
    group.rows = uint64_t(rows);
    rows_ += group.rows;
    groups_.push_back(std::move(group));
    return true;
}

bool Source::read_chunk(ThriftReader &in, Chunk &chunk) {
    int64_t codec = -1, plain_size = -1, size = -1, data = -1, dictionary = -1;
    read_struct(in, [&](int id, Thrift::Type type) {
        if (id != 3 || type != Thrift::Struct) return false;
        read_struct(in, [&](int id, Thrift::Type type) {
            if (id == 4 && type == Thrift::Int32) return codec = in.number(), true;
            if (id == 6 && type == Thrift::Int64) return plain_size = in.number(), true;
            if (id == 7 && type == Thrift::Int64) return size = in.number(), true;
            if (id == 9 && type == Thrift::Int64) return data = in.number(), true;
            if (id == 11 && type == Thrift::Int64) return dictionary = in.number(), true;
            return false;
        });
        return true;
    });
    int64_t start = dictionary >= 0 ? dictionary : data;
    if (start < 0 || uint64_t(start) != place_ || size < 0 || uint64_t(size) > size_ - place_) return false;
    if (plain_size < 0 || uint64_t(plain_size) > largest_column || uint64_t(size) > largest_column) return false;
    if (codec != int64_t(Codec::None) && codec != int64_t(Codec::Zstd)) return false;
    chunk = {place_, uint64_t(size), uint64_t(plain_size), Codec(codec)};
    place_ += chunk.size;
    return true;
}

uint64_t Source::plain_size(size_t column) const {
    uint64_t size = 0;
    for (const Group &group : groups_) size += group.chunks[column].plain_size;
    return size;
}

bool Source::load(uint64_t start, uint64_t size) {
    // Never less than it was: giving back and taking is dearer.
    if (scratch_.loaded.size() < size + padding) scratch_.loaded.resize(size_t(size) + padding);
    for (uint64_t done = 0; done < size;) {
        ssize_t count = pread(descriptor_, &scratch_.loaded[done], size_t(size - done), off_t(start + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        done += uint64_t(count);
    }
    return true;
}

}  // namespace floodgate::parquet
