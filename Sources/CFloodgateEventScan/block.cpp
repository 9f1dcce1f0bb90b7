// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "rows.h"

using floodgate::Event;

struct fg_block {
    explicit fg_block(fg_form form) : rows(form) {}

    floodgate::Rows rows;
    floodgate::HashCounts ids;
    /// The ids that the batch being added has brought, in order.
    std::vector<floodgate::Hash> added;
};

fg_block *fg_block_make(fg_form form) {
    try {
        return new fg_block(form);
    } catch (...) {
        return nullptr;
    }
}

void fg_block_free(fg_block *block) { delete block; }

void fg_block_clear(fg_block *block) {
    block->rows.cut({});
    block->ids.clear();
}

fg_status fg_block_add(
    fg_block *block, fg_scanner *scanner, const uint8_t *body, size_t size, const fg_batch_terms *terms, fg_sums *sums) {
    *sums = fg_sums();
    fg_sums made = fg_sums();
    floodgate::Rows::Place before = block->rows.place();
    block->added.clear();
    try {
        fg_status status = scanner->batch.read(body, size, terms->terms);
        if (status != FG_READ) return status;
        const std::vector<Event> &events = scanner->batch.events;
        size_t end = terms->end < events.size() ? terms->end : events.size();
        size_t count = terms->first < end ? end - terms->first : 0;
        block->ids.reserve(count);
        block->added.reserve(count);
        block->rows.begin(scanner->batch, *terms);
        for (size_t number = terms->first; number < end; number++) {
            const Event &event = events[number];
            made.accepted += 1;
            made.id_xor ^= event.id.first;
            made.id_sum += event.id.first;
            bool is_new = block->ids.add(event.id) == 0;
            block->added.push_back(event.id);
            if (!is_new) {
                made.duplicate += 1;
            } else if (terms->dead_reason != nullptr) {
                block->rows.dead(event, number);
                made.dead += 1;
            } else {
                block->rows.live(event, number);
                made.loaded += 1;
            }
        }
    } catch (const std::bad_alloc &) {
        block->rows.cut(before);
        for (; !block->added.empty(); block->added.pop_back()) block->ids.remove(block->added.back());
        return FG_NO_MEMORY;
    }
    *sums = made;
    return FG_READ;
}

fg_rows fg_block_rows(const fg_block *block, fg_table table) {
    const floodgate::Writer &writer = block->rows.writer(table);
    return {reinterpret_cast<const uint8_t *>(writer.start()), writer.size(), block->rows.count(table)};
}

fg_status fg_block_rename(fg_block *block, const char *hash, size_t hash_size, const char *name, size_t name_size) {
    try {
        block->rows.names[std::string(hash, hash_size)] = std::string(name, name_size);
        return FG_READ;
    } catch (const std::bad_alloc &) {
        return FG_NO_MEMORY;
    }
}

void fg_block_forget_names(fg_block *block) { block->rows.names.clear(); }
