// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// The load of Benchmarks/streams.py: opens event streams and says when documents come.
//
//     streams_client PORT STREAMS SOURCES REQUEST-FILE
//
// Streams come from SOURCES addresses of 127.0.0.0/8 in turn and send what is in the file. Commands come on standard
// input, one a line, and each is answered by one line of JSON when it is done:
//
//     open N           opens streams until there are N, few at a time
//     arm              forgets documents: from now on the first one that is newer than all before is waited for
//     collect MS       waits until every open stream has it, for so long at most, and says when it came
//     follow MS [cut]  connects again as clients do when streams end, until all have ended and are back, for so long
//                      at most; with `cut` it ends them itself
//
// Times are nanoseconds of CLOCK_MONOTONIC. It ends when its standard input does.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "stream_loop.h"

// Servers count connections that have not shown a key yet, by address and in all.
enum { connecting_at_once = 128, linger_milliseconds = 50, open_seconds = 120 };

static struct loop loop;

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int in_work(void) {
    int count = 0;
    for (int index = 0; index < loop.count; index++) {
        count += loop.streams[index].phase == connecting || loop.streams[index].phase == asking;
    }
    return count;
}

// Reads for so long whatever comes.
static void linger(int milliseconds) {
    int64_t end = loop_clock() + milliseconds * 1000000LL;
    while (loop_clock() < end) loop_turn(&loop, 5);
}

static void print_losses(void) {
    printf("\"failed\":%ld,\"ended\":%ld,\"silent\":%ld,\"last_error\":\"%s\",\"statuses\":{", loop.failed, loop.ended,
           loop.silent, loop.last_error != 0 ? strerror(loop.last_error) : "");
    const char *comma = "";
    for (int status = 0; status < 600; status++) {
        if (loop.statuses[status] == 0) continue;
        printf("%s\"%d\":%d", comma, status, loop.statuses[status]);
        comma = ",";
    }
    printf("}");
}

static void forget_losses(void) {
    loop.failed = loop.ended = loop.silent = loop.last_error = 0;
    memset(loop.statuses, 0, sizeof loop.statuses);
    loop.attempts.count = loop.openings.count = 0;
}

static void open_streams(int wanted) {
    forget_losses();
    int64_t start = loop_clock();
    int next = 0;
    int busy = 0;
    if (wanted > loop.count) wanted = loop.count;
    while ((next < wanted || busy > 0) && loop_clock() < start + open_seconds * 1000000000LL) {
        while (next < wanted && busy < connecting_at_once) {
            if (loop.streams[next].phase == closed) {
                loop_connect(&loop, next);
                busy++;
            }
            next++;
        }
        loop_turn(&loop, 10);
        busy = in_work();
    }
    int64_t last = loop.openings.count > 0 ? loop.openings.values[loop.openings.count - 1] : start;
    // A first event may come behind the head.
    linger(linger_milliseconds);
    printf("{\"open\":%d,\"seconds\":%.3f,", loop.open, (double)(last - start) / 1e9);
    print_losses();
    printf("}\n");
}

static void arm(void) {
    loop.mark = (struct mark){.time = loop.newest};
    loop.arrived = 0;
    loop.duplicates = loop.others = loop.different = 0;
    for (int index = 0; index < loop.count; index++) loop.streams[index].arrival = 0;
    printf("{\"armed\":%d}\n", loop.open);
}

static int earlier(const void *one, const void *other) {
    int64_t left = *(const int64_t *)one;
    int64_t right = *(const int64_t *)other;
    return (left > right) - (left < right);
}

// The value that so many in a thousand of `count` are not above.
static int64_t rank(const int64_t *values, int count, int thousandths) {
    int place = (int)(((int64_t)count * thousandths + 999) / 1000) - 1;
    return values[place < 0 ? 0 : place];
}

static void collect(int milliseconds) {
    int64_t end = loop_clock() + milliseconds * 1000000LL;
    int64_t work = 0;
    for (int64_t now = loop_clock(), then; loop.arrived < loop.open && now < end; now = then) {
        // Once the first has it, nobody sleeps: a server that had to wake its client for each event would be measured
        // by what waking costs, which clients elsewhere do not charge it with.
        bool waits = loop.arrived == 0;
        int count = loop_turn(&loop, waits ? 10 : 0);
        then = loop_clock();
        if (count > 0 && !waits) work += then - now;
    }
    linger(linger_milliseconds);
    printf("{\"streams\":%d,\"count\":%d,\"missing\":%d,\"duplicates\":%ld,\"others\":%ld,\"different\":%ld,"
           "\"heartbeats\":%ld,\"client_work_ns\":%lld,",
           loop.open, loop.arrived, loop.open - loop.arrived, loop.duplicates, loop.others, loop.different,
           loop.heartbeats, (long long)work);
    print_losses();
    int64_t *values = malloc((size_t)loop.count * sizeof *values);
    int count = 0;
    for (int index = 0; index < loop.count; index++) {
        if (loop.streams[index].arrival > 0) values[count++] = loop.streams[index].arrival;
    }
    if (count > 0) {
        qsort(values, (size_t)count, sizeof *values, earlier);
        // Two clocks read one after the other: what a time of the one is on the other.
        int64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
        printf(",\"event\":\"%s\",\"bytes\":%zu,\"time\":%llu,\"wall_offset_ns\":%lld,\"first_ns\":%lld,"
               "\"p50_ns\":%lld,\"p99_ns\":%lld,\"p999_ns\":%lld,\"last_ns\":%lld",
               loop.mark.name, loop.mark.length, (unsigned long long)loop.mark.time, (long long)offset,
               (long long)values[0], (long long)rank(values, count, 500), (long long)rank(values, count, 990),
               (long long)rank(values, count, 999), (long long)values[count - 1]);
    }
    free(values);
    printf("}\n");
}

