// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "stream_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000;
// What docs/wire.md says, in seconds.
enum { longest_pause = 60, health = 60, silence = 75, refusal_pause = 600, longest_floor = 600 };
enum { ready_at_once = 512, largest_event = 2 << 20, largest_read = 512 << 10 };

// What a stream held is put in front of what it reads now.
static char buffer[largest_event + largest_read];

int64_t loop_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * second + time.tv_nsec;
}

// From 0 up to 1.
static double chance(void) {
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits) abort();
    return (double)(bits >> 11) / 9007199254740992.0;
}

static void note(struct times *times, int64_t time) {
    if (times->count == times->room) {
        times->room = times->room > 0 ? times->room * 2 : 4096;
        times->values = realloc(times->values, times->room * sizeof *times->values);
        if (times->values == NULL) abort();
    }
    times->values[times->count++] = time;
}

void loop_init(struct loop *loop, int count) {
    loop->streams = calloc((size_t)count, sizeof *loop->streams);
    if (loop->streams == NULL) abort();
    loop->count = count;
    for (int index = 0; index < count; index++) loop->streams[index].base = 1000;
    loop->poller = epoll_create1(EPOLL_CLOEXEC);
}

static void watch(struct loop *loop, int operation, int descriptor, uint32_t events, uint32_t index) {
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(loop->poller, operation, descriptor, &event) != 0) abort();
}

void loop_watch(struct loop *loop, int descriptor) {
    watch(loop, EPOLL_CTL_ADD, descriptor, EPOLLIN, (uint32_t)loop->count);
}

// How long a stream waits before it comes again: anything up to a limit that doubles, and what the server asked for.
static int64_t pause_of(const struct stream *stream) {
    double luck = chance();
    if (stream->was_refused) {
        double seconds = refusal_pause * (0.8 + 0.4 * luck);
        return (int64_t)((seconds > stream->floor ? seconds : stream->floor) * (double)second);
    }
    double limit = stream->base / 1000.0;
    for (int failure = 1; failure < stream->failures && limit < longest_pause; failure++) limit *= 2;
    if (limit > longest_pause) limit = longest_pause;
    return (int64_t)((limit * luck + stream->floor * (1 + luck / 2)) * (double)second);
}

static void let_go(struct loop *loop, struct stream *stream) {
    if (stream->phase != closed) close(stream->descriptor);
    if (stream->phase == open_stream) loop->open--;
    stream->phase = closed;
    free(stream->held);
    stream->held = NULL;
    stream->held_count = 0;
}

// The connection is over, or there was none.
static void lose(struct loop *loop, struct stream *stream) {
    int64_t now = loop_clock();
    if (stream->phase == open_stream && now - stream->opened >= health * second) stream->failures = 0;
    let_go(loop, stream);
    stream->was_lost = true;
    if (stream->failures < 255) stream->failures++;
    stream->due = loop->follows ? now + pause_of(stream) : 0;
}

static void fail(struct loop *loop, struct stream *stream) {
    loop->last_error = errno;
    loop->failed++;
    lose(loop, stream);
}

void loop_connect(struct loop *loop, int index) {
    struct stream *stream = &loop->streams[index];
    stream->due = 0;
    stream->is_chunked = false;
    stream->was_refused = false;
    stream->floor = 0;
    stream->chunks = (struct chunks){0};
    note(&loop->attempts, loop_clock());
    stream->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->descriptor < 0) return fail(loop, stream);
    stream->phase = connecting;
    int yes = 1;
    setsockopt(stream->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    // The port is chosen when the other end is known, so that each address has all of them for itself.
    setsockopt(stream->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % loop->sources));
    if (bind(stream->descriptor, (struct sockaddr *)&address, sizeof address) != 0) return fail(loop, stream);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(loop->port);
    if (connect(stream->descriptor, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        return fail(loop, stream);
    }
    watch(loop, EPOLL_CTL_ADD, stream->descriptor, EPOLLOUT, (uint32_t)index);
}

static void ask(struct loop *loop, struct stream *stream, uint32_t index) {
    socklen_t size = sizeof errno;
    if (getsockopt(stream->descriptor, SOL_SOCKET, SO_ERROR, &errno, &size) != 0 || errno != 0) {
        return fail(loop, stream);
    }
    // It is short, and there is nothing in front of it.
    if (write(stream->descriptor, loop->request, loop->request_length) != (ssize_t)loop->request_length) {
        return fail(loop, stream);
    }
    stream->phase = asking;
    watch(loop, EPOLL_CTL_MOD, stream->descriptor, EPOLLIN, index);
}

