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
    form_ == FG_PACKED ? begin<FG_PACKED>(batch) : begin<FG_LINES>(batch);
}

template <fg_form F> void Rows::begin(const Batch &batch) {
    environment_.cut(0);
    Cells<F>(environment_).text(",\"environment\":\"", text(terms_->environment, terms_->environment_size));
    size_t sdk = batch.statsig_metadata;
    origin_.cut(0);
    Cells<F> origin(origin_);
    origin.scalar(",\"session_id\":\"", *tape_, tape_->member(sdk, "sessionID"));
    origin.scalar(",\"sdk_type\":\"", *tape_, tape_->member(sdk, "sdkType"));
    origin.scalar(",\"sdk_version\":\"", *tape_, tape_->member(sdk, "sdkVersion"));
    origin.text(",\"key_kind\":\"", text(terms_->key_kind, terms_->key_kind_size));
}

void Rows::live(const Event &event, size_t number) {
    form_ == FG_PACKED ? live<FG_PACKED>(event, number) : live<FG_LINES>(event, number);
}

void Rows::dead(const Event &event, size_t number) {
    form_ == FG_PACKED ? dead<FG_PACKED>(event, number) : dead<FG_LINES>(event, number);
}

template <fg_form F> void Rows::live(const Event &event, size_t number) {
    fg_table table = event.is_exposure ? FG_EXPOSURES : FG_EVENTS;
    Cells<F> out(writers_[table]);
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

template <fg_form F> void Rows::dead(const Event &event, size_t number) {
    Cells<F> out(writers_[FG_DEAD_LETTERS]);
    out.begin(event.id);
    out.writer.raw(environment_.start(), environment_.size());
    out.integer(",\"received_at\":", terms_->terms.received_at);
    out.text(",\"node\":\"", text(terms_->node, terms_->node_size));
    out.integer(",\"position\":", terms_->position);
    out.integer(",\"number\":", int64_t(number));
    out.text(",\"key_kind\":\"", text(terms_->key_kind, terms_->key_kind_size));
    out.text(",\"reason\":\"", text(terms_->dead_reason, terms_->dead_reason_size));
    out.open(",\"event\":\"");
    out.writer.raw("{");
    size_t end = tape_->behind(event.place) - 1;
    for (size_t at = event.place + 1; at < end; at = tape_->next(at + 1)) {
        if (at != event.place + 1) out.writer.raw(",");
        out.writer.template text<Cells<F>::json>(tape_->text(at));
        out.writer.raw(":");
        if (at + 1 == event.user) members<Cells<F>::json>(out.writer, event.user, Members::AllButPrivate);
        else out.writer.template value<Cells<F>::json>(*tape_, at + 1);
    }
    out.writer.raw("}");
    out.close();
    out.end();
    counts_[FG_DEAD_LETTERS] += 1;
}

template <fg_form F> void Rows::shared(Cells<F> &out, const Event &event, size_t number, size_t name) {
    out.begin(event.id);
    out.writer.raw(environment_.start(), environment_.size());
    out.open(",\"name\":\"");
    if (event.is_exposure) renamed<Cells<F>::level>(out.writer, name);
    else out.writer.template content<Cells<F>::level>(event.name);
    out.close();
    out.scalar(",\"user_id\":\"", *tape_, tape_->member(event.user, "userID"));
    members(out, ",\"custom_ids\":\"", tape_->member(event.user, "customIDs"), Members::NotNull);
    bool is_clamped = false;
    out.integer(",\"time\":", corrected(event.time, *terms_, is_clamped));
    out.integer(",\"client_time\":", event.time);
    out.integer(",\"received_at\":", terms_->terms.received_at);
    out.flag(",\"is_clamped\":", is_clamped);
    out.integer(",\"position\":", terms_->position);
    out.integer(",\"number\":", int64_t(number));
    out.writer.raw(origin_.start(), origin_.size());
    members(out, ",\"user\":\"", event.user, Members::RestOfUser);
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

template <fg_form F> void Rows::exposure(Cells<F> &out, const Event &event, const Exposure &parts) {
    bool is_gate = event.name.is("statsig::gate_exposure"), is_layer = event.name.is("statsig::layer_exposure");
    out.text(",\"kind\":\"", is_gate ? Text{"gate", 4} : is_layer ? Text{"layer", 5} : Text{"config", 6});
    out.scalar(",\"rule_id\":\"", *tape_, parts.rule_id);
    bool flag = false, has_value = is_gate && this->flag(parts.gate_value, flag);
    out.text(",\"value\":\"", !has_value ? Text() : flag ? Text{"true", 4} : Text{"false", 5});
    out.scalar(",\"parameter\":\"", *tape_, is_layer ? parts.parameter : 0);
    out.open(",\"experiment\":\"");
    if (is_layer) renamed<Cells<F>::level>(out.writer, parts.experiment);
    out.close();
    out.scalar(",\"reason\":\"", *tape_, parts.reason);
    int64_t version = 0;
    out.integer(",\"version\":", integer(parts.version, version) ? version : 0);
    out.scalar(",\"override_name\":\"", *tape_, parts.override_name);
    out.flag(",\"is_manual\":", this->flag(parts.is_manual, flag) && flag);
    out.integer(",\"sampling_rate\":", sampling_rate(event));
    out.open(",\"secondary\":\"");
    secondary<Cells<F>::json>(out.writer, event.secondary_exposures);
    out.close();
    out.end();
}

template <fg_form F> void Rows::other(Cells<F> &out, const Event &event) {
    double number = 0;
    size_t value = event.value;
    if (value != 0 && tape_->is_number(value)) out.number(",\"value\":", *tape_, value);
    else if (value != 0 && tape_->kind(value) == '"' && reads_as_number(tape_->text(value), number))
        out.number(",\"value\":", number);
    else out.null(",\"value\":");
    out.scalar(",\"value_text\":\"", *tape_, value);
    members(out, ",\"metadata\":\"", event.metadata, Members::NotNull);
    members(out, ",\"statsig_metadata\":\"", event.statsig_metadata, Members::NotNull);
    out.end();
}

template <fg_form F, size_t N> void Rows::members(Cells<F> &out, const char (&label)[N], size_t place, Members which) {
    out.open(label);
    members<Cells<F>::json>(out.writer, place, which);
    out.close();
}

template <Level L> void Rows::members(Writer &out, size_t place, Members which) {
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
        out.text<L>(name);
        out.raw(":");
        out.value<L>(*tape_, at + 1);
    }
    if (!is_first) out.raw("}");
    else if (which == Members::AllButPrivate) out.raw("{}");
}

template <Level L> void Rows::secondary(Writer &out, size_t place) {
    if (place == 0 || tape_->is_empty(place)) return;
    if (names.empty()) return out.value<L>(*tape_, place);
    out.raw("[");
    size_t end = tape_->behind(place) - 1;
    for (size_t item = place + 1; item < end; item = tape_->next(item)) {
        item == place + 1 ? out.raw("{") : out.raw(",{");
        size_t item_end = tape_->behind(item) - 1;
        for (size_t at = item + 1; at < item_end; at = tape_->next(at + 1)) {
            if (at != item + 1) out.raw(",");
            Text name = tape_->text(at);
            out.text<L>(name);
            out.raw(":");
            if (name.is("gate") && tape_->kind(at + 1) == '"') {
                out.quote<L>();
                renamed<L>(out, at + 1);
                out.quote<L>();
            } else {
                out.value<L>(*tape_, at + 1);
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
    else out.scalar<L>(*tape_, place);
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
