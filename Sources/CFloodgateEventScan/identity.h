// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Which event it is: 128 bits that are the same whenever the same event comes again.

#ifndef FLOODGATE_EVENT_IDENTITY_H
#define FLOODGATE_EVENT_IDENTITY_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace floodgate {

/// 128 bits; the first half is what stands first in the id's text.
struct Hash {
    uint64_t first = 0;
    uint64_t second = 0;

    bool operator==(const Hash &other) const { return first == other.first && second == other.second; }
};

inline Hash hash(const void *bytes, size_t size) {
    XXH128_hash_t value = XXH3_128bits(bytes, size);
    return {value.high64, value.low64};
}

inline Hash hash(const void *bytes, size_t size, uint64_t seed) {
    XXH128_hash_t value = XXH3_128bits_withSeed(bytes, size, seed);
    return {value.high64, value.low64};
}

/// What a value is, so that values of different kinds have different hashes.
enum class Part : uint64_t { False = 1, True, Null, Number, List, Object, Member };

/// One hash of several words.
inline Hash hash(Part part, Hash left, Hash right) {
    uint64_t words[] = {uint64_t(part), left.first, left.second, right.first, right.second};
    return hash(words, sizeof words);
}

/// What the ways to an id add to the seed, so that an id of one way is none of another.
enum Way : uint64_t { OwnID = 0x1d, RequestKey = 0x6b79, Fingerprint = 0xf1 };

/// What stands in an event's fingerprint; absent parts are 0.
struct Fingerprints {
    Hash session, name, user_id, custom_ids, value, metadata, secondary_exposures;
    int64_t time = 0;
};

/// Counts how often a hash was seen. Places depend on a number that nobody else knows, so that nobody can make them collide.
class HashCounts {
public:
    HashCounts() {
        std::random_device device;
        factor_ = (uint64_t(device()) << 32 | device()) | 1;
    }

    /// Forgets all and makes room for `count` more.
    void reset(size_t count) {
        size_t size = 64;
        while (size < count * 2) size *= 2;
        if (slots_.size() < size || slots_.size() > 64 * size) slots_ = std::vector<Slot>(size);
        else std::fill(slots_.begin(), slots_.end(), Slot());
        used_ = 0;
    }

    /// Forgets all and keeps the memory.
    void clear() {
        if (used_ > 0) std::fill(slots_.begin(), slots_.end(), Slot());
        used_ = 0;
    }

    /// Makes room for `count` more.
    void reserve(size_t count) {
        if ((used_ + count) * 2 <= slots_.size()) return;
        size_t size = slots_.size() < 64 ? 64 : slots_.size();
        while (size < (used_ + count) * 2) size *= 2;
        std::vector<Slot> larger(size);
        slots_.swap(larger);
        for (const Slot &slot : larger) {
            if (slot.count != 0) slots_[find(slot.hash)] = slot;
        }
    }

    /// Notes `hash` once more and says how often it was there before; there must be room.
    uint32_t add(Hash hash) {
        Slot &slot = slots_[find(hash)];
        if (slot.count == 0) {
            slot.hash = hash;
            used_ += 1;
        }
        return slot.count++;
    }

    /// Takes back an `add`; only the newest that was not taken back.
    void remove(Hash hash) {
        Slot &slot = slots_[find(hash)];
        slot.count -= 1;
        if (slot.count == 0) used_ -= 1;
    }

private:
    struct Slot {
        Hash hash;
        uint32_t count = 0;
    };

    size_t find(Hash hash) const {
        size_t mask = slots_.size() - 1;
        // The upper half of the product depends on all bits of the hash.
        unsigned __int128 product = (unsigned __int128)(hash.first ^ factor_) * ((hash.second ^ factor_) | 1);
        size_t place = size_t(uint64_t(product >> 64) ^ uint64_t(product)) & mask;
        while (slots_[place].count != 0 && !(slots_[place].hash == hash)) place = (place + 1) & mask;
        return place;
    }

    std::vector<Slot> slots_;
    size_t used_ = 0;
    uint64_t factor_;
};

}  // namespace floodgate

#endif
