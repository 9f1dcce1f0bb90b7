// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Writes compact JSON, and values with their lengths before them, into memory that is used again.

#ifndef FLOODGATE_EVENT_WRITER_H
#define FLOODGATE_EVENT_WRITER_H

#include "identity.h"
#include "tape.h"

#include <cstdlib>
#include <new>

namespace floodgate {

/// Where a text stands: by itself, in JSON, or in JSON that is a text inside other JSON, where everything is escaped once more.
enum class Level { Bare, Plain, Quoted };

/// Where the texts of JSON stand that is a text at `level`.
constexpr Level inside(Level level) { return level == Level::Bare ? Level::Plain : Level::Quoted; }

class Writer {
public:
    Writer() = default;
    ~Writer() { std::free(start_); }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    const char *start() const { return start_; }
    size_t size() const { return size_; }
    /// Forgets what was written behind `size`.
    void cut(size_t size) { size_ = size; }

    void raw(const char *bytes, size_t count) {
        std::memcpy(room(count), bytes, count);
        size_ += count;
    }
    template <size_t N> void raw(const char (&bytes)[N]) { raw(bytes, N - 1); }

    void integer(int64_t value);
    void integer(uint64_t value);
    /// The shortest text that reads back as `value`, laid out as `JSONNumber.text` of FloodgateJSON does it.
    void number(double value);
    void uuid(Hash id);

    /// A text's content, without quotes around it.
    template <Level L> void content(Text text);
    /// A text in quotes.
    template <Level L> void text(Text text) {
        quote<L>();
        content<L>(text);
        quote<L>();
    }
    template <Level L> void quote() {
        if (L == Level::Plain) raw("\"");
        else raw("\\\"");
    }
    /// Any value of a tape.
    template <Level L> void value(const Tape &tape, size_t place);
    /// A text, number or boolean as the content of a text; nothing of anything else.
    template <Level L> void scalar(const Tape &tape, size_t place);

    /// The memory of a value, the lowest byte first.
    template <typename Value> void bits(Value value) { raw(reinterpret_cast<const char *>(&value), sizeof value); }
    /// Begins a text that has its length before it.
    void open() {
        raw("\0");
        opened_ = size_;
    }
    /// Ends it: the length is a varint, seven bits a byte from the lowest on (LEB128).
    void close() {
        size_t length = size_ - opened_;
        if (length < 0x80) start_[opened_ - 1] = char(length);
        else close(length);
    }

private:
    char *room(size_t count) {
        if (capacity_ - size_ < count) grow(count);
        return start_ + size_;
    }
    void grow(size_t count);
    void close(size_t length);
    template <Level L> void escape(unsigned char byte);

    char *start_ = nullptr;
    size_t size_ = 0, capacity_ = 0, opened_ = 0;
};

}  // namespace floodgate

#endif
