// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_THRIFT_READER_H
#define FLOODGATE_PARQUET_THRIFT_READER_H

#include "thrift.h"

#include <string_view>

namespace floodgate::parquet {

/// Reads Thrift's compact protocol out of bytes that may be anything: what does not fit reads as zeros, and `is_good`
/// tells.
class ThriftReader {
public:
    ThriftReader(const uint8_t *start, size_t size) : at_(start), end_(start + size) {}

    bool is_good() const { return is_good_; }
    const uint8_t *at() const { return at_; }

    void begin() {
        outer_.push_back(last_);
        last_ = 0;
        if (outer_.size() > size_t(deepest)) fail();
    }
    /// Goes to the next field of a struct that was begun; false behind the last, where the struct ends.
    bool next(int &id, Thrift::Type &type) {
        uint8_t head = byte();
        if (!is_good_ || head == 0) {
            if (outer_.empty()) return false;
            last_ = outer_.back();
            outer_.pop_back();
            return false;
        }
        type = Thrift::Type(head & 15);
        // Ids that are far apart are none of ours.
        if (head >> 4 == 0) fail();
        id = last_ += head >> 4;
        return is_good_;
    }
    int64_t number() {
        uint64_t value = varint();
        return int64_t(value >> 1) ^ -int64_t(value & 1);
    }
    std::string_view binary() {
        uint64_t size = varint();
        if (size > uint64_t(end_ - at_)) fail();
        if (!is_good_) return {};
        std::string_view value(reinterpret_cast<const char *>(at_), size_t(size));
        at_ += size;
        return value;
    }
    /// Begins a list; no more items than there are bytes left.
    size_t list(Thrift::Type &type) {
        uint8_t head = byte();
        type = Thrift::Type(head & 15);
        uint64_t count = head >> 4 == 15 ? varint() : head >> 4;
        if (count > uint64_t(end_ - at_)) fail();
        return is_good_ ? size_t(count) : 0;
    }
    void skip(Thrift::Type type, int depth = 0) {
        if (depth > deepest) fail();
        if (!is_good_) return;
        switch (type) {
        case Thrift::True:
        case Thrift::False: return;
        case Thrift::Byte: byte(); return;
        case Thrift::Int32:
        case Thrift::Int64: varint(); return;
        case Thrift::Binary: binary(); return;
        case Thrift::List: {
            Thrift::Type item;
            for (size_t left = list(item); left > 0 && is_good_; left--) {
                // Only as fields do they stand with their ids.
                if (item == Thrift::True || item == Thrift::False) byte();
                else skip(item, depth + 1);
            }
            return;
        }
        case Thrift::Struct: {
            int id;
            Thrift::Type field;
            begin();
            while (next(id, field)) skip(field, depth + 1);
            return;
        }
        }
        fail();
    }
    void fail() {
        is_good_ = false;
        at_ = end_;
    }

private:
    /// No metadata is nested as deep.
    static constexpr int deepest = 32;

    uint8_t byte() {
        if (at_ == end_) fail();
        return is_good_ ? *at_++ : 0;
    }
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            uint8_t next = byte();
            value |= uint64_t(next & 0x7F) << shift;
            if (next < 0x80) return is_good_ ? value : 0;
        }
        fail();
        return 0;
    }

    const uint8_t *at_, *end_;
    bool is_good_ = true;
    int last_ = 0;
    std::vector<int> outer_;
};

/// Reads the fields of a struct that `field` knows, which says whether it took the value.
template <typename Field> void read_struct(ThriftReader &in, Field field) {
    int id;
    Thrift::Type type;
    in.begin();
    while (in.next(id, type)) {
        if (!field(id, type)) in.skip(type);
    }
}

}  // namespace floodgate::parquet

#endif