// The most that fall into one second, wherever it begins.
static int peak(const struct times *times) {
    size_t most = 0;
    size_t first = 0;
    for (size_t last = 0; last < times->count; last++) {
        while (times->values[last] - times->values[first] >= 1000000000) first++;
        if (last - first + 1 > most) most = last - first + 1;
    }
    return (int)most;
}

static void follow(int milliseconds, bool cuts) {
    forget_losses();
    for (int index = 0; index < loop.count; index++) loop.streams[index].was_lost = false;
    int wanted = loop.open;
    int64_t start = loop_clock();
    int64_t cut = 0;
    loop.follows = true;
    if (cuts) loop_cut(&loop);
    int lost = 0;
    while (loop_clock() < start + milliseconds * 1000000LL) {
        loop_turn(&loop, 2);
        loop_tick(&loop);
        if (cut == 0 && loop.open < wanted) cut = loop_clock();
        lost = 0;
        for (int index = 0; index < loop.count; index++) lost += loop.streams[index].was_lost;
        if (lost >= wanted && loop.open >= wanted) break;
    }
    loop.follows = false;
    for (int index = 0; index < loop.count; index++) loop.streams[index].due = 0;
    struct times *openings = &loop.openings;
    printf("{\"streams\":%d,\"lost\":%d,\"open\":%d,\"attempts\":%zu,\"openings\":%zu,\"peak_attempts\":%d,"
           "\"peak_openings\":%d,\"base_ms\":%u,\"cut_ns\":%lld,",
           wanted, lost, loop.open, loop.attempts.count, openings->count, peak(&loop.attempts), peak(openings),
           loop.streams[0].base, (long long)cut);
    if (openings->count > 0) {
        printf("\"half_back_ns\":%lld,\"all_back_ns\":%lld,", (long long)openings->values[openings->count / 2],
               (long long)openings->values[openings->count - 1]);
    }
    print_losses();
    printf("}\n");
}

static void obey(const char *line) {
    int number = 0;
    char word[8] = "";
    if (sscanf(line, "open %d", &number) == 1) {
        open_streams(number);
    } else if (strcmp(line, "arm") == 0) {
        arm();
    } else if (sscanf(line, "collect %d", &number) == 1) {
        collect(number);
    } else if (sscanf(line, "follow %d %7s", &number, word) >= 1) {
        follow(number, strcmp(word, "cut") == 0);
    } else {
        printf("{\"error\":\"unknown command\"}\n");
    }
    fflush(stdout);
}

// Reads commands; false when there will be no more. Whoever sends them waits for answers, so lines come whole.
static bool listen_to_commands(void) {
    char text[1024];
    ssize_t length = read(STDIN_FILENO, text, sizeof text - 1);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    if (length == 0) return false;
    text[length] = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line != 0) obey(line);
    }
    return true;
}

static void raise_limit(int streams) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t wanted = (rlim_t)streams + 32;
    if (limit.rlim_cur >= wanted) return;
    if (limit.rlim_max < wanted) {
        fprintf(stderr, "streams_client: %d streams need %lu open files; `ulimit -Hn` is %lu\n", streams,
                (unsigned long)wanted, (unsigned long)limit.rlim_max);
        exit(1);
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: streams_client PORT STREAMS SOURCES REQUEST-FILE\n");
        return 64;
    }
    static char request[16384];
    FILE *file = fopen(argv[4], "rb");
    if (file == NULL) {
        perror(argv[4]);
        return 66;
    }
    loop.request = request;
    loop.request_length = fread(request, 1, sizeof request, file);
    fclose(file);
    loop.port = (uint16_t)atoi(argv[1]);
    loop.sources = atoi(argv[3]) > 0 ? atoi(argv[3]) : 1;
    int streams = atoi(argv[2]);
    raise_limit(streams);
    loop_init(&loop, streams);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    loop_watch(&loop, STDIN_FILENO);
    while (listen_to_commands()) loop_turn(&loop, 1000);
    return 0;
}
