// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_EVENT_CELLS_H
#define FLOODGATE_EVENT_CELLS_H

#include "include/CFloodgateEventScan.h"

#include "writer.h"

namespace floodgate {

/// Writes the cells of rows one after the other. A label is what stands before a cell in JSON, with the quote that begins a text.
template <fg_form F> struct Cells {
    /// Where texts stand, and where the texts of JSON in texts do.
    static constexpr Level level = F == FG_PACKED ? Level::Bare : Level::Plain, json = inside(level);

    Writer &writer;

    explicit Cells(Writer &writer) : writer(writer) {}

    /// The first cell of a row.
    void begin(Hash id) {
        if constexpr (F == FG_PACKED) {
            writer.bits(id.first);
            writer.bits(id.second);
        } else {
            writer.raw("{\"id\":\"");
            writer.uuid(id);
            writer.raw("\"");
        }
    }
    /// Behind the last cell.
    void end() {
        if constexpr (F == FG_LINES) writer.raw("}\n");
    }

    template <size_t N> void open(const char (&label)[N]) {
        if constexpr (F == FG_PACKED) writer.open();
        else writer.raw(label);
    }
    void close() {
        if constexpr (F == FG_PACKED) writer.close();
        else writer.raw("\"");
    }
    template <size_t N> void text(const char (&label)[N], Text text) {
        open(label);
        writer.template content<level>(text);
        close();
    }
    /// A text, number or boolean as a text.
    template <size_t N> void scalar(const char (&label)[N], const Tape &tape, size_t place) {
        open(label);
        writer.template scalar<level>(tape, place);
        close();
    }
    template <size_t N> void integer(const char (&label)[N], int64_t value) {
        if constexpr (F == FG_PACKED) {
            writer.bits(value);
        } else {
            writer.raw(label);
            writer.integer(value);
        }
    }
    template <size_t N> void flag(const char (&label)[N], bool value) {
        if constexpr (F == FG_PACKED) {
            writer.bits(uint8_t(value));
        } else {
            writer.raw(label);
            writer.raw(value ? "1" : "0", 1);
        }
    }
    template <size_t N> void number(const char (&label)[N], double value) {
        if constexpr (F == FG_PACKED) {
            writer.bits(uint8_t(0));
            writer.bits(value);
        } else {
            writer.raw(label);
            writer.number(value);
        }
    }
    template <size_t N> void number(const char (&label)[N], const Tape &tape, size_t place) {
        if constexpr (F == FG_PACKED) {
            char kind = tape.kind(place);
            number(label, kind == 'l' ? double(int64_t(tape.words[place + 1]))
                : kind == 'u' ? double(tape.words[place + 1]) : tape.fraction(place));
        } else {
            writer.raw(label);
            writer.template scalar<Level::Plain>(tape, place);
        }
    }
    template <size_t N> void null(const char (&label)[N]) {
        if constexpr (F == FG_PACKED) {
            writer.bits(uint8_t(1));
        } else {
            writer.raw(label);
            writer.raw("null");
        }
    }
};

}  // namespace floodgate

#endif
