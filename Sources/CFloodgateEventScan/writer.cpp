// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "writer.h"

#include <charconv>

namespace floodgate {

void Writer::grow(size_t count) {
    size_t capacity = capacity_ == 0 ? 4096 : capacity_ * 2;
    while (capacity - size_ < count) capacity *= 2;
    void *larger = std::realloc(start_, capacity);
    if (larger == nullptr) throw std::bad_alloc();
    start_ = static_cast<char *>(larger);
    capacity_ = capacity;
}

void Writer::integer(int64_t value) {
    char *start = room(24);
    size_ = size_t(std::to_chars(start, start + 24, value).ptr - start_);
}

void Writer::integer(uint64_t value) {
    char *start = room(24);
    size_ = size_t(std::to_chars(start, start + 24, value).ptr - start_);
}

void Writer::number(double value) {
    // d.ddde±xx: all digits and the place of the point, to be laid out anew.
    char text[40];
    char *end = std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific).ptr;
    char digits[24];
    int count = 0, exponent = 0;
    for (const char *at = text; at < end; at++) {
        if (*at == 'e') {
            std::from_chars(at + (at[1] == '+' ? 2 : 1), end, exponent);
            break;
        }
        if (*at != '.') digits[count++] = *at;
    }
    if (std::signbit(value)) raw("-");
    if (value == 0) return raw("0.0");
    int point = exponent + 1;
    if (point > 0 && point <= 16) {
        for (int index = 0; index < point; index++) raw(index < count ? digits + index : "0", 1);
        raw(".");
        if (count > point) raw(digits + point, size_t(count - point));
        else raw("0");
    } else if (point > -5 && point <= 0) {
        raw("0.");
        for (int index = point; index < 0; index++) raw("0");
        raw(digits, size_t(count));
    } else {
        raw(digits, 1);
        if (count > 1) {
            raw(".");
            raw(digits + 1, size_t(count - 1));
        }
        raw("e");
        integer(int64_t(exponent));
    }
}

void Writer::uuid(Hash id) {
    static constexpr char hexadecimal[] = "0123456789abcdef";
    char *target = room(36);
    for (int index = 0; index < 32; index++) {
        if (index == 8 || index == 12 || index == 16 || index == 20) *target++ = '-';
        uint64_t half = index < 16 ? id.first : id.second;
        *target++ = hexadecimal[(half >> (60 - 4 * (index & 15))) & 15];
    }
    size_ += 36;
}

template <Level L> void Writer::escape(unsigned char byte) {
    // Inside other JSON the backslash itself has one before it.
    constexpr bool is_quoted = L == Level::Quoted;
    char letter = 0;
    switch (byte) {
    case '"': return is_quoted ? raw("\\\\\\\"") : raw("\\\"");
    case '\\': return is_quoted ? raw("\\\\\\\\") : raw("\\\\");
    case '\b': letter = 'b'; break;
    case '\f': letter = 'f'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default: break;
    }
    if (is_quoted) raw("\\\\");
    else raw("\\");
    if (letter != 0) return raw(&letter, 1);
    static constexpr char hexadecimal[] = "0123456789abcdef";
    char code[] = {'u', '0', '0', hexadecimal[byte >> 4], hexadecimal[byte & 15]};
    raw(code, sizeof code);
}

void Writer::close(size_t length) {
    char bytes[10];
    size_t count = 0;
    for (size_t rest = length; rest > 0; rest >>= 7) bytes[count++] = char(rest < 0x80 ? rest : rest | 0x80);
    room(count - 1);
    std::memmove(start_ + opened_ - 1 + count, start_ + opened_, length);
    std::memcpy(start_ + opened_ - 1, bytes, count);
    size_ += count - 1;
}

template <Level L> void Writer::content(Text text) {
    if (L == Level::Bare) return raw(text.start, text.size);
    constexpr uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    size_t at = 0;
    while (at < text.size) {
        // Copied while it is looked at, eight bytes together; what is written too much is overwritten.
        char *target = room(text.size - at + 8);
        size_t begin = at;
        bool is_special = false;
        while (at + 8 <= text.size) {
            uint64_t word;
            std::memcpy(&word, text.start + at, 8);
            // A top bit is set where a byte is below 0x20, a quote or a backslash; some others are as well, never fewer.
            uint64_t quotes = word ^ (ones * '"'), slashes = word ^ (ones * '\\');
            if ((((word - ones * 0x20) | (quotes - ones) | (slashes - ones)) & ~word & tops) != 0) break;
            std::memcpy(target + (at - begin), &word, 8);
            at += 8;
        }
        for (; at < text.size; at++) {
            unsigned char byte = static_cast<unsigned char>(text.start[at]);
            if (byte < 0x20 || byte == '"' || byte == '\\') {
                is_special = true;
                break;
            }
            target[at - begin] = text.start[at];
        }
        size_ += at - begin;
        if (is_special) escape<L>(static_cast<unsigned char>(text.start[at++]));
    }
}

// Recursion is bounded by the depth that was checked before.
template <Level L> void Writer::value(const Tape &tape, size_t place) {
    switch (tape.kind(place)) {
    case '"': return text<L>(tape.text(place));
    case '[': {
        size_t end = tape.behind(place) - 1;
        raw("[");
        for (size_t at = place + 1; at < end; at = tape.next(at)) {
            if (at != place + 1) raw(",");
            value<L>(tape, at);
        }
        return raw("]");
    }
    case '{': {
        size_t end = tape.behind(place) - 1;
        raw("{");
        for (size_t at = place + 1; at < end; at = tape.next(at + 1)) {
            if (at != place + 1) raw(",");
            text<L>(tape.text(at));
            raw(":");
            value<L>(tape, at + 1);
        }
        return raw("}");
    }
    case 'n': return raw("null");
    default: return scalar<L>(tape, place);
    }
}

template <Level L> void Writer::scalar(const Tape &tape, size_t place) {
    if (place == 0) return;
    switch (tape.kind(place)) {
    case '"': return content<L>(tape.text(place));
    case 't': return raw("true");
    case 'f': return raw("false");
    case 'l': return integer(int64_t(tape.words[place + 1]));
    case 'u': return integer(tape.words[place + 1]);
    case 'd': return number(tape.fraction(place));
    default: return;
    }
}

template void Writer::content<Level::Bare>(Text);
template void Writer::content<Level::Plain>(Text);
template void Writer::content<Level::Quoted>(Text);
template void Writer::value<Level::Plain>(const Tape &, size_t);
template void Writer::value<Level::Quoted>(const Tape &, size_t);
template void Writer::scalar<Level::Bare>(const Tape &, size_t);
template void Writer::scalar<Level::Plain>(const Tape &, size_t);

}  // namespace floodgate