// A document has come or was announced.
static void take(struct loop *loop, struct stream *stream, const struct event *event, int64_t now) {
    struct mark *mark = &loop->mark;
    if (mark->length == 0 && event->time > mark->time) {
        *mark = (struct mark){.time = event->time, .sum = event->sum, .length = event->length};
        size_t length = event->name_length < sizeof mark->name - 1 ? event->name_length : sizeof mark->name - 1;
        if (length > 0) memcpy(mark->name, event->name, length);
    }
    if (event->time > loop->newest) loop->newest = event->time;
    if (mark->length == 0 || event->time != mark->time) {
        loop->others++;
    } else if (stream->arrival > 0) {
        loop->duplicates++;
    } else {
        if (event->sum != mark->sum) loop->different++;
        stream->arrival = now;
        loop->arrived++;
    }
}

// Reads the head in front of `count` bytes; how long it is, 0 if it is not all there, or -1 if there is no stream.
static long begin(struct loop *loop, struct stream *stream, const char *bytes, size_t count, int64_t now) {
    struct answer_head head;
    size_t length = answer_head_read(&head, bytes, count);
    if (length == 0) return 0;
    if (head.status == 200 && head.is_stream) {
        stream->phase = open_stream;
        stream->is_chunked = head.is_chunked;
        stream->opened = now;
        loop->open++;
        note(&loop->openings, now);
        return (long)length;
    }
    static const int refusals[] = {200, 204, 400, 401, 403, 404, 405, 406, 410, 413, 501};
    for (size_t index = 0; index < sizeof refusals / sizeof *refusals; index++) {
        if (head.status == refusals[index]) stream->was_refused = true;
    }
    stream->floor = head.retry_after < longest_floor ? head.retry_after : longest_floor;
    loop->statuses[head.status >= 0 && head.status < 600 ? head.status : 0]++;
    lose(loop, stream);
    return -1;
}

static void hear(struct loop *loop, struct stream *stream) {
    size_t held = stream->held_count;
    ssize_t count = read(stream->descriptor, buffer + held, largest_read);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0 || held > largest_event - 1) {
        if (count < 0) loop->last_error = errno;
        loop->ended++;
        return lose(loop, stream);
    }
    // The moment at which a client could use what has come.
    int64_t now = loop_clock();
    stream->heard = now;
    if (held > 0) memcpy(buffer, stream->held, held);
    size_t fresh = held;  // where what has not been unpacked yet begins
    size_t total = held + (size_t)count;
    size_t place = 0;
    if (stream->phase == asking) {
        long length = begin(loop, stream, buffer, total, now);
        if (length < 0) return;
        if (length > 0) fresh = place = (size_t)length;
    }
    if (stream->phase == open_stream) {
        if (stream->is_chunked) total = fresh + chunks_unpack(&stream->chunks, buffer + fresh, total - fresh);
        struct event event;
        for (size_t length; (length = event_read(&event, buffer + place, total - place)) > 0; place += length) {
            if (event.is_heartbeat) loop->heartbeats++;
            if (event.retry >= 0) {
                stream->base = event.retry < 100 ? 100 : event.retry > 60000 ? 60000 : (uint32_t)event.retry;
            }
            if (event.time > 0) take(loop, stream, &event, now);
        }
        if (stream->chunks.is_over) {
            loop->ended++;
            return lose(loop, stream);
        }
    }
    free(stream->held);
    stream->held = NULL;
    stream->held_count = (uint32_t)(total - place);
    if (stream->held_count > 0) {
        stream->held = malloc(stream->held_count);
        if (stream->held == NULL) abort();
        memcpy(stream->held, buffer + place, stream->held_count);
    }
}

int loop_turn(struct loop *loop, int milliseconds) {
    struct epoll_event ready[ready_at_once];
    int count = epoll_wait(loop->poller, ready, ready_at_once, milliseconds);
    for (int place = 0; place < count; place++) {
        uint32_t index = ready[place].data.u32;
        if (index >= (uint32_t)loop->count) continue;
        struct stream *stream = &loop->streams[index];
        if (stream->phase == connecting) {
            ask(loop, stream, index);
        } else if (stream->phase != closed) {
            hear(loop, stream);
        }
    }
    return count;
}

void loop_cut(struct loop *loop) {
    for (int index = 0; index < loop->count; index++) {
        if (loop->streams[index].phase != closed) lose(loop, &loop->streams[index]);
    }
}

void loop_tick(struct loop *loop) {
    int64_t now = loop_clock();
    for (int index = 0; index < loop->count; index++) {
        struct stream *stream = &loop->streams[index];
        if (stream->due > 0 && stream->due <= now) {
            loop_connect(loop, index);
        } else if (stream->phase == open_stream && now - stream->heard >= silence * second) {
            loop->silent++;
            lose(loop, stream);
        }
    }
}
