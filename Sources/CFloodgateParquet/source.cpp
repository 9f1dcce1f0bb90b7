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

Source::~Source() {
    if (descriptor_ >= 0) close(descriptor_);
}

bool Source::open(const char *path, const std::vector<Column> &columns) {
    if (unpacker_.context == nullptr) throw std::bad_alloc();
    descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) return false;
    if (status.st_size < off_t(sizeof magic + tail_size)) return false;
    size_ = uint64_t(status.st_size);
    if (!load(size_ - tail_size, tail_size) || std::memcmp(&loaded_[4], magic, 4) != 0) return false;
    uint32_t footer;
    std::memcpy(&footer, loaded_.data(), sizeof footer);
    if (footer > size_ - tail_size || !load(size_ - tail_size - footer, footer)) return false;
    ThriftReader in(loaded_.data(), footer);
    int64_t rows = 0;
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
    return in.is_good() && is_good && is_ours && has_schema && rows >= 0 && uint64_t(rows) == rows_;
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
    int64_t codec = -1, size = -1, data = -1, dictionary = -1;
    read_struct(in, [&](int id, Thrift::Type type) {
        if (id != 3 || type != Thrift::Struct) return false;
        read_struct(in, [&](int id, Thrift::Type type) {
            if (id == 4 && type == Thrift::Int32) return codec = in.number(), true;
            if (id == 7 && type == Thrift::Int64) return size = in.number(), true;
            if (id == 9 && type == Thrift::Int64) return data = in.number(), true;
            if (id == 11 && type == Thrift::Int64) return dictionary = in.number(), true;
            return false;
        });
        return true;
    });
    int64_t start = dictionary >= 0 ? dictionary : data;
    if (start < 0 || size < 0 || uint64_t(start) > size_ || uint64_t(size) > size_ - uint64_t(start)) return false;
    if (codec != int64_t(Codec::None) && codec != int64_t(Codec::Zstd)) return false;
    chunk = {uint64_t(start), uint64_t(size), Codec(codec)};
    return true;
}

bool Source::load(uint64_t start, uint64_t size) {
    // Never less than it was: giving back and taking is dearer.
    if (loaded_.size() < size + padding) loaded_.resize(size_t(size) + padding);
    for (uint64_t done = 0; done < size;) {
        ssize_t count = pread(descriptor_, &loaded_[done], size_t(size - done), off_t(start + done));
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

bool Source::next_page(Page &rest, Codec codec, Header &header, Page &page, std::vector<uint8_t> &plain) {
    ThriftReader in(rest.at, rest.size());
    if (!read_header(in, header)) return false;
    rest.at = in.at();
    if (rest.size() < header.size) return false;
    const uint8_t *start = rest.at;
    rest.at += header.size;
    if (codec == Codec::None) {
        page = {start, start + header.size};
        return header.size == header.plain_size;
    }
    // Nothing is made room for that is only said to be there.
    if (ZSTD_getFrameContentSize(start, size_t(header.size)) != header.plain_size) return false;
    if (plain.size() < header.plain_size + padding) plain.resize(size_t(header.plain_size) + padding);
    size_t size = ZSTD_decompressDCtx(
        unpacker_.context, plain.data(), size_t(header.plain_size), start, size_t(header.size));
    page = {plain.data(), plain.data() + header.plain_size};
    return size == header.plain_size;
}

bool Source::read(size_t column, Column &into) {
    for (size_t group = 0; group < groups_.size(); group++) {
        if (!read(column, group, into)) return false;
    }
    return true;
}

bool Source::read(size_t column, size_t group, Column &into) {
    const Chunk &chunk = groups_[group].chunks[column];
    if (!load(chunk.start, chunk.size)) return false;
    Page rest{loaded_.data(), loaded_.data() + chunk.size}, page, dictionary;
    Header header;
    uint64_t different = 0;
    if (!next_page(rest, chunk.codec, header, page, dictionary_)) return false;
    if (header.is_dictionary) {
        dictionary = page;
        different = header.values;
        if (header.encoding != Encoding::Plain || different > rows_of_group) return false;
        if (!next_page(rest, chunk.codec, header, page, data_) || header.is_dictionary) return false;
    }
    bool has_indices = header.encoding == Encoding::Dictionary;
    if (header.values != groups_[group].rows || has_indices != (different > 0)) return false;
    if (has_indices) {
        if (page.size() == 0) return false;
        int width = *page.at++;
        if (!get_runs(page, width, size_t(header.values), indices_)) return false;
        for (uint32_t index : indices_) {
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
        known_.clear();
        for (uint64_t number = 0; number < different; number++) {
            uint32_t size;
            if (dictionary.size() < sizeof size) return false;
            std::memcpy(&size, dictionary.at, sizeof size);
            dictionary.at += sizeof size;
            if (dictionary.size() < size) return false;
            known_.push_back(into.number({reinterpret_cast<const char *>(dictionary.at), size}));
            dictionary.at += size;
        }
        for (uint32_t index : indices_) into.push(known_[index]);
        return true;
    }
    if (header.encoding != Encoding::DeltaLengths || !get_deltas(page, size_t(header.values), values_)) return false;
    for (uint64_t size : values_) {
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
            values.push_back(value);
        }
        return true;
    };
    if (different > 0) {
        if (!plain(dictionary, different, values_)) return false;
        for (uint32_t index : indices_) into.numbers.push_back(values_[index]);
        return true;
    }
    if (header.encoding == Encoding::Plain) {
        if (!plain(page, header.values, values_)) return false;
    } else if (header.encoding != Encoding::Deltas || !get_deltas(page, size_t(header.values), values_)) {
        return false;
    }
    into.numbers.insert(into.numbers.end(), values_.begin(), values_.end());
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
    if (!get_runs(levels, 1, size_t(header.values), indices_)) return false;
    for (uint32_t is_there : indices_) {
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
