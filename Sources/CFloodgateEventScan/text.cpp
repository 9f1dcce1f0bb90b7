// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "text.h"

namespace floodgate {

namespace {

bool is_letter_or_digit(char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool is_key_byte(char byte) { return is_letter_or_digit(byte) || byte == '-' || byte == '_'; }

/// The first hexadecimal digits of a surrogate: 'd' and one that says which half it is.
bool is_half(const uint8_t *digits, bool is_first) {
    if ((digits[0] | 0x20) != 'd') return false;
    uint8_t second = digits[1] | 0x20;
    if (is_first) return second == ('8' | 0x20) || second == ('9' | 0x20) || second == 'a' || second == 'b';
    return second >= 'c' && second <= 'f';
}

size_t prefix(Text text, size_t place) {
    static constexpr struct {
        const char *start;
        size_t size;
    } prefixes[] = {{"secret-", 7}, {"client-", 7}, {"console-", 8}, {"fge_", 4}, {"fgd_", 4}};
    for (const auto &prefix : prefixes) {
        if (text.size - place >= prefix.size && std::memcmp(text.start + place, prefix.start, prefix.size) == 0) {
            return prefix.size;
        }
    }
    return 0;
}

}  // namespace

size_t punctuation(const uint8_t *body, size_t size) {
    size_t count = 0;
    for (size_t index = 0; index < size; index++) {
        count += body[index] == ',' || body[index] == '[' || body[index] == '{' ? 1 : 0;
    }
    return count;
}

bool has_whole_surrogates(const uint8_t *body, size_t size) {
    const uint8_t *end = body + size;
    const uint8_t *at = body;
    while ((at = static_cast<const uint8_t *>(std::memchr(at, '\\', size_t(end - at)))) != nullptr) {
        if (end - at < 6) return true;
        if (at[1] != 'u') {
            at += 2;
        } else if (is_half(at + 2, true)) {
            if (end - at < 12 || at[6] != '\\' || at[7] != 'u' || !is_half(at + 8, false)) return false;
            at += 12;
        } else if (is_half(at + 2, false)) {
            return false;
        } else {
            at += 6;
        }
    }
    return true;
}

bool contains_key(Text text) {
    size_t place = 0;
    while (place < text.size) {
        char byte = text.start[place];
        size_t length = byte == 's' || byte == 'c' || byte == 'f' ? prefix(text, place) : 0;
        if (length == 0) {
            place += 1;
            continue;
        }
        size_t start = place + length;
        place = start;
        while (place < text.size && is_key_byte(text.start[place])) place += 1;
        Text key = {text.start + start, place - start};
        // What was taken out before leaves this word.
        if (key.size > 0 && !key.is("redacted")) return true;
    }
    return false;
}

bool is_event_id(Text text) {
    if (text.size < 1 || text.size > 64) return false;
    for (size_t index = 0; index < text.size; index++) {
        char byte = text.start[index];
        if (!is_key_byte(byte) && byte != '.' && byte != ':') return false;
    }
    return true;
}

}  // namespace floodgate
