// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a server, is the disk under one folder: it forgets what was not synced, fails when told to, kills the
// process between two calls, and writes down in which order calls were made. README.md has the model. Settings:
//   FAULTY_DISK_ROOT     the folder, absolute and without links
//   FAULTY_DISK_SHADOW   a folder for what a loss of power would leave, on the same machine; without it syncs are real
//   FAULTY_DISK_CONTROL  a file of 512 bytes that the harness changes while the server runs (enum field)
//   FAULTY_DISK_ONLY     text in the paths (from the root on) of the files that fail; all without it
//   FAULTY_DISK_TRACE    a file for the order of calls
#include "disk.h"

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files[4096];
char root[PATH_MAX], shadow[PATH_MAX];
const char *only = "";
size_t rootLength;
static dev_t rootDevice;
int trace = -1;
static int64_t none[field_count];
int64_t *control = none;
uint32_t told[told_count];
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

size_t below(size_t end) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % end;
}

bool among(int64_t perMillion) { return perMillion > 0 && (int64_t)below(1000000) < perMillion; }

static void add(struct file *file, struct range range) {
    if (file->dirtyCount > 0 && file->dirty[file->dirtyCount - 1].end == range.start) {
        file->dirty[file->dirtyCount - 1].end = range.end;
        return;
    }
    if (file->dirtyCount == file->dirtyRoom) {
        file->dirtyRoom = file->dirtyRoom * 2 + 16;
        file->dirty = realloc(file->dirty, file->dirtyRoom * sizeof *file->dirty);
        if (file->dirty == NULL) abort();
    }
    file->dirty[file->dirtyCount++] = range;
}

/// What a process that was killed has left unsynced: the kernel still has it, and the next sync writes it.
static void recall(struct file *file) {
    if (shadow[0] == 0 || file->isMemory) return;
    int kept = openInShadow("dirty", file->id, "", O_RDONLY);
    if (kept < 0) return;
    struct range range;
    while (syscall(SYS_read, kept, &range, sizeof range) == sizeof range) add(file, range);
    syscall(SYS_close, kept);
}

void soil(struct file *file, int64_t start, int64_t end) {
    if (shadow[0] == 0 || file->isMemory || start >= end) return;
    struct range range = {start, end};
    int kept = openInShadow("dirty", file->id, "", O_WRONLY | O_CREAT | O_APPEND);
    if (kept < 0 || syscall(SYS_write, kept, &range, sizeof range) != sizeof range) abort();
    syscall(SYS_close, kept);
    add(file, range);
}

struct file *find(int descriptor) {
    struct statx status;
    if (rootLength == 0) return NULL;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return NULL;
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
    recall(file);
    return file;
}

void tick(void) {
    if (control[kill_in] > 0 && --control[kill_in] == 0) syscall(SYS_kill, getpid(), SIGKILL);
}

struct record { char kind; char failed; char id[46]; int64_t offset, length; };

void note(char kind, bool failed, const char *id, int64_t offset, const void *bytes, size_t length) {
    if (trace < 0) return;
    struct record record = {.kind = kind, .failed = failed, .offset = offset, .length = (int64_t)length};
    snprintf(record.id, sizeof record.id, "%s", id);
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, length}};
    syscall(SYS_writev, trace, parts, bytes ? 2 : 1);
}
