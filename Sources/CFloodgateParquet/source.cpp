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

/// Reads the fields of a struct that `field` knows, which says whether it took the value.
template <typename Field> void read_struct(ThriftReader &in, Field field) {
    int id;
    Thrift::Type type;
    in.begin();
    while (in.next(id, type)) {
        if (!field(id, type)) in.skip(type);
    }
}

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
    if (footer > size_ - tail_size || !load(size_ - tail_size - footer, footer)) return false;
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
    if (plain_size < 0 || uint64_t(plain_size) > largest_column) return false;
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

bool Source::read_header(ThriftReader &in, Header &header) {
    int64_t type = -1, plain_size = -1, size = -1, values = -1, encoding = -1;
    read_struct(in, [&](int id, Thrift::Type kind) {
        if (id == 1 && kind == Thrift::Int32) return type = in.number(), true;
        if (id == 2 && kind == Thrift::Int32) return plain_size = in.number(), true;
        if (id == 3 && kind == Thrift::Int32) return size = in.number(), true;
        if ((id != 5 && id != 7) || kind != Thrift::Struct) return false;
        read_struct(in, [&](int id, Thrift::Type kind) {
            if (id == 1 && kind == Thrift::Int32) return values = in.number(), true;
            if (id == 2 && kind == Thrift::Int32) return encoding = in.number(), true;
            return false;
        });
        return true;
    });
    if (!in.is_good() || (type != 0 && type != 2)) return false;
    if (plain_size < 0 || size < 0 || values < 0 || encoding < 0) return false;
    header = {type == 2, Encoding(encoding), uint64_t(plain_size), uint64_t(size), uint64_t(values)};
    return true;
}

bool Source::load(const Chunk &chunk, Rest &rest) {
    if (!load(chunk.start, chunk.size)) return false;
    const uint8_t *start = scratch_.loaded.data();
    rest = {{start, start + chunk.size}, chunk.plain_size, chunk.codec};
    return true;
}

bool Source::next_page(Rest &rest, Header &header, Page &packed) {
    const uint8_t *start = rest.packed.at;
    ThriftReader in(start, rest.packed.size());
    if (!read_header(in, header)) return false;
    rest.packed.at = in.at();
    if (rest.packed.size() < header.size) return false;
    // Headers count as plain bytes too.
    uint64_t head = uint64_t(in.at() - start);
    if (rest.plain_size < head || rest.plain_size - head < header.plain_size) return false;
    rest.plain_size -= head + header.plain_size;
    packed = {rest.packed.at, rest.packed.at + header.size};
    rest.packed.at += header.size;
    // Nothing is made room for that is only said to be there.
    if (rest.codec == Codec::None) return header.size == header.plain_size;
    return ZSTD_getFrameContentSize(packed.at, packed.size()) == header.plain_size;
}

bool Source::next_page(Rest &rest, Header &header, Page &page, std::vector<uint8_t> &plain) {
    Page packed;
    if (!next_page(rest, header, packed)) return false;
    page = packed;
    if (rest.codec == Codec::None) return true;
    if (plain.size() < header.plain_size + padding) plain.resize(size_t(header.plain_size) + padding);
    size_t size = ZSTD_decompressDCtx(
        scratch_.unpacker, plain.data(), size_t(header.plain_size), packed.at, packed.size());
    page = {plain.data(), plain.data() + header.plain_size};
    return size == header.plain_size;
}

bool Source::check() {
    for (const Group &group : groups_) {
        for (const Chunk &chunk : group.chunks) {
            Rest rest;
            Header header;
            Page page;
            if (!load(chunk, rest) || !next_page(rest, header, page)) return false;
            if (header.is_dictionary && !next_page(rest, header, page)) return false;
            if (header.is_dictionary || header.values != group.rows) return false;
            if (rest.packed.size() != 0 || rest.plain_size != 0) return false;
        }
    }
    return true;
}

bool Source::read(size_t column, Column &into) {
    for (size_t group = 0; group < groups_.size(); group++) {
        if (!read(column, group, into)) return false;
    }
    return true;
}

