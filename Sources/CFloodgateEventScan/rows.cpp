// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "rows.h"

#include <charconv>

namespace floodgate {

namespace {

constexpr int64_t second = 1000, minute = 60 * second, day = 24 * 60 * minute;

Text text(const char *start, size_t size) { return {start, size}; }

/// Whether a text says `word`, which is in small letters.
bool says(Text text, Text word) {
    if (text.size != word.size) return false;
    for (size_t index = 0; index < text.size; index++) {
        char byte = text.start[index];
        if ((byte >= 'A' && byte <= 'Z' ? char(byte | 0x20) : byte) != word.start[index]) return false;
    }
    return true;
}

/// When the event happened, by the client's clock put right (EV-16); `received_at` if that cannot be.
int64_t corrected(int64_t time, const fg_batch_terms &terms, bool &is_clamped) {
    // 128 bits: the two clocks may be anything.
    __int128 received = terms.terms.received_at, value = time;
    if (terms.has_sent_at) {
        __int128 skew = received - terms.sent_at;
        if (skew > 2 * second || skew < -2 * second) value += skew;
    }
    is_clamped = value < received - 7 * day || value > received + 10 * minute;
    return is_clamped ? terms.terms.received_at : int64_t(value);
}

/// Whether a text is a decimal number and nothing else; a 64-bit float must hold it.
bool reads_as_number(Text text, double &value) {
    if (text.size == 0) return false;
    char first = text.start[0];
    if (!(first >= '0' && first <= '9') && first != '-' && first != '.') return false;
    const char *end = text.start + text.size;
    auto result = std::from_chars(text.start, end, value);
    return result.ec == std::errc() && result.ptr == end && std::isfinite(value);
}

}  // namespace

Rows::Place Rows::place() const {
    Place place;
    for (int table = 0; table < 3; table++) {
        place.sizes[table] = writers_[table].size();
        place.counts[table] = counts_[table];
    }
    return place;
}

void Rows::cut(const Place &place) {
    for (int table = 0; table < 3; table++) {
        writers_[table].cut(place.sizes[table]);
        counts_[table] = place.counts[table];
    }
}

void Rows::begin(const Batch &batch, const fg_batch_terms &terms) {
    terms_ = &terms;
    tape_ = &batch.tape();
    environment_.cut(0);
    environment_.raw("\",\"environment\":\"");
    environment_.content<Level::Plain>(text(terms.environment, terms.environment_size));
    size_t sdk = batch.statsig_metadata;
    origin_.cut(0);
    origin_.raw(",\"session_id\":\"");
    origin_.scalar(*tape_, tape_->member(sdk, "sessionID"));
    origin_.raw("\",\"sdk_type\":\"");
    origin_.scalar(*tape_, tape_->member(sdk, "sdkType"));
    origin_.raw("\",\"sdk_version\":\"");
    origin_.scalar(*tape_, tape_->member(sdk, "sdkVersion"));
    origin_.raw("\",\"key_kind\":\"");
    origin_.content<Level::Plain>(text(terms.key_kind, terms.key_kind_size));
    origin_.raw("\",\"user\":\"");
}

void Rows::live(const Event &event, size_t number) {
    fg_table table = event.is_exposure ? FG_EXPOSURES : FG_EVENTS;
    Writer &out = writers_[table];
    if (event.is_exposure) {
        Exposure parts = exposure(event);
        shared(out, event, number, event.name.is("statsig::gate_exposure") ? parts.gate : parts.config);
        exposure(out, event, parts);
    } else {
        shared(out, event, number, 0);
        other(out, event);
    }
    counts_[table] += 1;
}

void Rows::dead(const Event &event, size_t number) {
    Writer &out = writers_[FG_DEAD_LETTERS];
    out.raw("{\"id\":\"");
    out.uuid(event.id);
    out.raw(environment_.start(), environment_.size());
    out.raw("\",\"received_at\":");
    out.integer(terms_->terms.received_at);
    out.raw(",\"node\":\"");
    out.content<Level::Plain>(text(terms_->node, terms_->node_size));
    out.raw("\",\"position\":");
    out.integer(terms_->position);
    out.raw(",\"number\":");
    out.integer(uint64_t(number));
    out.raw(",\"key_kind\":\"");
    out.content<Level::Plain>(text(terms_->key_kind, terms_->key_kind_size));
    out.raw("\",\"reason\":\"");
    out.content<Level::Plain>(text(terms_->dead_reason, terms_->dead_reason_size));
    out.raw("\",\"event\":\"{");
    size_t end = tape_->behind(event.place) - 1;
    for (size_t at = event.place + 1; at < end; at = tape_->next(at + 1)) {
        if (at != event.place + 1) out.raw(",");
        out.text<Level::Quoted>(tape_->text(at));
        out.raw(":");
        if (at + 1 == event.user) members(out, event.user, Members::AllButPrivate);
        else out.value<Level::Quoted>(*tape_, at + 1);
    }
    out.raw("}\"}\n");
    counts_[FG_DEAD_LETTERS] += 1;
}

void Rows::shared(Writer &out, const Event &event, size_t number, size_t name) {
    out.raw("{\"id\":\"");
    out.uuid(event.id);
    out.raw(environment_.start(), environment_.size());
    out.raw("\",\"name\":\"");
    if (event.is_exposure) renamed<Level::Plain>(out, name);
    else out.content<Level::Plain>(event.name);
    out.raw("\",\"user_id\":\"");
    out.scalar(*tape_, tape_->member(event.user, "userID"));
    out.raw("\",\"custom_ids\":\"");
    members(out, tape_->member(event.user, "customIDs"), Members::NotNull);
    out.raw("\",\"time\":");
    bool is_clamped = false;
    out.integer(corrected(event.time, *terms_, is_clamped));
    out.raw(",\"client_time\":");
    out.integer(event.time);
    out.raw(",\"received_at\":");
    out.integer(terms_->terms.received_at);
    if (is_clamped) out.raw(",\"is_clamped\":1,\"position\":");
    else out.raw(",\"is_clamped\":0,\"position\":");
    out.integer(terms_->position);
    out.raw(",\"number\":");
    out.integer(uint64_t(number));
    out.raw(origin_.start(), origin_.size());
    members(out, event.user, Members::RestOfUser);
}

Rows::Exposure Rows::exposure(const Event &event) const {
    Exposure parts;
    if (event.metadata == 0) return parts;
    size_t end = tape_->behind(event.metadata) - 1;
    for (size_t at = event.metadata + 1; at < end; at = tape_->next(at + 1)) {
        Text name = tape_->text(at);
        size_t place = tape_->kind(at + 1) == 'n' ? 0 : at + 1;
        switch (name.size) {
        case 4:
            if (name.is("gate")) parts.gate = place;
            break;
        case 6:
            if (name.is("ruleID")) parts.rule_id = place;
            else if (name.is("reason")) parts.reason = place;
            else if (name.is("config")) parts.config = place;
            break;
        case 9:
            if (name.is("gateValue")) parts.gate_value = place;
            break;
        case 13:
            if (name.is("configVersion")) parts.version = place;
            else if (name.is("parameterName")) parts.parameter = place;
            break;
        case 16:
            if (name.is("isManualExposure")) parts.is_manual = place;
            break;
        case 18:
            if (name.is("overrideConfigName")) parts.override_name = place;
            break;
        case 19:
            if (name.is("allocatedExperiment")) parts.experiment = place;
            break;
        default: break;
        }
    }
    return parts;
}

void Rows::exposure(Writer &out, const Event &event, const Exposure &parts) {
    bool is_gate = event.name.is("statsig::gate_exposure"), is_layer = event.name.is("statsig::layer_exposure");
    if (is_gate) out.raw("\",\"kind\":\"gate\",\"rule_id\":\"");
    else if (is_layer) out.raw("\",\"kind\":\"layer\",\"rule_id\":\"");
    else out.raw("\",\"kind\":\"config\",\"rule_id\":\"");
    out.scalar(*tape_, parts.rule_id);
    out.raw("\",\"value\":\"");
    bool flag = false;
    if (is_gate && this->flag(parts.gate_value, flag)) flag ? out.raw("true") : out.raw("false");
    out.raw("\",\"parameter\":\"");
    if (is_layer) out.scalar(*tape_, parts.parameter);
    out.raw("\",\"experiment\":\"");
    if (is_layer) renamed<Level::Plain>(out, parts.experiment);
    out.raw("\",\"reason\":\"");
    out.scalar(*tape_, parts.reason);
    out.raw("\",\"version\":");
    int64_t version = 0;
    out.integer(integer(parts.version, version) ? version : 0);
    out.raw(",\"override_name\":\"");
    out.scalar(*tape_, parts.override_name);
    out.raw("\",\"is_manual\":");
    this->flag(parts.is_manual, flag) && flag ? out.raw("1") : out.raw("0");
    out.raw(",\"sampling_rate\":");
    out.integer(sampling_rate(event));
    out.raw(",\"secondary\":\"");
    secondary(out, event.secondary_exposures);
    out.raw("\"}\n");
}

void Rows::other(Writer &out, const Event &event) {
    out.raw("\",\"value\":");
    double number = 0;
    size_t value = event.value;
    if (value != 0 && tape_->is_number(value)) out.scalar(*tape_, value);
    else if (value != 0 && tape_->kind(value) == '"' && reads_as_number(tape_->text(value), number)) out.number(number);
    else out.raw("null");
    out.raw(",\"value_text\":\"");
    out.scalar(*tape_, value);
    out.raw("\",\"metadata\":\"");
    members(out, event.metadata, Members::NotNull);
    out.raw("\",\"statsig_metadata\":\"");
    members(out, event.statsig_metadata, Members::NotNull);
    out.raw("\"}\n");
}

void Rows::members(Writer &out, size_t place, Members which) {
    if (place == 0 || tape_->kind(place) != '{') return;
    bool is_first = true;
    size_t end = tape_->behind(place) - 1;
    for (size_t at = place + 1; at < end; at = tape_->next(at + 1)) {
        Text name = tape_->text(at);
        if (which != Members::AllButPrivate && tape_->kind(at + 1) == 'n') continue;
        if (which != Members::NotNull && name.is("privateAttributes")) continue;
        if (which == Members::RestOfUser && (name.is("userID") || name.is("customIDs"))) continue;
        is_first ? out.raw("{") : out.raw(",");
        is_first = false;
        out.text<Level::Quoted>(name);
        out.raw(":");
        out.value<Level::Quoted>(*tape_, at + 1);
    }
    if (!is_first) out.raw("}");
    else if (which == Members::AllButPrivate) out.raw("{}");
}

void Rows::secondary(Writer &out, size_t place) {
    if (place == 0 || tape_->is_empty(place)) return;
    if (names.empty()) return out.value<Level::Quoted>(*tape_, place);
    out.raw("[");
    size_t end = tape_->behind(place) - 1;
    for (size_t item = place + 1; item < end; item = tape_->next(item)) {
        item == place + 1 ? out.raw("{") : out.raw(",{");
        size_t item_end = tape_->behind(item) - 1;
        for (size_t at = item + 1; at < item_end; at = tape_->next(at + 1)) {
            if (at != item + 1) out.raw(",");
            Text name = tape_->text(at);
            out.text<Level::Quoted>(name);
            out.raw(":");
            if (name.is("gate") && tape_->kind(at + 1) == '"') {
                out.quote<Level::Quoted>();
                renamed<Level::Quoted>(out, at + 1);
                out.quote<Level::Quoted>();
            } else {
                out.value<Level::Quoted>(*tape_, at + 1);
            }
        }
        out.raw("}");
    }
    out.raw("]");
}

template <Level L> void Rows::renamed(Writer &out, size_t place) {
    if (place != 0 && !names.empty() && tape_->kind(place) == '"') {
        Text hash = tape_->text(place);
        lookup_.assign(hash.start, hash.size);
        auto found = names.find(lookup_);
        if (found != names.end()) return out.content<L>({found->second.data(), found->second.size()});
    }
    if (place != 0 && tape_->kind(place) == '"') out.content<L>(tape_->text(place));
    else out.scalar(*tape_, place);
}

bool Rows::flag(size_t place, bool &value) const {
    if (place == 0) return false;
    char kind = tape_->kind(place);
    Text text = kind == '"' ? tape_->text(place) : Text();
    value = kind == 't' || says(text, {"true", 4});
    return value || kind == 'f' || says(text, {"false", 5});
}

bool Rows::integer(size_t place, int64_t &value) const {
    if (place == 0) return false;
    if (tape_->kind(place) == 'l') {
        value = int64_t(tape_->words[place + 1]);
        return true;
    }
    if (tape_->kind(place) != '"') return false;
    Text text = tape_->text(place);
    const char *start = text.start, *end = text.start + text.size;
    if (text.size > 1 && *start == '+' && start[1] != '-') start += 1;
    auto result = std::from_chars(start, end, value);
    return result.ec == std::errc() && result.ptr == end;
}

int64_t Rows::sampling_rate(const Event &event) const {
    size_t mode = tape_->member(event.statsig_metadata, "samplingMode");
    if (mode == 0 || tape_->kind(mode) != '"' || !tape_->text(mode).is("on")) return 1;
    size_t place = tape_->member(event.statsig_metadata, "samplingRate");
    int64_t rate = 1;
    if (place != 0 && tape_->is_number(place)) {
        Number number = tape_->number(place);
        if (number.kind == Number::Signed) rate = int64_t(number.bits);
    } else {
        integer(place, rate);
    }
    return rate < 1 ? 1 : rate;
}

}  // namespace floodgate
