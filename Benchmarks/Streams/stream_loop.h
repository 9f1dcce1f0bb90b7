// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_STREAM_LOOP_H
#define FLOODGATE_STREAM_LOOP_H

// Thousands of streams on one thread, which behave as docs/wire.md says that clients do.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_stream.h"

enum phase { closed, connecting, asking, open_stream };

struct stream {
    int descriptor;
    uint8_t phase;
    uint8_t failures;  // in a row
    bool is_chunked;
    bool was_refused;  // the server has no streams for it
    bool was_lost;     // since `loop_follow`
    struct chunks chunks;
    uint32_t base;   // milliseconds of the first pause, as the server says
    uint32_t floor;  // seconds that the server wants at least
    uint32_t held_count;
    char *held;  // what came of an answer or an event that is not complete
    int64_t due;  // when it connects again; 0 if it does not
    int64_t opened;
    int64_t heard;
    int64_t arrival;  // when the document that is waited for was complete; 0 before
};

// Nanoseconds since some moment, in the order in which they were noted.
struct times {
    int64_t *values;
    size_t count;
    size_t room;
};

// The document that is waited for, or came last.
struct mark {
    uint64_t time;  // the newest before that does not count
    uint64_t sum;
    size_t length;
    char name[16];
};

struct loop {
    struct stream *streams;
    int count;
    int open;  // how many are
    int poller;
    uint16_t port;
    int sources;  // addresses on loopback that connections come from
    const char *request;
    size_t request_length;
    bool follows;  // streams that end are made again

    struct mark mark;
    uint64_t newest;  // time of any document so far
    int arrived;
    long duplicates;  // the awaited document again
    long others;      // documents of another time
    long different;   // of that time, but other bytes

    long heartbeats;
    int statuses[600];  // answers other than streams
    long failed;        // connections that could not be made
    long ended;         // streams and answers that broke off or ended
    long silent;        // streams given up
    int last_error;
    struct times attempts;
    struct times openings;
};

int64_t loop_clock(void);
void loop_init(struct loop *loop, int count);
void loop_connect(struct loop *loop, int index);
// Waits for at most so long, and reads whatever came; how many streams that was.
int loop_turn(struct loop *loop, int milliseconds);
// Breaks all connections.
void loop_cut(struct loop *loop);
// Connects those whose pause is over, and gives up those that are silent.
void loop_tick(struct loop *loop);
// Has something else watched; `loop_turn` returns when it has input.
void loop_watch(struct loop *loop, int descriptor);

#endif
