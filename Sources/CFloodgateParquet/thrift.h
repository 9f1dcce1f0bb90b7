// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Thrift's compact protocol, as much of it as Parquet's metadata needs.

#ifndef FLOODGATE_PARQUET_THRIFT_H
#define FLOODGATE_PARQUET_THRIFT_H

#include <cstdint>
#include <string>
#include <vector>

namespace floodgate::parquet {

inline void put_varint(std::string &out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(char(value | 0x80));
    out.push_back(char(value));
}

inline uint64_t zigzag(int64_t value) { return (uint64_t(value) << 1) ^ uint64_t(value >> 63); }

class Thrift {
public:
    enum Type : uint8_t { True = 1, False = 2, Byte = 3, Int32 = 5, Int64 = 6, Binary = 8, List = 9, Struct = 12 };

    std::string out;

    void flag(int id, bool value) { field(id, value ? True : False); }
    void byte(int id, int8_t value) {
        field(id, Byte);
        out.push_back(char(value));
    }
    void int32(int id, int32_t value) {
        field(id, Int32);
        item(value);
    }
    void int64(int id, int64_t value) {
        field(id, Int64);
        item(value);
    }
    void binary(int id, const std::string &value) {
        field(id, Binary);
        item(value);
    }
    void list(int id, Type type, size_t count) {
        field(id, List);
        if (count < 15) {
            out.push_back(char(count << 4 | type));
        } else {
            out.push_back(char(0xF0 | type));
            put_varint(out, count);
        }
    }
    void item(int64_t value) { put_varint(out, zigzag(value)); }
    void item(const std::string &value) {
        put_varint(out, value.size());
        out += value;
    }
    /// A struct as a field; `begin()` alone is one in a list.
    void begin(int id) {
        field(id, Struct);
        begin();
    }
    void begin() {
        outer_.push_back(last_);
        last_ = 0;
    }
    void end() {
        out.push_back(0);
        last_ = outer_.back();
        outer_.pop_back();
    }

private:
    void field(int id, Type type) {
        // All of Parquet's fields are near each other.
        out.push_back(char((id - last_) << 4 | type));
        last_ = id;
    }

    int last_ = 0;
    std::vector<int> outer_;
};

}  // namespace floodgate::parquet

#endif
