// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// The rival of Benchmarks/streams.py: the least that a server of event streams on one thread has to do.
//
//     epoll_server PORT
//
// Whatever a request asks for, it gets a stream. Commands come on standard input, one a line, and each is answered by
// one line of JSON when it is done:
//
//     publish BYTES    sends an event of so many bytes, frame and all, to every stream
//     retry MS         what new streams are told to wait before they come again; 0 says nothing
//     cut              closes all streams at once
//
// It ends when its standard input does.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { heartbeat_seconds = 25, ready_at_once = 512 };

// Bytes that many streams send: written once, and gone with the last stream that holds them.
struct event {
    unsigned holders;
    size_t length;
    char bytes[];
};

// One connection; its place in the table is its descriptor.
struct connection {
    struct event *event;  // on its way
    struct event *next;   // waits; a newer one takes its place
    size_t sent;
    uint8_t matched;  // characters of the blank line that ends the request
    bool is_open;
    bool is_stream;
    bool is_full;  // the kernel takes no more for now
};

static struct connection *connections;
static int room;
static int highest = -1;
static int count;
static int poller;
static long retry_milliseconds;

static void fail(const char *what) {
    fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct event *make(size_t length) {
    struct event *event = malloc(sizeof *event + length);
    if (event == NULL) fail("malloc");
    event->holders = 1;
    event->length = length;
    return event;
}

static struct event *make_text(const char *text) {
    struct event *event = make(strlen(text));
    memcpy(event->bytes, text, event->length);
    return event;
}

static void release(struct event *event) {
    if (event != NULL && --event->holders == 0) free(event);
}

static void watch(int descriptor, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(poller, operation, descriptor, &event) != 0) fail("epoll_ctl");
}

static void drop(int descriptor) {
    struct connection *one = &connections[descriptor];
    release(one->event);
    release(one->next);
    if (one->is_stream) count--;
    memset(one, 0, sizeof *one);
    close(descriptor);
}

// Sends what the kernel takes, and asks to be told when it takes more.
static void push(int descriptor) {
    struct connection *one = &connections[descriptor];
    while (one->event != NULL) {
        size_t left = one->event->length - one->sent;
        // A little cheaper than `write`, which takes the way of files.
        ssize_t taken = send(descriptor, one->event->bytes + one->sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0 && errno != EAGAIN) return drop(descriptor);
        if (taken < 0 || (size_t)taken < left) {
            if (taken > 0) one->sent += (size_t)taken;
            if (!one->is_full) watch(descriptor, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            one->is_full = true;
            return;
        }
        release(one->event);
        one->event = one->next;
        one->next = NULL;
        one->sent = 0;
    }
    if (one->is_full) watch(descriptor, EPOLL_CTL_MOD, EPOLLIN);
    one->is_full = false;
}

static void give(int descriptor, struct event *event) {
    struct connection *one = &connections[descriptor];
    event->holders++;
    if (one->event == NULL) {
        one->event = event;
        push(descriptor);
    } else {
        release(one->next);
        one->next = event;
    }
}

static void give_all(struct event *event, bool only_idle) {
    for (int descriptor = 0; descriptor <= highest; descriptor++) {
        struct connection *one = &connections[descriptor];
        if (one->is_stream && !(only_idle && one->event != NULL)) give(descriptor, event);
    }
    release(event);
}

static void answer(int descriptor) {
    char text[256];
    int length = snprintf(
        text, sizeof text,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n");
    if (retry_milliseconds > 0) {
        snprintf(text + length, sizeof text - (size_t)length, "retry: %ld\n\n", retry_milliseconds);
    }
    struct event *head = make_text(text);
    connections[descriptor].is_stream = true;
    count++;
    give(descriptor, head);
    release(head);
}

// Looks for the end of the request, and for the end of the connection.
static void hear(int descriptor) {
    static const char blank[] = "\r\n\r\n";
    struct connection *one = &connections[descriptor];
    char bytes[4096];
    ssize_t length = read(descriptor, bytes, sizeof bytes);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (length <= 0) return drop(descriptor);
    for (ssize_t place = 0; place < length && one->matched < 4; place++) {
        one->matched = bytes[place] == blank[one->matched] ? one->matched + 1 : bytes[place] == '\r';
    }
    if (one->matched == 4 && !one->is_stream) answer(descriptor);
}

static void welcome(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0 && errno == EAGAIN) return;
        if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (descriptor < 0) fail("accept (more streams than `ulimit -n` lets in?)");
        int yes = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (descriptor > highest) highest = descriptor;
        connections[descriptor].is_open = true;
        watch(descriptor, EPOLL_CTL_ADD, EPOLLIN);
    }
}

