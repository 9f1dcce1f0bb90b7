// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "batch.h"

#include "text.h"

namespace floodgate {

namespace {

/// The places of `RejectedEvent.Code.allCases`.
enum Code : uint32_t {
    NotAnObject,
    MissingName,
    InvalidName,
    InvalidTime,
    InvalidUser,
    InvalidValue,
    InvalidMetadata,
    InvalidStatsigMetadata,
    InvalidSecondaryExposures,
};

/// Furthest from 1970 that a date may be, as `EventTime`.
constexpr int64_t furthest = 8640000000000000;

/// Bodies above this are rare: the memory for one is given back before the next.
constexpr size_t largest_kept = size_t(8) << 20;
constexpr size_t most_kept = 1 << 16;

static_assert(FG_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson looks further behind a body than callers allow for");

/// The members of an event that mean something here.
enum Known : uint32_t { Other, ID, Time, User, Value, Metadata, Name, StatsigMetadata, SecondaryExposures, KnownCount };

Known known(Text name) {
    switch (name.size) {
    case 2: return name.is("id") ? ID : Other;
    case 4: return name.is("time") ? Time : name.is("user") ? User : Other;
    case 5: return name.is("value") ? Value : Other;
    case 8: return name.is("metadata") ? Metadata : Other;
    case 9: return name.is("eventName") ? Name : Other;
    case 15: return name.is("statsigMetadata") ? StatsigMetadata : Other;
    case 18: return name.is("secondaryExposures") ? SecondaryExposures : Other;
    default: return Other;
    }
}

bool is_exposure(Text name) {
    return name.size > 20 && std::memcmp(name.start, "statsig::", 9) == 0
        && (name.is("statsig::gate_exposure") || name.is("statsig::config_exposure")
            || name.is("statsig::layer_exposure"));
}

}  // namespace

fg_status Batch::read(const uint8_t *body, size_t size, const fg_terms &terms) {
    if (events.capacity() > most_kept) std::vector<Event>().swap(events);
    if (rejections.capacity() > most_kept) std::vector<fg_rejection>().swap(rejections);
    events.clear();
    rejections.clear();
    exposures = 0;
    diagnostics = 0;
    is_clean = true;
    statsig_metadata = 0;
    session_ = {};
    if (size > terms.values && punctuation(body, size) > terms.values) return FG_NEEDS_CARE;
    // A mark of the byte order, which some versions of simdjson pass over.
    if (size > 0 && body[0] == 0xEF) return FG_NEEDS_CARE;
    fg_status failure = FG_NEEDS_CARE;
    if (!parse(body, size, failure)) return failure;
    if (!has_whole_surrogates(body, size)) return FG_NEEDS_CARE;

    walk_.depth = terms.depth < 1 ? 1 : terms.depth > 512 ? 512 : terms.depth;
    walk_.needs_care = false;
    top(terms);
    return walk_.needs_care ? FG_NEEDS_CARE : FG_READ;
}

bool Batch::parse(const uint8_t *body, size_t size, fg_status &failure) {
    if (parser_ && parser_->capacity() > largest_kept && size < largest_kept) parser_.reset();
    if (!parser_) parser_ = std::make_unique<simdjson::dom::parser>();
    // Without a copy: the bytes behind the body are there. Depth is counted by the walk.
    simdjson::error_code error = parser_->parse(body, size, false).error();
    if (error != simdjson::SUCCESS) {
        if (error == simdjson::MEMALLOC) failure = FG_NO_MEMORY;
        return false;
    }
    walk_.tape = {parser_->doc.tape.get(), parser_->doc.string_buf.get()};
    return true;
}

void Batch::top(const fg_terms &terms) {
    const Tape &tape = walk_.tape;
    size_t list = 0;
    Names names;
    // Place 0 is simdjson's own.
    if (tape.kind(1) != '{') {
        walk_.needs_care = true;
        return;
    }
    size_t end = tape.behind(1) - 1;
    for (size_t at = 2; at < end; at = tape.next(at + 1)) {
        Text name = tape.text(at);
        if (names.repeats(tape.record(at))) walk_.needs_care = true;
        if (name.is("events")) {
            list = at + 1;
        } else {
            walk_.check(at + 1, 1);
            // The default of events without a user: rewritten, so that each event has its own.
            if (name.is("user") && tape.kind(at + 1) != 'n') walk_.needs_care = true;
            if (name.is("statsigMetadata") && tape.kind(at + 1) == '{') statsig_metadata = at + 1;
        }
    }
    if (names.is_full() && walk_.repeats_any(1)) walk_.needs_care = true;
    if (list == 0 || tape.kind(list) != '[' || walk_.depth < 2 || walk_.needs_care) {
        walk_.needs_care = true;
        return;
    }
    if (statsig_metadata != 0) {
        if (has_key(statsig_metadata)) walk_.needs_care = true;
        size_t session = tape.member(statsig_metadata, "sessionID");
        if (session != 0) session_ = walk_.hashed(session, 2);
    }
    size_t list_end = tape.behind(list) - 1;
    fingerprints_.reset(std::min<size_t>(uint32_t(tape.words[list] >> 32) & 0xFFFFFF, 2048));
    uint32_t number = 0;
    for (size_t at = list + 1; at < list_end && !walk_.needs_care; at = tape.next(at)) event(at, number++, terms);
}

void Batch::event(size_t place, uint32_t number, const fg_terms &terms) {
    const Tape &tape = walk_.tape;
    auto reject = [&](Code code) {
        rejections.push_back({number, code});
        is_clean = false;
        // What is left out counts for the grammar all the same, and so may need care.
        walk_.check(place, 2);
    };
    if (tape.kind(place) != '{') return reject(NotAnObject);

    Event event;
    event.place = place;
    size_t places[KnownCount] = {};
    uint32_t seen = 0;
    Names others;
    size_t end = tape.behind(place) - 1;
    for (size_t at = place + 1; at < end; at = tape.next(at + 1)) {
        Known member = known(tape.text(at));
        if (member == Other ? others.repeats(tape.record(at)) : (seen >> member & 1) != 0) walk_.needs_care = true;
        seen |= uint32_t(1) << member;
        size_t value = at + 1;
        if (tape.kind(value) == 'n') continue;
        if (member != Other) places[member] = value;
        // The other ones are looked at below.
        if (member != User && member != Metadata && member != SecondaryExposures) walk_.check(value, 3);
    }
    size_t name = places[Name], time = places[Time];
    event.user = places[User];
    event.value = places[Value];
    event.metadata = places[Metadata];
    event.statsig_metadata = places[StatsigMetadata];
    event.secondary_exposures = places[SecondaryExposures];
    if (walk_.depth < 3 || (others.is_full() && walk_.repeats_any(place))) walk_.needs_care = true;
    if (walk_.needs_care) return;

    if (name == 0) return reject(MissingName);
    if (tape.kind(name) != '"' || Tape::size_of(tape.record(name)) == 0) return reject(InvalidName);
    event.name = tape.text(name);
    event.time = terms.received_at;
    if (time != 0 && !this->time(time, terms.received_at, event.time)) {
        if (walk_.needs_care) return;
        return reject(InvalidTime);
    }
    if (event.user != 0 && tape.kind(event.user) != '{') return reject(InvalidUser);
    if (event.value != 0 && tape.is_container(event.value)) return reject(InvalidValue);
    if (event.metadata != 0 && tape.kind(event.metadata) != '{') return reject(InvalidMetadata);
    if (event.statsig_metadata != 0 && tape.kind(event.statsig_metadata) != '{') return reject(InvalidStatsigMetadata);
    if (event.secondary_exposures != 0) {
        size_t list = event.secondary_exposures;
        if (tape.kind(list) != '[') return reject(InvalidSecondaryExposures);
        for (size_t at = list + 1; at < tape.behind(list) - 1; at = tape.next(at)) {
            if (tape.kind(at) != '{') return reject(InvalidSecondaryExposures);
        }
    }

    // The careful reader takes keys out of diagnostics; what it writes has none left.
    if (event.name.is("statsig::diagnostics")) {
        for (size_t at = place + 1; at < end; at = tape.next(at + 1)) {
            size_t value = at + 1;
            if (value != event.user && value != event.secondary_exposures && has_key(value)) walk_.needs_care = true;
        }
    }

    Fingerprints prints;
    if (event.user != 0) user(event.user, prints);
    if (event.metadata != 0) prints.metadata = walk_.hashed(event.metadata, 3);
    if (event.secondary_exposures != 0) {
        Hash gates = walk_.hashed(event.secondary_exposures, 3);
        // An empty list is the same as none.
        if (!tape.is_empty(event.secondary_exposures)) prints.secondary_exposures = gates;
    }
    if (walk_.needs_care) return;
    const uint8_t *record = tape.record(name);
    prints.name = hash(record, sizeof(uint32_t) + Tape::size_of(record));
    if (event.value != 0) prints.value = walk_.hashed(event.value, 3);
    prints.session = session_;
    prints.time = event.time;
    event.id = id(places[ID], prints, terms);
    event.is_exposure = is_exposure(event.name);
    exposures += event.is_exposure ? 1 : 0;
    diagnostics += event.name.is("statsig::diagnostics") || event.name.is("statsig::non_exposed_checks") ? 1 : 0;
    events.push_back(event);
}

bool Batch::time(size_t place, int64_t received_at, int64_t &time) {
    const Tape &tape = walk_.tape;
    switch (tape.kind(place)) {
    case 'l': {
        int64_t value = int64_t(tape.words[place + 1]);
        time = value < -furthest || value > furthest ? received_at : value;
        return true;
    }
    case 'u': time = received_at; return true;
    case 'd': {
        double value = tape.fraction(place);
        time = std::fabs(value) <= double(furthest) ? int64_t(std::round(value)) : received_at;
        return true;
    }
    case '"': {
        // Digits, as some SDKs write them; whatever else a text may say is the careful reader's.
        Text text = tape.text(place);
        bool is_negative = text.size > 0 && text.start[0] == '-';
        size_t digits = text.size - (is_negative ? 1 : 0);
        int64_t value = 0;
        bool is_plain = digits > 0 && digits < 18;
        for (size_t index = text.size - digits; is_plain && index < text.size; index++) {
            is_plain = text.start[index] >= '0' && text.start[index] <= '9';
            value = value * 10 + (text.start[index] - '0');
        }
        if (!is_plain) walk_.needs_care = true;
        time = value > furthest ? received_at : is_negative ? -value : value;
        return is_plain;
    }
    default: return false;
    }
}

void Batch::user(size_t place, Fingerprints &prints) {
    const Tape &tape = walk_.tape;
    Names names;
    size_t end = tape.behind(place) - 1;
    if (walk_.depth < 4) walk_.needs_care = true;
    for (size_t at = place + 1; at < end; at = tape.next(at + 1)) {
        if (names.repeats(tape.record(at))) walk_.needs_care = true;
        size_t value = at + 1;
        if (tape.kind(value) == 'n') continue;
        Text member = tape.text(at);
        if (member.is("userID")) {
            prints.user_id = walk_.hashed(value, 4);
        } else if (member.is("customIDs")) {
            prints.custom_ids = walk_.hashed(value, 4);
        } else {
            walk_.check(value, 4);
            if (member.is("privateAttributes")) is_clean = false;
        }
    }
    if (names.is_full() && walk_.repeats_any(place)) walk_.needs_care = true;
}

// Recursion is bounded by the depth that simdjson allows, 1024.
bool Batch::has_key(size_t place) const {
    const Tape &tape = walk_.tape;
    if (tape.kind(place) == '"') return contains_key(tape.text(place));
    if (!tape.is_container(place)) return false;
    // Names of members are kept as they are.
    size_t step = tape.kind(place) == '{' ? 1 : 0;
    size_t end = tape.behind(place) - 1;
    for (size_t at = place + 1 + step; at < end + step; at = tape.next(at) + step) {
        if (has_key(at)) return true;
    }
    return false;
}

Hash Batch::id(size_t own, const Fingerprints &prints, const fg_terms &terms) {
    if (own != 0 && walk_.tape.kind(own) == '"') {
        Text text = walk_.tape.text(own);
        if (is_event_id(text)) return hash(text.start, text.size, terms.seed + Way::OwnID);
    }
    if (terms.idempotency_key_size > 0) {
        Hash key = hash(terms.idempotency_key, terms.idempotency_key_size, terms.seed + Way::RequestKey);
        // Counted without the events that are left out, as they are missing when the batch is read again.
        uint64_t words[] = {key.first, key.second, events.size()};
        return hash(words, sizeof words, terms.seed + Way::RequestKey);
    }
    Hash print = hash(&prints, sizeof prints, terms.seed + Way::Fingerprint);
    fingerprints_.reserve(1);
    uint32_t earlier = fingerprints_.add(print);
    if (earlier == 0) return print;
    uint64_t words[] = {print.first, print.second, earlier};
    return hash(words, sizeof words, terms.seed + Way::Fingerprint);
}

}  // namespace floodgate
