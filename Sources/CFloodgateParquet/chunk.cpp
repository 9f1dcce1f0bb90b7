// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "chunk.h"

#include "encode.h"

#include <algorithm>
#include <new>

namespace floodgate::parquet {

namespace {

constexpr uint32_t none = UINT32_MAX;
/// Longer texts are no use as bounds.
constexpr size_t longest_bound = 128;

template <typename Value> void put(std::string &out, Value value) {
    out.append(reinterpret_cast<const char *>(&value), sizeof value);
}

void put_number(std::string &out, uint64_t value, fg_column_kind kind) {
    if (kind == FG_COLUMN_FLAG) put(out, uint32_t(value));
    else put(out, value);
}

}  // namespace

Physical physical(fg_column_kind kind) {
    switch (kind) {
    case FG_COLUMN_ID: return Physical::FixedLengthByteArray;
    case FG_COLUMN_TEXT: return Physical::ByteArray;
    case FG_COLUMN_OPTIONAL_NUMBER: return Physical::Double;
    case FG_COLUMN_FLAG: return Physical::Int32;
    default: return Physical::Int64;
    }
}

ChunkWriter::ChunkWriter() : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
}

bool ChunkWriter::write(
    std::string &file, const Column &column, const uint32_t *first, const uint32_t *end, Chunk &chunk) {
    chunk_ = Chunk();
    chunk_.values = end - first;
    dictionary_.clear();
    data_.clear();
    switch (column.role.kind) {
    case FG_COLUMN_ID:
        // Hashes: there is nothing to compress.
        chunk_.codec = Codec::None;
        for (const uint32_t *row = first; row < end; row++) {
            put(data_, __builtin_bswap64(column.ids[*row].first));
            put(data_, __builtin_bswap64(column.ids[*row].second));
        }
        break;
    case FG_COLUMN_TEXT: texts(column.texts, first, end); break;
    case FG_COLUMN_OPTIONAL_NUMBER: optional(column, first, end); break;
    default: numbers(column, first, end); break;
    }
    if (chunk_.has_dictionary) {
        chunk_.dictionary_at = int64_t(file.size());
        if (!page(file, true, dictionary_, different_)) return false;
    }
    chunk_.data_at = int64_t(file.size());
    if (!page(file, false, data_, size_t(chunk_.values))) return false;
    chunk = std::move(chunk_);
    return true;
}

void ChunkWriter::texts(const Dictionary &texts, const uint32_t *first, const uint32_t *end) {
    // Numbers of these rows alone, in the order of their use.
    local_.resize(std::max(local_.size(), texts.size()), none);
    numbers_.clear();
    used_.clear();
    for (const uint32_t *row = first; row < end; row++) {
        uint32_t &number = local_[texts.rows()[*row]];
        if (number == none) {
            number = uint32_t(used_.size());
            used_.push_back(texts.rows()[*row]);
        }
        numbers_.push_back(number);
    }
    std::string_view least = texts[used_[0]], greatest = least;
    size_t once = 0;
    for (uint32_t number : used_) {
        once += texts[number].size();
        local_[number] = none;
        std::string_view value = texts[number];
        if (value < least) least = value;
        if (value > greatest) greatest = value;
    }
    chunk_.has_range = least.size() <= longest_bound && greatest.size() <= longest_bound;
    if (chunk_.has_range) {
        chunk_.least = least;
        chunk_.greatest = greatest;
    }
    different_ = used_.size();
    auto repeats = [&] {
        size_t all = 0;
        for (uint32_t number : numbers_) all += texts[used_[number]].size();
        return all / 2 > once;
    };
    // Few large ones among many small ones may be far more bytes than they were where they came from.
    if (different_ <= numbers_.size() / 2 + 1 || repeats()) {
        chunk_.has_dictionary = true;
        chunk_.encoding = Encoding::Dictionary;
        for (uint32_t number : used_) {
            put(dictionary_, uint32_t(texts[number].size()));
            dictionary_ += texts[number];
        }
        int width = bit_width(different_ - 1);
        data_.push_back(char(width));
        return put_runs(data_, numbers_, width);
    }
    chunk_.encoding = Encoding::DeltaLengths;
    values_.clear();
    for (const uint32_t *row = first; row < end; row++) values_.push_back(texts[texts.rows()[*row]].size());
    put_deltas(data_, values_);
    for (const uint32_t *row = first; row < end; row++) data_ += texts[texts.rows()[*row]];
}

