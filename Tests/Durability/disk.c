// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a server, is the disk under one folder: it forgets what was not synced, fails when told to, kills the
// process between two calls, and writes down in which order calls were made. README.md has the model. Settings:
//   FAULTY_DISK_ROOT     the folder, absolute and without links
//   FAULTY_DISK_SHADOW   a folder for what a loss of power would leave, on the same machine; without it syncs are real
//   FAULTY_DISK_CONTROL  a file of 512 bytes that the harness changes while the server runs (enum field)
//   FAULTY_DISK_ONLY     text in the paths (from the root on) of the files that fail; all without it
//   FAULTY_DISK_TRACE    a file for the order of calls
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>

/// 64-bit numbers in the control file; those from `syncs` on are counted here.
enum field {
    sync_errno, sync_failures, sync_per_million,  // failures: how many to come, -1 for all
    write_errno, write_failures, write_per_million,
    short_per_million,  // how often a write is cut
    kill_in,            // calls after which the process is killed; 0 for never
    seconds_ahead,      // of the wall clock
    sync_microseconds,  // how long a sync takes beyond what it takes
    open_errno,         // of opening for writing, renaming and removing
    syncs = 16, failed_syncs, writes, failed_writes, short_writes, names,
    field_count = 64
};

struct range { int64_t start, end; };

/// A file, known by inode and time of birth since numbers of inodes are used again, and what of it is not synced.
struct file {
    struct file *next;
    uint64_t inode;
    int64_t birth;
    char path[256], id[64];
    bool isOurs, isMemory, isFailing;
    struct range *dirty;
    size_t dirtyCount, dirtyRoom;
    int64_t leastSize;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files[4096];
static char root[PATH_MAX], shadow[PATH_MAX];
static const char *only = "";
static size_t rootLength;
static dev_t rootDevice;
static int trace = -1;
static int64_t none[field_count];
static int64_t *control = none;
static uint64_t seed;

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("FAULTY_DISK_ROOT");
    struct stat status;
    if (text == NULL || stat(text, &status) != 0) return;
    rootLength = (size_t)snprintf(root, sizeof root, "%s", text);
    rootDevice = status.st_dev;
    if ((text = getenv("FAULTY_DISK_SHADOW"))) snprintf(shadow, sizeof shadow, "%s", text);
    if ((text = getenv("FAULTY_DISK_ONLY"))) only = text;
    if ((text = getenv("FAULTY_DISK_CONTROL"))) {
        int descriptor = (int)syscall(SYS_openat, AT_FDCWD, text, O_RDWR | O_CLOEXEC, 0);
        void *page = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (page != MAP_FAILED) control = page;
        syscall(SYS_close, descriptor);
    }
    if ((text = getenv("FAULTY_DISK_TRACE")))
        trace = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    seed = (uint64_t)getpid() * 0x9E3779B97F4A7C15u ^ (uint64_t)time(NULL);
}

// MARK: What is known of files

static bool among(int64_t perMillion) {
    if (perMillion <= 0) return false;
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (int64_t)(seed % 1000000) < perMillion;
}

