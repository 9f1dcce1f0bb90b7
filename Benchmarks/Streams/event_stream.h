// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_EVENT_STREAM_H
#define FLOODGATE_EVENT_STREAM_H

// Reads the answer to a request for a stream: its head, its chunks and its events (docs/wire.md), as far as a
// measurement needs to know them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the head of an answer says.
struct answer_head {
    int status;
    bool is_stream;
    bool is_chunked;
    unsigned retry_after;  // seconds; 0 if it says nothing
};

// Reads the head at the beginning of `bytes`; its length, or 0 if it is not all there.
size_t answer_head_read(struct answer_head *head, const char *bytes, size_t count);

// How far the chunks of a body have been read; all zeros at first.
struct chunks {
    uint32_t left;  // bytes of this chunk that are to come
    uint8_t phase;
    bool is_over;
};

// Takes the frames of chunks out of `bytes`, in place; how many bytes remain.
size_t chunks_unpack(struct chunks *chunks, char *bytes, size_t count);

// What stands between two blank lines.
struct event {
    const char *name;      // not terminated; NULL without one
    size_t name_length;
    size_t length;         // frame and all
    uint64_t time;         // of the document that it brings or announces; 0 without one
    uint64_t sum;          // the same for the same bytes
    long retry;            // milliseconds; -1 without
    bool is_heartbeat;     // there is a comment in it
};

// Reads the event at the beginning of `bytes`; its length, or 0 if it is not all there.
size_t event_read(struct event *event, const char *bytes, size_t count);

#endif