bool Source::read(size_t column, size_t group, Column &into) {
    Rest rest;
    Page page, dictionary;
    Header header;
    uint64_t different = 0;
    if (!load(groups_[group].chunks[column], rest)) return false;
    if (!next_page(rest, header, page, scratch_.dictionary)) return false;
    if (header.is_dictionary) {
        dictionary = page;
        different = header.values;
        if (header.encoding != Encoding::Plain || different > rows_of_group) return false;
        if (!next_page(rest, header, page, scratch_.data) || header.is_dictionary) return false;
    }
    bool has_indices = header.encoding == Encoding::Dictionary;
    if (header.values != groups_[group].rows || has_indices != (different > 0)) return false;
    if (has_indices) {
        if (page.size() == 0) return false;
        int width = *page.at++;
        if (!get_runs(page, width, size_t(header.values), scratch_.indices)) return false;
        for (uint32_t index : scratch_.indices) {
            if (index >= different) return false;
        }
    }
    switch (into.role.kind) {
    case FG_COLUMN_ID: {
        if (header.encoding != Encoding::Plain || page.size() != header.values * 16) return false;
        for (const uint8_t *at = page.at; at < page.end; at += 16) {
            UUID id;
            std::memcpy(&id.first, at, 8);
            std::memcpy(&id.second, at + 8, 8);
            into.ids.push_back({__builtin_bswap64(id.first), __builtin_bswap64(id.second)});
        }
        return true;
    }
    case FG_COLUMN_TEXT: return texts(page, header, dictionary, different, into.texts);
    case FG_COLUMN_OPTIONAL_NUMBER: return optional(page, header, into);
    default: return numbers(page, header, dictionary, different, into);
    }
}

bool Source::texts(Page page, const Header &header, Page dictionary, uint64_t different, Dictionary &into) {
    if (different > 0) {
        scratch_.known.clear();
        for (uint64_t number = 0; number < different; number++) {
            uint32_t size;
            if (dictionary.size() < sizeof size) return false;
            std::memcpy(&size, dictionary.at, sizeof size);
            dictionary.at += sizeof size;
            if (dictionary.size() < size) return false;
            scratch_.known.push_back(into.number({reinterpret_cast<const char *>(dictionary.at), size}));
            dictionary.at += size;
        }
        for (uint32_t index : scratch_.indices) into.push(scratch_.known[index]);
        return true;
    }
    if (header.encoding != Encoding::DeltaLengths || !get_deltas(page, size_t(header.values), scratch_.values)) return false;
    for (uint64_t size : scratch_.values) {
        if (page.size() < size) return false;
        into.add({reinterpret_cast<const char *>(page.at), size_t(size)});
        page.at += size;
    }
    return true;
}

bool Source::numbers(Page page, const Header &header, Page dictionary, uint64_t different, Column &into) {
    auto plain = [&](Page from, uint64_t count, std::vector<uint64_t> &values) {
        bool is_flag = into.role.kind == FG_COLUMN_FLAG;
        if (from.size() != count * (is_flag ? 4 : 8)) return false;
        values.clear();
        for (const uint8_t *at = from.at; at < from.end; at += is_flag ? 4 : 8) {
            uint64_t value = 0;
            std::memcpy(&value, at, is_flag ? 4 : 8);
            if (is_flag && value > 1) return false;
            values.push_back(value);
        }
        return true;
    };
    if (different > 0) {
        if (!plain(dictionary, different, scratch_.values)) return false;
        for (uint32_t index : scratch_.indices) into.numbers.push_back(scratch_.values[index]);
        return true;
    }
    if (header.encoding == Encoding::Plain) {
        if (!plain(page, header.values, scratch_.values)) return false;
    } else if (header.encoding != Encoding::Deltas || !get_deltas(page, size_t(header.values), scratch_.values)) {
        return false;
    }
    into.numbers.insert(into.numbers.end(), scratch_.values.begin(), scratch_.values.end());
    return true;
}

bool Source::optional(Page page, const Header &header, Column &into) {
    uint32_t size;
    if (header.encoding != Encoding::Plain || page.size() < sizeof size) return false;
    std::memcpy(&size, page.at, sizeof size);
    page.at += sizeof size;
    if (page.size() < size) return false;
    Page levels{page.at, page.at + size};
    page.at += size;
    if (!get_runs(levels, 1, size_t(header.values), scratch_.indices)) return false;
    for (uint32_t is_there : scratch_.indices) {
        uint64_t bits = 0;
        if (is_there != 0) {
            if (page.size() < sizeof bits) return false;
            std::memcpy(&bits, page.at, sizeof bits);
            page.at += sizeof bits;
        }
        into.numbers.push_back(bits);
        into.is_there.push_back(uint8_t(is_there));
    }
    return true;
}

}  // namespace floodgate::parquet
