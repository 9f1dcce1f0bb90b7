// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// What stands in texts, and in the bytes of a body.

#ifndef FLOODGATE_EVENT_TEXT_H
#define FLOODGATE_EVENT_TEXT_H

#include "tape.h"

namespace floodgate {

/// How many commas and openings there are, those inside texts too.
size_t punctuation(const uint8_t *body, size_t size);

/// Whether every escaped half of a surrogate pair has its other half; `body` is JSON.
///
/// simdjson 3.0 takes some halves that stand alone, and makes no Unicode of them.
bool has_whole_surrogates(const uint8_t *body, size_t size);

/// Whether an SDK key stands in `text` that `KeyRedaction` would take out.
bool contains_key(Text text);

/// Whether a text may be the id of an event: 1 to 64 of letters, digits, `_`, `.`, `:` and `-`.
bool is_event_id(Text text);

}  // namespace floodgate

#endif