/// The file behind a descriptor, if it is under the root; with the lock.
static struct file *find(int descriptor) {
    struct statx status;
    if (rootLength == 0 || statx(descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return NULL;
    if (!S_ISREG(status.stx_mode) && !S_ISDIR(status.stx_mode)) return NULL;
    if (makedev(status.stx_dev_major, status.stx_dev_minor) != rootDevice) return NULL;
    int64_t birth = status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
    struct file **bucket = &files[status.stx_ino % 4096];
    for (struct file *file = *bucket; file; file = file->next)
        if (file->inode == status.stx_ino && file->birth == birth) return file->isOurs ? file : NULL;
    struct file *file = calloc(1, sizeof *file);
    if (file == NULL) abort();
    file->next = *bucket;
    *bucket = file;
    file->inode = status.stx_ino;
    file->birth = birth;
    file->leastSize = INT64_MAX;
    snprintf(file->id, sizeof file->id, "%llu-%lld", (unsigned long long)file->inode, (long long)birth);
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    file->isOurs = strncmp(path, root, rootLength) == 0 && (path[rootLength] == '/' || path[rootLength] == 0);
    if (!file->isOurs) return NULL;
    snprintf(file->path, sizeof file->path, "%.255s", path + rootLength);
    file->isMemory = strstr(file->path, "-shm") != NULL;
    file->isFailing = strstr(file->path, only) != NULL;
    return file;
}

/// Counts a call and ends the process if it is the one; with the lock.
static void tick(void) {
    if (control[kill_in] > 0 && --control[kill_in] == 0) syscall(SYS_kill, getpid(), SIGKILL);
}

static void soil(struct file *file, int64_t start, int64_t length) {
    if (shadow[0] == 0 || file->isMemory || length <= 0) return;
    if (file->dirtyCount > 0 && file->dirty[file->dirtyCount - 1].end == start) {
        file->dirty[file->dirtyCount - 1].end += length;
        return;
    }
    if (file->dirtyCount == file->dirtyRoom) {
        file->dirtyRoom = file->dirtyRoom * 2 + 16;
        file->dirty = realloc(file->dirty, file->dirtyRoom * sizeof *file->dirty);
        if (file->dirty == NULL) abort();
    }
    file->dirty[file->dirtyCount++] = (struct range){start, start + length};
}

// MARK: The order of calls

/// One line of the trace: kind ('w', 's' begin of a sync, 'S' its end, 'a' an answer), outcome, id of the file or port of
/// the client, offset, length of the bytes behind it.
struct record { char kind; char failed; char id[46]; int64_t offset, length; };

static void note(char kind, bool failed, const char *id, int64_t offset, const void *bytes, size_t length) {
    if (trace < 0) return;
    struct record record = {.kind = kind, .failed = failed, .offset = offset, .length = (int64_t)length};
    snprintf(record.id, sizeof record.id, "%s", id);
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, length}};
    syscall(SYS_writev, trace, parts, bytes ? 2 : 1);
}

/// Notes the first bytes of an answer, before they leave.
static void noteAnswer(int descriptor, const void *bytes, size_t length) {
    if (trace < 0 || length < 12 || memcmp(bytes, "HTTP/1.1 ", 9) != 0) return;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    if (getpeername(descriptor, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET) return;
    char port[16];
    snprintf(port, sizeof port, "%d", ntohs(peer.sin_port));
    pthread_mutex_lock(&lock);
    note('a', false, port, 0, bytes, 12);
    pthread_mutex_unlock(&lock);
}

// MARK: Writing

static ssize_t store(int descriptor, const void *bytes, size_t length, int64_t offset) {
    return offset < 0 ? syscall(SYS_write, descriptor, bytes, length)
                      : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}

/// A write at `offset`, or where the descriptor stands if that is negative.
static ssize_t put(int descriptor, const void *bytes, size_t length, int64_t offset) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file == NULL) {
        pthread_mutex_unlock(&lock);
        noteAnswer(descriptor, bytes, length);
        return store(descriptor, bytes, length, offset);
    }
    if (!file->isMemory) tick();
    control[writes]++;
    bool fails = file->isFailing && !file->isMemory && control[write_errno] != 0
        && (control[write_failures] != 0 || among(control[write_per_million]));
    if (fails && control[write_failures] > 0) control[write_failures]--;
    int failure = fails ? (int)control[write_errno] : 0;
    if (length > 1 && ((fails && among(500000)) || (file->isFailing && among(control[short_per_million])))) {
        // A full or broken disk may take a part before it says so.
        length = 1 + seed % (length - 1);
        if (!fails) control[short_writes]++;
    } else if (fails) {
        length = 0;
    }
    int64_t at = offset < 0 ? (int64_t)syscall(SYS_lseek, descriptor, 0, SEEK_CUR) : offset;
    ssize_t result = length > 0 ? store(descriptor, bytes, length, offset) : 0;
    int error = errno;
    if (result > 0) soil(file, at, result);
    if (result > 0) note('w', fails, file->id, at, bytes, (size_t)result);
    if (fails) control[failed_writes]++;
    pthread_mutex_unlock(&lock);
    errno = fails ? failure : error;
    return fails ? -1 : result;
}

