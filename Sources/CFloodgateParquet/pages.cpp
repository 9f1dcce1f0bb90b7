// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "source.h"

#include "file.h"
#include "thrift_reader.h"

#include <cstring>

namespace floodgate::parquet {

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
    if (header.encoding != Encoding::DeltaLengths) return false;
    if (!get_deltas(page, size_t(header.values), scratch_.values)) return false;
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
