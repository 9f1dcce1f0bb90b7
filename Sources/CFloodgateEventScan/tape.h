// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// A parsed body as simdjson leaves it: a tape of 64-bit words, and its texts one after the other in the order of the body,
// each as its length (32 bits), its bytes and a zero (simdjson, doc/tape.md).

#ifndef FLOODGATE_EVENT_TAPE_H
#define FLOODGATE_EVENT_TAPE_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace floodgate {

/// A text of the tape.
struct Text {
    const char *start = nullptr;
    size_t size = 0;

    template <size_t N> bool is(const char (&other)[N]) const {
        return size == N - 1 && std::memcmp(start, other, N - 1) == 0;
    }
};

/// A number in the one spelling that all equal ones have.
struct Number {
    enum Kind : uint64_t { Signed = 1, Unsigned = 2, Fraction = 3 };
    Kind kind;
    uint64_t bits;
};

struct Tape {
    const uint64_t *words = nullptr;
    const uint8_t *texts = nullptr;

    char kind(size_t place) const { return char(words[place] >> 56); }
    uint64_t payload(size_t place) const { return words[place] & ((uint64_t(1) << 56) - 1); }

    /// The place behind an array's or object's closing.
    size_t behind(size_t place) const { return uint32_t(words[place]); }
    bool is_container(size_t place) const { return kind(place) == '{' || kind(place) == '['; }
    bool is_empty(size_t place) const { return behind(place) == place + 2; }

    /// The place of the value that follows.
    size_t next(size_t place) const {
        switch (kind(place)) {
        case '{':
        case '[': return behind(place);
        case 'l':
        case 'u':
        case 'd': return place + 2;
        default: return place + 1;
        }
    }

    const uint8_t *record(size_t place) const { return texts + payload(place); }
    static uint32_t size_of(const uint8_t *record) {
        uint32_t size;
        std::memcpy(&size, record, sizeof size);
        return size;
    }
    Text text(size_t place) const {
        const uint8_t *record = this->record(place);
        return {reinterpret_cast<const char *>(record + sizeof(uint32_t)), size_of(record)};
    }

    double fraction(size_t place) const {
        double value;
        std::memcpy(&value, &words[place + 1], sizeof value);
        return value;
    }
    bool is_number(size_t place) const { return kind(place) == 'l' || kind(place) == 'u' || kind(place) == 'd'; }
    /// 1, 1.0 and 1e0 are one number, as are 0 and -0.
    Number number(size_t place) const {
        if (kind(place) == 'l') return {Number::Signed, words[place + 1]};
        if (kind(place) == 'u') return {Number::Unsigned, words[place + 1]};
        double value = fraction(place);
        if (value == std::trunc(value)) {
            if (value >= -0x1p63 && value < 0x1p63) return {Number::Signed, uint64_t(int64_t(value))};
            if (value > 0 && value < 0x1p64) return {Number::Unsigned, uint64_t(value)};
        }
        return {Number::Fraction, words[place + 1]};
    }

    /// The place of an object's member, 0 if there is none or it is null; of anything else than an object too.
    template <size_t N> size_t member(size_t place, const char (&name)[N]) const {
        if (place == 0 || kind(place) != '{') return 0;
        size_t end = behind(place) - 1;
        for (size_t at = place + 1; at < end; at = next(at + 1)) {
            if (text(at).is(name)) return kind(at + 1) == 'n' ? 0 : at + 1;
        }
        return 0;
    }
};

}  // namespace floodgate

#endif