void ChunkWriter::numbers(const Column &column, const uint32_t *first, const uint32_t *end) {
    values_.clear();
    for (const uint32_t *row = first; row < end; row++) values_.push_back(column.numbers[*row]);
    auto [least, greatest] = std::minmax_element(
        values_.begin(), values_.end(), [](uint64_t left, uint64_t right) { return int64_t(left) < int64_t(right); });
    put_number(chunk_.least, *least, column.role.kind);
    put_number(chunk_.greatest, *greatest, column.role.kind);
    chunk_.has_range = true;
    uint64_t base = *least, range = *greatest - base;
    // Numbers in a narrow range have a dictionary, as such columns repeat few: a table tells which.
    if (range < values_.size()) {
        local_.resize(std::max(local_.size(), size_t(range) + 1), none);
        for (uint64_t value : values_) local_[value - base] = 0;
        different_ = 0;
        for (uint64_t offset = 0; offset <= range; offset++) {
            if (local_[offset] == none) continue;
            local_[offset] = uint32_t(different_++);
            put_number(dictionary_, base + offset, column.role.kind);
        }
        numbers_.clear();
        for (uint64_t value : values_) numbers_.push_back(local_[value - base]);
        std::fill_n(local_.begin(), range + 1, none);
        chunk_.has_dictionary = true;
        chunk_.encoding = Encoding::Dictionary;
        int width = bit_width(different_ - 1);
        data_.push_back(char(width));
        return put_runs(data_, numbers_, width);
    }
    if (column.role.kind == FG_COLUMN_FLAG) {
        for (uint64_t value : values_) put(data_, uint32_t(value));
        return;
    }
    chunk_.encoding = Encoding::Deltas;
    put_deltas(data_, values_);
}

void ChunkWriter::optional(const Column &column, const uint32_t *first, const uint32_t *end) {
    numbers_.clear();
    for (const uint32_t *row = first; row < end; row++) numbers_.push_back(column.is_there[*row]);
    std::string levels;
    put_runs(levels, numbers_, 1);
    put(data_, uint32_t(levels.size()));
    data_ += levels;
    for (const uint32_t *row = first; row < end; row++) {
        if (column.is_there[*row]) put(data_, column.numbers[*row]);
        else chunk_.nulls++;
    }
}

bool ChunkWriter::page(std::string &file, bool is_dictionary, const std::string &content, size_t values) {
    if (content.size() > INT32_MAX) return false;
    const std::string *packed = &content;
    if (chunk_.codec == Codec::Zstd) {
        packed_.resize(ZSTD_compressBound(content.size()));
        size_t size = ZSTD_compressCCtx(context_, packed_.data(), packed_.size(), content.data(), content.size(), 1);
        if (ZSTD_isError(size)) throw std::bad_alloc();
        packed_.resize(size);
        packed = &packed_;
    }
    if (packed->size() > INT32_MAX) return false;
    Thrift header;
    header.begin();
    header.int32(1, is_dictionary ? 2 : 0);
    header.int32(2, int32_t(content.size()));
    header.int32(3, int32_t(packed->size()));
    if (is_dictionary) {
        header.begin(7);
        header.int32(1, int32_t(values));
        header.int32(2, int32_t(Encoding::Plain));
    } else {
        header.begin(5);
        header.int32(1, int32_t(values));
        header.int32(2, int32_t(chunk_.encoding));
        header.int32(3, int32_t(Encoding::Runs));
        header.int32(4, int32_t(Encoding::Runs));
    }
    header.end();
    header.end();
    file += header.out;
    file += *packed;
    chunk_.plain_size += int64_t(header.out.size() + content.size());
    chunk_.size += int64_t(header.out.size() + packed->size());
    return true;
}

}  // namespace floodgate::parquet
