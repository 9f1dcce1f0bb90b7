// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_EVENT_ROWS_H
#define FLOODGATE_EVENT_ROWS_H

#include "batch.h"
#include "cells.h"

#include <string>
#include <unordered_map>

namespace floodgate {

/// Makes the rows of `WarehouseTable` in one form; what columns mean is said there.
class Rows {
public:
    /// How much there is of each table.
    struct Place {
        size_t sizes[3] = {0, 0, 0};
        uint64_t counts[3] = {0, 0, 0};
    };

    /// What hashed names of gates and configs stand for.
    std::unordered_map<std::string, std::string> names;

    explicit Rows(fg_form form) : form_(form) {}

    Place place() const;
    /// Forgets what was made behind `place`.
    void cut(const Place &place);
    const Writer &writer(fg_table table) const { return writers_[table]; }
    uint64_t count(fg_table table) const { return counts_[table]; }

    /// Takes in what the rows of a batch have in common.
    void begin(const Batch &batch, const fg_batch_terms &terms);
    /// The row of an event: an exposure or another one.
    void live(const Event &event, size_t number);
    /// The row of an event that cannot be loaded.
    void dead(const Event &event, size_t number);

private:
    /// What an exposure's metadata says; 0 for what it does not.
    struct Exposure {
        size_t gate = 0, gate_value = 0, config = 0, rule_id = 0, reason = 0, version = 0, override_name = 0;
        size_t is_manual = 0, parameter = 0, experiment = 0;
    };

    Exposure exposure(const Event &event) const;
    template <fg_form F> void begin(const Batch &batch);
    template <fg_form F> void live(const Event &event, size_t number);
    template <fg_form F> void dead(const Event &event, size_t number);
    template <fg_form F> void shared(Cells<F> &out, const Event &event, size_t number, size_t name);
    template <fg_form F> void exposure(Cells<F> &out, const Event &event, const Exposure &parts);
    template <fg_form F> void other(Cells<F> &out, const Event &event);
    /// Which of an object's members.
    enum class Members { NotNull, RestOfUser, AllButPrivate };
    template <fg_form F, size_t N>
    void members(Cells<F> &out, const char (&label)[N], size_t place, Members which);
    /// An object inside a text; nothing if there are no such members, but `{}` of `AllButPrivate`.
    template <Level L> void members(Writer &out, size_t place, Members which);
    template <Level L> void secondary(Writer &out, size_t place);
    /// A name of a gate or config, as what it stands for.
    template <Level L> void renamed(Writer &out, size_t place);
    bool flag(size_t place, bool &value) const;
    bool integer(size_t place, int64_t &value) const;
    int64_t sampling_rate(const Event &event) const;

    const fg_form form_;
    Writer writers_[3];
    uint64_t counts_[3] = {0, 0, 0};
    const fg_batch_terms *terms_ = nullptr;
    const Tape *tape_ = nullptr;
    /// Written for all rows of a batch at once: environment; session, SDK and key.
    Writer environment_, origin_;
    std::string lookup_;
};

}  // namespace floodgate

#endif
