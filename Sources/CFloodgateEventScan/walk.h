// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Goes through values of which no member matters by name: finds what needs care, and hashes them if asked to.

#ifndef FLOODGATE_EVENT_WALK_H
#define FLOODGATE_EVENT_WALK_H

#include "identity.h"
#include "tape.h"

#include <algorithm>
#include <vector>

namespace floodgate {

/// The names of one object's members, to find one that stands twice.
class Names {
public:
    /// Notes the name with this record; says whether it was there before.
    bool repeats(const uint8_t *record) {
        uint32_t size = Tape::size_of(record);
        uint64_t mark = this->mark(record + sizeof size, size);
        if (count_ < most) {
            for (size_t index = 0; index < count_; index++) {
                if (marks_[index] == mark && equal(records_[index], record)) return true;
            }
            marks_[count_] = mark;
            records_[count_] = record;
        }
        count_ += 1;
        return false;
    }

    /// Whether there were too many to be compared.
    bool is_full() const { return count_ > most; }

    static bool equal(const uint8_t *left, const uint8_t *right) {
        return std::memcmp(left, right, sizeof(uint32_t) + Tape::size_of(left)) == 0;
    }

private:
    static constexpr size_t most = 24;

    /// Nearly always different for different names. Up to 8 bytes behind a name are readable: simdjson leaves room there.
    static uint64_t mark(const uint8_t *bytes, uint32_t size) {
        uint64_t first, last;
        std::memcpy(&first, bytes, 8);
        if (size < 8) return (size == 0 ? 0 : first << (64 - 8 * size)) ^ size;
        std::memcpy(&last, bytes + size - 8, 8);
        return (first * 0x9E3779B97F4A7C15) ^ last ^ (uint64_t(size) << 56);
    }

    uint64_t marks_[most];
    const uint8_t *records_[most];
    size_t count_ = 0;
};

class Walk {
public:
    Tape tape;
    /// Most arrays and objects inside each other.
    size_t depth = 64;
    /// Whether something was found that this reader does not decide.
    bool needs_care = false;

    /// Looks at the value at `place`, which has `outer` arrays and objects around it.
    void check(size_t place, size_t outer) {
        if (tape.is_container(place)) container<false>(place, outer + 1);
    }

    /// Looks at the value and hashes it so that neither the order of members nor the spelling of texts and numbers matters.
    Hash hashed(size_t place, size_t outer) { return value<true>(place, outer); }

    /// Whether one of an object's names stands twice; for objects of many members.
    bool repeats_any(size_t place) {
        std::vector<const uint8_t *> names;
        size_t end = tape.behind(place) - 1;
        for (size_t at = place + 1; at < end; at = tape.next(at + 1)) names.push_back(tape.record(at));
        std::sort(names.begin(), names.end(), [](const uint8_t *left, const uint8_t *right) {
            uint32_t first = Tape::size_of(left), second = Tape::size_of(right);
            if (first != second) return first < second;
            return std::memcmp(left + sizeof first, right + sizeof first, first) < 0;
        });
        return std::adjacent_find(names.begin(), names.end(), Names::equal) != names.end();
    }

private:
    template <bool Hashes> Hash value(size_t place, size_t outer) {
        switch (tape.kind(place)) {
        case '{':
        case '[': return container<Hashes>(place, outer + 1);
        case '"':
            if (Hashes) {
                const uint8_t *record = tape.record(place);
                return hash(record, sizeof(uint32_t) + Tape::size_of(record));
            }
            return {};
        case 't': return Hashes ? hash(Part::True, {}, {}) : Hash();
        case 'f': return Hashes ? hash(Part::False, {}, {}) : Hash();
        case 'n': return Hashes ? hash(Part::Null, {}, {}) : Hash();
        default:
            if (Hashes) {
                Number number = tape.number(place);
                return hash(Part::Number, {number.kind, number.bits}, {});
            }
            return {};
        }
    }

    template <bool Hashes> Hash container(size_t place, size_t level) {
        if (level > depth) {
            needs_care = true;
            return {};
        }
        return tape.kind(place) == '{' ? object<Hashes>(place, level) : list<Hashes>(place, level);
    }

    template <bool Hashes> Hash list(size_t place, size_t level) {
        size_t end = tape.behind(place) - 1;
        Hash all;
        for (size_t at = place + 1; at < end; at = tape.next(at)) {
            Hash item = value<Hashes>(at, level);
            if (Hashes) all = hash(Part::List, all, item);
        }
        return Hashes ? hash(Part::List, all, {}) : all;
    }

    template <bool Hashes> Hash object(size_t place, size_t level) {
        size_t end = tape.behind(place) - 1;
        Names names;
        // Added up, so that the order does not matter.
        Hash sum;
        for (size_t at = place + 1; at < end;) {
            size_t value_place = at + 1;
            const uint8_t *name = tape.record(at);
            if (names.repeats(name)) needs_care = true;
            if (Hashes) {
                Hash member = this->member(name, value_place, level);
                sum.first += member.first;
                sum.second += member.second;
            } else if (tape.is_container(value_place)) {
                container<false>(value_place, level + 1);
            }
            at = tape.next(value_place);
        }
        if (names.is_full() && repeats_any(place)) needs_care = true;
        return Hashes ? hash(Part::Object, sum, {}) : sum;
    }

    /// The hash of a member; nothing if its value is null, which is the same as absent.
    Hash member(const uint8_t *name, size_t place, size_t level) {
        size_t size = sizeof(uint32_t) + Tape::size_of(name);
        char kind = tape.kind(place);
        if (kind == 'n') return {};
        if (kind == '"') {
            const uint8_t *text = tape.record(place);
            size_t text_size = sizeof(uint32_t) + Tape::size_of(text);
            // Name and text lie together, each with its length: hashed in one go.
            if (text == name + size + 1) return hash(name, size + 1 + text_size);
            needs_care = true;
            return {};
        }
        return hash(Part::Member, hash(name, size), value<true>(place, level));
    }
};

}  // namespace floodgate

#endif
