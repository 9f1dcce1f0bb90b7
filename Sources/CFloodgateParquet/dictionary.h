// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_PARQUET_DICTIONARY_H
#define FLOODGATE_PARQUET_DICTIONARY_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace floodgate::parquet {

/// Values by the order in which they first came; when most of them turn out to differ, looking for equal ones ends.
class Dictionary {
public:
    /// Adds the value of the next row.
    void add(std::string_view value) {
        // Most columns say the same all through a batch.
        if (value.size() == last_.size && is_last(value)) return numbers_.push_back(last_.number);
        if (is_looking_ && numbers_.size() >= 4096 && ends_.size() > numbers_.size() / 4 * 3) {
            is_looking_ = false;
            slots_ = {};
        }
        push(number(value));
    }

    /// The number of a value, which need not be that of a row.
    uint32_t number(std::string_view value) {
        if (!is_looking_) return append(value);
        if (slots_.size() < ends_.size() * 2 + 2) grow();
        uint64_t hash = XXH3_64bits(value.data(), value.size());
        for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
            Slot &slot = slots_[at];
            if (slot.number == 0) {
                slot = {uint32_t(hash >> 32), append(value) + 1};
                return slot.number - 1;
            }
            if (slot.hash == uint32_t(hash >> 32) && (*this)[slot.number - 1] == value) return slot.number - 1;
        }
    }

    /// Gives the next row the value with this number.
    void push(uint32_t number) {
        size_t start = number == 0 ? 0 : ends_[number - 1];
        last_ = {start, ends_[number] - start, number};
        numbers_.push_back(number);
    }

    std::string_view operator[](uint32_t number) const {
        size_t start = number == 0 ? 0 : ends_[number - 1];
        return {texts_.data() + start, ends_[number] - start};
    }
    /// How many different values there are; equal ones may be among them.
    size_t size() const { return ends_.size(); }
    /// The number of each row's value.
    const std::vector<uint32_t> &rows() const { return numbers_; }

private:
    struct Slot {
        uint32_t hash = 0;
        /// One more than the value's number; 0 for none.
        uint32_t number = 0;
    };

    /// Compares in place: nearly all are short, and a call costs more than they do.
    bool is_last(std::string_view value) const {
        const char *left = value.data(), *right = texts_.data() + last_.start;
        size_t rest = value.size();
        for (; rest >= 8; rest -= 8, left += 8, right += 8) {
            uint64_t one, other;
            std::memcpy(&one, left, 8);
            std::memcpy(&other, right, 8);
            if (one != other) return false;
        }
        for (; rest > 0; rest--) {
            if (*left++ != *right++) return false;
        }
        return true;
    }
    uint32_t append(std::string_view value) {
        texts_.append(value);
        ends_.push_back(texts_.size());
        return uint32_t(ends_.size() - 1);
    }
    void grow() {
        std::vector<Slot> slots(slots_.empty() ? 64 : slots_.size() * 4);
        for (uint32_t number = 0; number < ends_.size(); number++) {
            std::string_view value = (*this)[number];
            uint64_t hash = XXH3_64bits(value.data(), value.size());
            size_t at = hash & (slots.size() - 1);
            while (slots[at].number != 0) at = (at + 1) & (slots.size() - 1);
            slots[at] = {uint32_t(hash >> 32), number + 1};
        }
        slots_ = std::move(slots);
    }

    /// The value of the row before; before the first no value is as long.
    struct Last {
        size_t start = 0, size = SIZE_MAX;
        uint32_t number = 0;
    };

    Last last_;
    std::string texts_;
    std::vector<size_t> ends_;
    std::vector<uint32_t> numbers_;
    std::vector<Slot> slots_;
    bool is_looking_ = true;
};

}  // namespace floodgate::parquet

#endif