ssize_t write(int descriptor, const void *bytes, size_t length) { return put(descriptor, bytes, length, -1); }
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t at) { return put(descriptor, bytes, length, at); }
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t at) {
    return put(descriptor, bytes, length, at);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    pthread_mutex_lock(&lock);
    bool isOurs = find(descriptor) != NULL;
    pthread_mutex_unlock(&lock);
    if (isOurs) return count > 0 ? put(descriptor, parts[0].iov_base, parts[0].iov_len, -1) : 0;
    if (count > 0) noteAnswer(descriptor, parts[0].iov_base, parts[0].iov_len);
    return syscall(SYS_writev, descriptor, parts, count);
}

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    noteAnswer(descriptor, bytes, length);
    return syscall(SYS_sendto, descriptor, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    if (message->msg_iovlen > 0) noteAnswer(descriptor, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

static int cut(int descriptor, int64_t size) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    struct stat before;
    if (file && !file->isMemory) tick();
    bool isKnown = file && fstat(descriptor, &before) == 0;
    int result = (int)syscall(SYS_ftruncate, descriptor, size), error = errno;
    if (isKnown && result == 0) {
        if (size < file->leastSize) file->leastSize = size;
        if (size > before.st_size) soil(file, before.st_size, size - before.st_size);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int descriptor, off_t size) { return cut(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return cut(descriptor, size); }

// MARK: Syncing

static int openInShadow(const char *kind, const char *id, const char *suffix, int flags) {
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/%s/%s%s", shadow, kind, id, suffix);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

/// Brings the shadow of a file up to what the file holds now.
static void keepContent(struct file *file, int descriptor) {
    int kept = openInShadow("content", file->id, "", O_RDWR | O_CREAT);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int source = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    struct stat status;
    if (kept < 0 || source < 0 || fstat(source, &status) != 0) abort();
    if (file->leastSize < INT64_MAX) {
        struct stat old;
        if (fstat(kept, &old) == 0 && file->leastSize < old.st_size) syscall(SYS_ftruncate, kept, file->leastSize);
    }
    static char buffer[1 << 16];
    for (size_t index = 0; index < file->dirtyCount; index++) {
        struct range range = file->dirty[index];
        while (range.start < range.end) {
            size_t room = (size_t)(range.end - range.start);
            ssize_t count = pread(source, buffer, room < sizeof buffer ? room : sizeof buffer, range.start);
            if (count <= 0) break;
            if (syscall(SYS_pwrite64, kept, buffer, (size_t)count, range.start) != count) abort();
            range.start += count;
        }
    }
    syscall(SYS_ftruncate, kept, status.st_size);
    syscall(SYS_close, kept);
    syscall(SYS_close, source);
    file->dirtyCount = 0;
    file->leastSize = INT64_MAX;
}

/// Writes down which names a folder has now.
static void keepNames(struct file *folder, int descriptor) {
    int kept = openInShadow("names", folder->id, ".new", O_WRONLY | O_CREAT | O_TRUNC);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    DIR *entries = opendir(link);
    if (kept < 0 || entries == NULL) abort();
    struct dirent *entry;
    while ((entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct statx status;
        if (statx(descriptor, entry->d_name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) continue;
        char line[512];
        int length = snprintf(
            line, sizeof line, "%c %o %llu-%lld %s\n", S_ISDIR(status.stx_mode) ? 'd' : 'f', status.stx_mode & 07777,
            (unsigned long long)status.stx_ino,
            (long long)(status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec), entry->d_name);
        syscall(SYS_write, kept, line, length);
    }
    closedir(entries);
    syscall(SYS_close, kept);
    char old[PATH_MAX + 128], new[PATH_MAX + 128];
    snprintf(old, sizeof old, "%s/names/%s.new", shadow, folder->id);
    snprintf(new, sizeof new, "%s/names/%s", shadow, folder->id);
    syscall(SYS_rename, old, new);
}

static int keep(int descriptor, long call) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file == NULL) {
        pthread_mutex_unlock(&lock);
        return (int)syscall(call, descriptor);
    }
    tick();
    control[syncs]++;
    note('s', false, file->id, 0, NULL, 0);
    bool fails = file->isFailing && control[sync_errno] != 0
        && (control[sync_failures] != 0 || among(control[sync_per_million]));
    if (fails) {
        if (control[sync_failures] > 0) control[sync_failures]--;
        control[failed_syncs]++;
        // As the kernel does: what could not be written counts as clean, and no later sync will write it.
        file->dirtyCount = 0;
        file->leastSize = INT64_MAX;
    }
    int failure = fails ? (int)control[sync_errno] : 0, result = fails ? -1 : 0;
    int64_t pause = control[sync_microseconds];
    if (!fails && shadow[0] == 0) {
        // Not under the lock, since it takes its time.
        pthread_mutex_unlock(&lock);
        result = (int)syscall(call, descriptor);
        failure = errno;
        pthread_mutex_lock(&lock);
    }
    if (pause > 0) {
        pthread_mutex_unlock(&lock);
        usleep((useconds_t)pause);
        pthread_mutex_lock(&lock);
    }
    if (result == 0 && shadow[0] != 0 && !file->isMemory) {
        struct stat status;
        if (fstat(descriptor, &status) != 0) abort();
        if (S_ISDIR(status.st_mode)) keepNames(file, descriptor);
        else keepContent(file, descriptor);
    }
    note('S', result != 0, file->id, 0, NULL, 0);
    tick();
    pthread_mutex_unlock(&lock);
    errno = failure;
    return result;
}

int fsync(int descriptor) { return keep(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return keep(descriptor, SYS_fdatasync); }

// MARK: Names, which are moments to be killed at, and opening, which may cut a file

/// Counts a call that changes names; false if it fails.
static bool mayName(const char *path) {
    if (rootLength == 0) return true;
    pthread_mutex_lock(&lock);
    control[names]++;
    tick();
    bool fails = control[open_errno] != 0 && strncmp(path, root, rootLength) == 0 && strstr(path + rootLength, only)
        && strstr(path, "-shm") == NULL;
    pthread_mutex_unlock(&lock);
    if (fails) errno = (int)control[open_errno];
    return !fails;
}

int rename(const char *old, const char *new) { return mayName(old) ? (int)syscall(SYS_rename, old, new) : -1; }
int unlink(const char *path) { return mayName(path) ? (int)syscall(SYS_unlink, path) : -1; }

static int openFile(int folder, const char *path, int flags, mode_t mode) {
    if ((flags & O_CREAT || (flags & O_ACCMODE) != O_RDONLY) && !mayName(path)) return -1;
    int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor < 0 || !(flags & O_TRUNC)) return descriptor;
    int error = errno;
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file) file->leastSize = 0;
    pthread_mutex_unlock(&lock);
    errno = error;
    return descriptor;
}

#define OPEN(folder)                                                            \
    mode_t mode = 0;                                                            \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                      \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode = va_arg(more, mode_t);                                            \
        va_end(more);                                                           \
    }                                                                           \
    return openFile(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { OPEN(folder); }
int openat64(int folder, const char *path, int flags, ...) { OPEN(folder); }

// MARK: The wall clock, which seals segments by their age

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += control[seconds_ahead];
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
