// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "batch.h"

#include <new>

fg_scanner *fg_scanner_make(void) {
    try {
        return new fg_scanner();
    } catch (...) {
        return nullptr;
    }
}

void fg_scanner_free(fg_scanner *scanner) { delete scanner; }

fg_status fg_scan(fg_scanner *scanner, const uint8_t *body, size_t size, const fg_terms *terms, fg_summary *summary) {
    floodgate::Batch &batch = scanner->batch;
    *summary = fg_summary();
    try {
        fg_status status = batch.read(body, size, *terms);
        if (status != FG_READ) return status;
    } catch (const std::bad_alloc &) {
        return FG_NO_MEMORY;
    }
    summary->events = uint32_t(batch.events.size());
    summary->exposures = batch.exposures;
    summary->diagnostics = batch.diagnostics;
    summary->rejections = batch.rejections.data();
    summary->rejection_count = uint32_t(batch.rejections.size());
    summary->is_clean = batch.is_clean ? 1 : 0;
    for (const floodgate::Event &event : batch.events) {
        summary->id_xor ^= event.id.first;
        summary->id_sum += event.id.first;
    }
    return FG_READ;
}
