// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_EVENT_BATCH_H
#define FLOODGATE_EVENT_BATCH_H

#include "include/CFloodgateEventScan.h"

#include "walk.h"

#include <simdjson.h>

#include <memory>
#include <vector>

namespace floodgate {

/// An event that can be kept: where its members stand on the tape, 0 for what is absent.
struct Event {
    size_t place = 0;
    size_t user = 0, value = 0, metadata = 0, statsig_metadata = 0, secondary_exposures = 0;
    Text name;
    int64_t time = 0;
    bool is_exposure = false;
    Hash id;
};

/// Reads bodies; what it says about one is valid until it reads the next.
class Batch {
public:
    std::vector<Event> events;
    std::vector<fg_rejection> rejections;
    uint32_t exposures = 0;
    uint32_t diagnostics = 0;
    bool is_clean = false;
    /// The place of the batch's own `statsigMetadata`, 0 if it is absent.
    size_t statsig_metadata = 0;

    const Tape &tape() const { return walk_.tape; }

    /// Fills in all of the above. May throw `std::bad_alloc`.
    fg_status read(const uint8_t *body, size_t size, const fg_terms &terms);

private:
    bool parse(const uint8_t *body, size_t size, fg_status &failure);
    void top(const fg_terms &terms);
    void event(size_t place, uint32_t number, const fg_terms &terms);
    bool time(size_t place, int64_t received_at, int64_t &time);
    void user(size_t place, Fingerprints &prints);
    bool has_key(size_t place) const;
    Hash id(size_t place, const Fingerprints &prints, const fg_terms &terms);

    std::unique_ptr<simdjson::dom::parser> parser_;
    Walk walk_;
    Hash session_;
    /// Equal events of the batch so far.
    HashCounts fingerprints_;
};

}  // namespace floodgate

/// The C name of a reader.
struct fg_scanner {
    floodgate::Batch batch;
};

#endif