// Events look as ours do, so that the client has the same to read: a time that never comes twice, and a filling.
static void publish(size_t bytes) {
    static int64_t last;
    int64_t wall = now(CLOCK_REALTIME) / 1000000;
    last = wall > last ? wall : last + 1;
    static const char end[] = "\"}\n\n";
    char start[160];
    int length = snprintf(start, sizeof start, "event: %s\ndata: {\"time\":%lld,\"checksum\":\"%lld",
                          bytes < 1000 ? "version" : "specs", (long long)last, (long long)last);
    size_t least = (size_t)length + strlen(end);
    struct event *event = make(bytes < least ? least : bytes);
    memset(event->bytes, '0', event->length);
    memcpy(event->bytes, start, (size_t)length);
    memcpy(event->bytes + event->length - strlen(end), end, strlen(end));
    size_t size = event->length;
    give_all(event, false);
    printf("{\"time\":%lld,\"bytes\":%zu,\"streams\":%d}\n", (long long)last, size, count);
}

static void obey(char *line) {
    if (strncmp(line, "publish ", 8) == 0) {
        publish(strtoul(line + 8, NULL, 10));
    } else if (strncmp(line, "retry ", 6) == 0) {
        retry_milliseconds = strtol(line + 6, NULL, 10);
        printf("{\"retry\":%ld}\n", retry_milliseconds);
    } else if (strcmp(line, "cut") == 0) {
        int streams = count;
        for (int descriptor = 0; descriptor <= highest; descriptor++) {
            if (connections[descriptor].is_open) drop(descriptor);
        }
        printf("{\"cut\":%d}\n", streams);
    } else {
        printf("{\"error\":\"unknown command\"}\n");
    }
    fflush(stdout);
}

// Reads commands; false when there will be no more. Whoever sends them waits for answers, so lines come whole.
static bool listen_to_commands(void) {
    char text[1024];
    ssize_t length = read(STDIN_FILENO, text, sizeof text - 1);
    if (length <= 0) return length < 0 && errno == EINTR;
    text[length] = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line != 0) obey(line);
    }
    return true;
}

static int listen_at(uint16_t port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
    if (listen(listener, 4096) != 0) fail("listen");
    return listener;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: epoll_server PORT\n");
        return 64;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 1 << 20 ? limit.rlim_max : 1 << 20;
    setrlimit(RLIMIT_NOFILE, &limit);
    room = (int)limit.rlim_cur;
    // Zeroed pages cost nothing until they are written: there is no memory for streams that never come.
    connections = calloc((size_t)room, sizeof *connections);
    if (connections == NULL) fail("calloc");
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_at((uint16_t)atoi(argv[1]));
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);

    int64_t beat = now(CLOCK_MONOTONIC) + heartbeat_seconds * 1000000000LL;
    for (;;) {
        int64_t left = (beat - now(CLOCK_MONOTONIC)) / 1000000;
        struct epoll_event ready[ready_at_once];
        int number = epoll_wait(poller, ready, ready_at_once, left > 0 ? (int)left + 1 : 0);
        for (int index = 0; index < number; index++) {
            int descriptor = ready[index].data.fd;
            if (descriptor == listener) {
                welcome(listener);
            } else if (descriptor == STDIN_FILENO) {
                if (!listen_to_commands()) return 0;
            } else if (connections[descriptor].is_open) {
                if (ready[index].events & EPOLLOUT) push(descriptor);
                if (connections[descriptor].is_open && ready[index].events & ~EPOLLOUT) hear(descriptor);
            }
        }
        if (now(CLOCK_MONOTONIC) >= beat) {
            beat += heartbeat_seconds * 1000000000LL;
            give_all(make_text(": hb\n\n"), true);
        }
    }
}
