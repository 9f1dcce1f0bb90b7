// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Batches of events, read once and strictly: what is good, what is not, which events they are, and their rows for the
// warehouse. Over simdjson (JSON) and xxHash (ids).
//
// What is read here is read as `EventBatchReader` of FloodgateEvents reads it; where this reader is stricter it says
// `FG_NEEDS_CARE`, and the caller asks that one. It never takes what that one refuses.

#ifndef FLOODGATE_EVENT_SCAN_H
#define FLOODGATE_EVENT_SCAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How many bytes behind the end of a body must be readable; what they are does not matter.
#define FG_PADDING 64

/// A reader with its memory, which it keeps from one body to the next; for one thread at a time.
typedef struct fg_scanner fg_scanner;

/// What is known around a body.
typedef struct {
    /// Keeps ids apart between projects and environments.
    uint64_t seed;
    /// When the request arrived, in Unix milliseconds; the time of events that have none.
    int64_t received_at;
    /// The header `Idempotency-Key`; ids of events without one of their own are made of it and the event's number.
    const char *idempotency_key;
    size_t idempotency_key_size;
    /// Most arrays and objects inside each other.
    uint32_t depth;
    /// Most values; commas and openings, also those inside texts, stand for them.
    uint64_t values;
} fg_terms;

typedef enum {
    /// The body is a batch.
    FG_READ = 0,
    /// The body, or a part of it, is such that the careful reader has to look: it may or may not be a batch.
    FG_NEEDS_CARE = 1,
    /// There is no memory.
    FG_NO_MEMORY = 2,
} fg_status;

/// Why an event is left out; the numbers are the places of `RejectedEvent.Code.allCases`.
typedef struct {
    uint32_t number;
    uint32_t code;
} fg_rejection;

/// What a body holds.
typedef struct {
    /// Events that can be kept, and the exposures and the SDKs' notes to themselves among them.
    uint32_t events;
    uint32_t exposures;
    uint32_t diagnostics;
    /// Events that cannot, in the order that they were sent in; valid until the scanner reads again.
    const fg_rejection *rejections;
    uint32_t rejection_count;
    /// Whether the body may be kept as it came: nothing is to be left out of it (rejected events, private attributes, keys in
    /// diagnostics), and it says the same when it is read again.
    int is_clean;
    /// The exclusive or, and the wrapped sum, of the first 64 bits of the good events' ids.
    uint64_t id_xor;
    uint64_t id_sum;
} fg_summary;

/// Makes a reader; NULL if there is no memory.
fg_scanner *fg_scanner_make(void);
void fg_scanner_free(fg_scanner *scanner);

/// Reads `body` and says what is in it. `FG_PADDING` bytes behind `size` must be readable.
fg_status fg_scan(fg_scanner *scanner, const uint8_t *body, size_t size, const fg_terms *terms, fg_summary *summary);

/// Rows for the warehouse, made of batches one after the other; an event whose id was there before is left out.
typedef struct fg_block fg_block;

/// What is known around a logged batch.
typedef struct {
    fg_terms terms;
    /// When the request was sent by the client's clock; only if `has_sent_at`.
    int64_t sent_at;
    int has_sent_at;
    const char *environment;
    size_t environment_size;
    const char *key_kind;
    size_t key_kind_size;
    const char *node;
    size_t node_size;
    /// The batch's place in the log.
    int64_t position;
    /// The events to take, by their number: from `first` to before `end`.
    uint32_t first;
    uint32_t end;
    /// If not NULL the events become dead letters for this reason.
    const char *dead_reason;
    size_t dead_reason_size;
} fg_batch_terms;

/// What became of a batch's events.
typedef struct {
    uint64_t accepted;
    uint64_t loaded;
    uint64_t duplicate;
    uint64_t dead;
    uint64_t id_xor;
    uint64_t id_sum;
} fg_sums;

/// Rows of one table, valid until the block is added to, cleared or freed.
typedef struct {
    const uint8_t *bytes;
    size_t size;
    uint64_t rows;
} fg_rows;

typedef enum { FG_EXPOSURES = 0, FG_EVENTS = 1, FG_DEAD_LETTERS = 2 } fg_table;

/// How rows are written.
typedef enum {
    /// JSON Lines: an object a row, with all columns.
    FG_LINES = 0,
    /// The columns' values one after the other, as in ClickHouse's RowBinary: ids as two 64-bit words, whole numbers as 64-bit
    /// words, flags as a byte, optional numbers as a byte that is 1 for none, else 0 and a double; all with the lowest byte
    /// first; texts as their length (LEB128) and their bytes.
    FG_PACKED = 1,
} fg_form;

fg_block *fg_block_make(fg_form form);
void fg_block_free(fg_block *block);
/// Forgets rows and ids and keeps the memory.
void fg_block_clear(fg_block *block);

/// Adds the rows of a batch as it was logged; adds nothing unless it answers `FG_READ`.
fg_status fg_block_add(
    fg_block *block, fg_scanner *scanner, const uint8_t *body, size_t size, const fg_batch_terms *terms, fg_sums *sums);

fg_rows fg_block_rows(const fg_block *block, fg_table table);

/// Has hashed names of gates and configs replaced from now on: in exposures and the gates that were asked on their way.
///
/// `hash` and `name` are texts; the last name of a hash counts. For client SDKs that only know the hash.
fg_status fg_block_rename(fg_block *block, const char *hash, size_t hash_size, const char *name, size_t name_size);
void fg_block_forget_names(fg_block *block);

#ifdef __cplusplus
}
#endif

#endif
