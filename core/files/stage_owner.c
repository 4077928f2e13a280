/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two machines on one directory. flock(2) tells the processes of one kernel apart, and on a local
 * file system there are no others. On a network file system it may hold for this machine alone (on
 * FUSE for this mount alone), so that a stage in which another machine is at work looks left
 * behind. There each stage says whose it is, and one that is not of this boot is left alone until
 * its last sign of life is a day old: its owner writes the file again each hour, while it works.
 *
 * Age is measured by the one clock that both machines see, that of the file server: the time of a
 * directory made there now, less that of the stage. Clocks of machines may differ by hours.
 *
 *      lock held here                          somebody of this machine: in use
 *      local file system, lock free            left behind
 *      shared, another boot, or no owner file  in use below a day, then left behind
 *      shared, this boot                       in use while its process is there; a process of
 *                                              another PID namespace as of another boot
 */
#include "files/stage_owner.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/system_kind.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60, LARGEST = 1024 };

static const char magic[] = "hbcore-owner 1\n";

/* ---- who we are ---------------------------------------------------------------------------- */

/* The first line of a file, no longer than there is room for; "": it cannot be read. */
static void read_line(const char *path, char *text, size_t bytes)
{
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int64_t got = fd < 0 ? -1 : hb_read_all(fd, text, bytes - 1);
    text[got < 0 ? 0 : got] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

/* proc(5): the 22nd field of a process; the second is a name in parentheses, with blanks perhaps.
 * 0: there is no such process, or that is unknown. */
static uint64_t start_of(int64_t process)
{
    char path[64], line[1024], *save = NULL;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", process);
    read_line(path, line, sizeof line);
    char *rest = strrchr(line, ')');
    char *word = rest == NULL ? NULL : strtok_r(rest + 1, " ", &save);
    for (int field = 3; word != NULL && field < 22; field++)
        word = strtok_r(NULL, " ", &save);
    return word == NULL ? 0 : strtoull(word, NULL, 10);
}

static struct hb_stage_owner ourselves(void)
{
    struct hb_stage_owner owner = {.process = getpid()};
    struct utsname system;
    if (uname(&system) == 0)
        snprintf(owner.host, sizeof owner.host, "%.64s", system.nodename);
    read_line("/etc/machine-id", owner.machine, sizeof owner.machine);
    read_line("/proc/sys/kernel/random/boot_id", owner.boot, sizeof owner.boot);
    ssize_t bytes = readlink("/proc/self/ns/pid", owner.process_set, sizeof owner.process_set - 1);
    owner.process_set[bytes < 0 ? 0 : bytes] = '\0';
    owner.start = start_of(owner.process);
    return owner;
}

/* ---- the file ------------------------------------------------------------------------------ */

int hb_stage_owner_write(int stage_fd, const char *name)
{
    struct hb_stage_owner owner = ourselves();
    HB_AUTO_FREE char *text = hb_text(
        "%shost %s\nmachine %s\nboot %s\nprocess %" PRId64 " %" PRIu64 " %s\n", magic, owner.host,
        owner.machine, owner.boot, owner.process, owner.start, owner.process_set);
    HB_AUTO_CLOSE int fd =
        openat(stage_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    /* Over what is there, which is the same: nobody ever reads half of it. */
    return fd < 0 ? -errno : hb_write_all_at(fd, text, strlen(text), 0);
}

/* The rest of the line that begins with `key`, or "". Cut to the room there is. */
static void take_value(const char *text, const char *key, char *value, size_t bytes)
{
    HB_AUTO_FREE char *start = hb_text("\n%s ", key);
    const char *at = strstr(text, start);
    size_t length = at == NULL ? 0 : strcspn(at + strlen(start), "\n");
    if (length >= bytes)
        length = bytes - 1;
    if (at != NULL)
        memcpy(value, at + strlen(start), length);
    value[length] = '\0';
    for (char *byte = value; *byte != '\0'; byte++)
        if ((unsigned char)*byte < 0x20 || (unsigned char)*byte >= 0x7f) /* for people to read */
            *byte = '?';
}

/* False: there is no such file, or it is not ours. */
static bool read_owner(int stage_fd, const char *name, struct hb_stage_owner *owner,
                       struct stat *status)
{
    char text[LARGEST + 1], process[128], *end;
    HB_AUTO_CLOSE int fd = openat(stage_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, status) != 0 || !S_ISREG(status->st_mode))
        return false;
    int64_t got = hb_read_all_at(fd, text, LARGEST, 0);
    text[got < 0 ? 0 : got] = '\0';
    if (strncmp(text, magic, sizeof magic - 1) != 0)
        return false;
    take_value(text, "host", owner->host, sizeof owner->host);
    take_value(text, "machine", owner->machine, sizeof owner->machine);
    take_value(text, "boot", owner->boot, sizeof owner->boot);
    take_value(text, "process", process, sizeof process);
    owner->process = strtoll(process, &end, 10);
    owner->start = strtoull(end, &end, 10);
    snprintf(owner->process_set, sizeof owner->process_set, "%.32s", end + (*end == ' '));
    return true;
}

bool hb_stage_has_owner(int stage_fd)
{
    struct hb_stage_owner owner;
    struct stat status;
    return read_owner(stage_fd, HB_STAGE_OWNER_APART, &owner, &status) ||
           read_owner(stage_fd, HB_STAGE_OWNER, &owner, &status);
}

/* ---- its age ------------------------------------------------------------------------------- */

/* The time by the clock of the directory's file system. 0 or -errno. */
static int ask_clock(int parent_fd, struct timespec *now)
{
    uint64_t number;
    char name[64];
    struct stat made;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return -EAGAIN;
    /* A stage's name: if we are killed here, a sweep finds it. */
    snprintf(name, sizeof name, ".hbcore-stage-%016" PRIx64, number);
    if (mkdirat(parent_fd, name, 0700) != 0)
        return -errno;
    int result = fstatat(parent_fd, name, &made, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
    unlinkat(parent_fd, name, AT_REMOVEDIR);
    *now = made.st_mtim;
    return result;
}

static bool find_age(int parent_fd, bool probe, int64_t last, struct hb_stage_claim *claim)
{
    struct timespec now = {0};
    claim->age = -1;
    claim->left = DAY;
    if (!probe || ask_clock(parent_fd, &now) != 0)
        return true;
    claim->age = now.tv_sec - last < 0 ? 0 : now.tv_sec - last;
    claim->left = DAY - claim->age;
    return claim->left > 0;
}

static bool is_alive(const struct hb_stage_owner *owner)
{
    uint64_t start = start_of(owner->process);
    if (start != 0 && owner->start != 0)
        return start == owner->start;
    return owner->process > 0 && (kill((pid_t)owner->process, 0) == 0 || errno == EPERM);
}

bool hb_stage_is_claimed(int parent_fd, int stage_fd, bool probe, struct hb_stage_claim *claim)
{
    struct stat stage, file;
    *claim = (struct hb_stage_claim){.age = -1};
    if (!hb_is_shared(stage_fd))
        return false;
    struct hb_stage_owner here = ourselves();
    bool known = read_owner(stage_fd, HB_STAGE_OWNER_APART, &claim->owner, &file) ||
                 read_owner(stage_fd, HB_STAGE_OWNER, &claim->owner, &file);
    int64_t last = known ? file.st_mtim.tv_sec : INT64_MIN;
    if (known && *here.boot != '\0' && strcmp(here.boot, claim->owner.boot) == 0 &&
        strcmp(here.process_set, claim->owner.process_set) == 0) {
        claim->alive = claim->owner.process != here.process && is_alive(&claim->owner);
        return claim->alive; /* our own lock holds for us */
    }
    if (fstat(stage_fd, &stage) != 0)
        return true;
    if (stage.st_mtim.tv_sec > last)
        last = stage.st_mtim.tv_sec;
    return find_age(parent_fd, probe, last, claim);
}

void hb_stage_claim_describe(const struct hb_stage_claim *claim, char *text)
{
    char who[112], when[48] = "";
    if (claim->owner.process == 0)
        snprintf(who, sizeof who, "it does not say whose it is");
    else
        snprintf(who, sizeof who, "host %s, process %" PRId64,
                 *claim->owner.host == '\0' ? "unknown" : claim->owner.host, claim->owner.process);
    if (claim->age >= 0)
        snprintf(when, sizeof when, ", last at work %" PRId64 " min ago", claim->age / 60);
    snprintf(text, 160, "%s%s", who, when);
}
