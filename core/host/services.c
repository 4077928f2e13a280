/* SPDX-License-Identifier: Apache-2.0 */
#include "host/services.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "base/patterns.h"
#include "base/progress.h"
#include "files/access.h"
#include "files/io.h"
#include "files/listing.h"
#include "files/owner.h"
#include "files/removal.h"
#include "host/failure.h"
#include "host/lost.h"
#include "host/services_beneath.h"
#include "host/services_child.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 1024 }; /* of a message */

static struct hb_instance *instance_of(const struct hb_host *host)
{
    return host->self;
}

static void host_log(const struct hb_host *host, int level, const char *format, ...)
{
    const struct hb_instance *instance = instance_of(host);
    char line[LINE_BYTES];
    if (level < instance->run->log_level)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    HB_AUTO_FREE char *shown = hb_printable(line);
    hb_progress_make_room(instance->run->progress);
    fprintf(instance->run->log, "hbcore: %s: %s\n", instance->plugin->name, shown);
}

/* `hint` may be NULL. */
HB_PRINTF(4, 0)
static void say_failure(const struct hb_host *host, uint32_t cause, const char *hint,
                        const char *format, va_list arguments)
{
    const struct hb_instance *instance = instance_of(host);
    if (errno == ENOMEM) /* of its own malloc(): the plugin has no other way to say so */
        instance->run->short_of_memory = true;
    struct hb_failure *failure = hb_failure_of(instance->run);
    int used = snprintf(failure->text, HB_FAILURE_BYTES, "%s: ", instance->plugin->name);
    vsnprintf(failure->text + used, HB_FAILURE_BYTES - (size_t)used, format, arguments);
    snprintf(failure->hint, sizeof failure->hint, "%s", hint == NULL ? "" : hint);
    failure->own = true;
    failure->cause = cause <= HB_CAUSE_EXISTS ? cause : HB_CAUSE_NONE;
    if (instance->run->heard != NULL)
        instance->run->heard(instance->run->heard_context, failure->text);
}

static int host_fail(const struct hb_host *host, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_failure(host, HB_CAUSE_NONE, NULL, format, arguments);
    va_end(arguments);
    return status;
}

static int host_fail_as(const struct hb_host *host, int status, uint32_t cause, const char *hint,
                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_failure(host, cause, hint, format, arguments);
    va_end(arguments);
    return status;
}

static uint32_t host_cause(const struct hb_host *host)
{
    return hb_failure_of(instance_of(host)->run)->cause;
}

/* It is told again where the entry is taken over without asking the plugin. */
static void note_content(const struct hb_instance *instance, const struct hb_entry *entry,
                         const char *line)
{
    HB_AUTO_FREE char *note = hb_text("%s: %s", instance->plugin->name, line);
    hb_report_content_note(&instance->run->report, entry->path, note);
}

static void report(const struct hb_host *host, enum hb_finding_kind kind,
                   const struct hb_entry *entry, const char *format, va_list arguments)
{
    const struct hb_instance *instance = instance_of(host);
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, arguments);
    if (entry == NULL) /* an archive may be walked more than once */
        hb_report_add_once(&instance->run->report, kind, instance->plugin->name, line);
    else if (kind == HB_FOUND_NOTE && instance->plugin->kind == HB_KIND_CONTENT)
        note_content(instance, entry, line);
    else
        hb_report_add(&instance->run->report, kind, entry->path, "%s: %s", instance->plugin->name,
                      line);
}

static void host_note(const struct hb_host *host, const struct hb_entry *entry, const char *format,
                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(host, HB_FOUND_NOTE, entry, format, arguments);
    va_end(arguments);
}

static void host_doubtful(const struct hb_host *host, const struct hb_entry *entry,
                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(host, HB_FOUND_DOUBTFUL, entry, format, arguments);
    va_end(arguments);
}

static int host_cancelled(const struct hb_host *host)
{
    return hb_run_cancelled(instance_of(host)->run);
}

static int64_t host_remaining(const struct hb_host *host)
{
    (void)host; /* part of the ABI: no command has a time limit */
    return INT64_MAX;
}

static void host_progress(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                          uint64_t total)
{
    struct hb_progress *progress = instance_of(host)->run->progress;
    if (progress != NULL && entry != NULL)
        hb_progress_preparing(progress, entry->path, done, total);
}

static void *host_alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes == 0 ? 1 : bytes);
}

static void host_release(const struct hb_host *host, void *memory)
{
    (void)host;
    free(memory);
}

static const char *host_home_path(const struct hb_host *host)
{
    return instance_of(host)->run->home.path;
}

/* A service's own failure. `errno` tells it, too. */
static int cannot(const struct hb_host *host, const char *path, const char *what, int reason)
{
    struct hb_run *run = instance_of(host)->run;
    hb_run_explain(run, "%s: cannot be %s: %s", path, what, strerror(reason));
    hb_failure_of(run)->cause = hb_cause_of(reason);
    errno = reason;
    return HB_STATUS_ENTRY;
}

static int host_open_beneath(const struct hb_host *host, const char *path, int flags, uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    int fd = run->home.fd < 0 ? -ENOENT : hb_beneath_open(&run->home, path, flags, mode);
    return fd >= 0 ? fd : cannot(host, path, "opened", -fd);
}

static int64_t host_read_entry(const struct hb_host *host, const char *path, uint64_t offset,
                               void *buffer, size_t bytes)
{
    HB_AUTO_CLOSE int fd = host_open_beneath(host, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int64_t got = hb_read_all_at(fd, buffer, bytes, offset);
    return got >= 0 ? got : cannot(host, path, "read", (int)-got);
}

/*
 * Hooks have one of their own, from their first before() to the end: that of the run comes later
 * and goes earlier, and lies where the run wants it.
 */
static struct hb_stage *stage_of(const struct hb_host *host)
{
    const struct hb_instance *instance = instance_of(host);
    return instance->plugin->kind == HB_KIND_HOOK ? &instance->run->hooks_stage
                                                  : &instance->run->stage;
}

/* A stage in the home, for the first that needs one. */
static int open_stage_in_home(const struct hb_host *host, struct hb_stage *stage)
{
    struct hb_run *run = instance_of(host)->run;
    struct hb_error error;
    if (stage == &run->hooks_stage && run->hooks_stage_nothing)
        return host_fail(host, HB_STATUS_ENTRY,
                         "this command stages nothing: it is a dry run, or only reads");
    if (stage == &run->hooks_stage && run->home.fd < 0)
        return host_fail(host, HB_STATUS_ENTRY, "nothing can be staged: there is no home yet");
    if (stage == &run->stage && !run->stage_on_demand)
        return host_fail(host, HB_STATUS_ENTRY, "this command has no staging directory");
    if (hb_stage_open_in(run->home.fd, &run->home.rights, run->home.path, stage, NULL, &error) !=
        HB_OK)
        return host_fail(host, HB_STATUS_ENTRY, "%s", error.text);
    return HB_OK;
}

static int host_stage_file(const struct hb_host *host, const char *name, struct hb_file *out)
{
    struct hb_stage *stage = stage_of(host);
    struct hb_error error;
    char *made = NULL;
    *out = (struct hb_file){.size = sizeof *out, .fd = -1};
    int status = stage->fd < 0 ? open_stage_in_home(host, stage) : HB_OK;
    if (status != HB_OK)
        return status;
    int fd = hb_stage_file(stage, name, &made, &error);
    if (fd < 0)
        return host_fail(host, HB_STATUS_ENTRY, "%s", error.text);
    out->fd = fd;
    out->path = hb_text("%s/%s", stage->path, made);
    out->reserved = made;
    return HB_OK;
}

struct staged {
    int stage_fd;
    const char *name;
};

static int remove_if_of(void *context, const char *name)
{
    const struct staged *staged = context;
    if (strncmp(name, staged->name, strlen(staged->name)) == 0 &&
        unlinkat(staged->stage_fd, name, 0) != 0 && (errno == EISDIR || errno == EPERM))
        unlinkat(staged->stage_fd, name, AT_REMOVEDIR); /* emptied before */
    return 0;
}

/*
 * With the side files that a library has made: their names start with the file's own, which starts
 * with a number that no other has. Nothing is in the way of those that a list misses: the stage
 * goes as a whole at the end.
 */
static void remove_with_side_files(const struct hb_stage *stage, const char *name)
{
    struct staged staged = {stage->fd, name};
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &stage->rights) == 0)
        hb_listing_each(stage->fd, remove_if_of, &staged);
}

static bool is_directory(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

static void empty(const struct hb_stage *stage, int directory_fd)
{
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &stage->rights) == 0)
        hb_remove_below(directory_fd, NULL);
}

/* What a plugin has staged while an archive is sealed was not; an empty file is nothing. */
static void tell_plain(const struct hb_instance *instance, const struct hb_stage *stage, int fd)
{
    struct stat status;
    if (!instance->run->seals || stage != &instance->run->stage || fstat(fd, &status) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size == 0)
        return;
    HB_AUTO_FREE char *where =
        hb_copy_bytes(stage->path, (size_t)(hb_base_name(stage->path) - stage->path));
    HB_AUTO_FREE char *text =
        hb_text("copies that are not sealed lay in %s while the archive was made", where);
    hb_report_add_once(&instance->run->report, HB_FOUND_NOTE, instance->plugin->name, text);
}

static void host_stage_release(const struct hb_host *host, struct hb_file *file)
{
    const struct hb_stage *stage = stage_of(host);
    if (file->fd >= 0)
        tell_plain(instance_of(host), stage, file->fd);
    if (file->fd >= 0 && is_directory(file->fd))
        empty(stage, file->fd);
    if (file->fd >= 0)
        close(file->fd);
    if (file->reserved != NULL && stage->fd >= 0)
        remove_with_side_files(stage, file->reserved);
    free(file->reserved);
    free((void *)(uintptr_t)file->path);
    *file = (struct hb_file){.size = sizeof *file, .fd = -1};
}

static int host_stage_directory(const struct hb_host *host, const char *name, struct hb_file *out)
{
    struct hb_stage *stage = stage_of(host);
    int status = host_stage_file(host, name, out); /* which finds a name that nobody else has */
    if (status != HB_OK)
        return status;
    HB_AUTO_AS as = {.changed = false};
    const char *made = out->reserved;
    int result = hb_as_begin(&as, &stage->rights);
    int fd = -1;
    if (result == 0 &&
        (unlinkat(stage->fd, made, 0) != 0 || mkdirat(stage->fd, made, 0700) != 0 ||
         (fd = openat(stage->fd, made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0))
        result = -errno;
    hb_as_end(&as);
    if (result == 0) {
        close(out->fd);
        out->fd = fd;
        return HB_OK;
    }
    host_stage_release(host, out);
    return host_fail(host, HB_STATUS_ENTRY, "%s: cannot make a staged directory: %s", name,
                     hb_rights_explain(-result));
}

static int cannot_publish(const struct hb_host *host, const struct hb_place *place, int error)
{
    return host_fail(host, HB_STATUS_ENTRY, "%s: cannot be published: %s", place->path,
                     hb_rights_explain(error));
}

/* From the stage to the place, with the rights that this thread has now. */
static int publish_from(const struct hb_stage *stage, int fd, const char *name,
                        const struct hb_place *place, uint32_t mode, unsigned *lost)
{
    int result = hb_access_give(stage->fd, name, fd, place, mode, HB_ACCESS_ASK, NULL, lost);
    if (result != 0)
        return result;
    if (fsync(fd) != 0 || renameat(stage->fd, name, place->directory_fd, place->name) != 0)
        return -errno;
    return hb_flush_directory(place->directory_fd);
}

/* A copy of that file, with its owner. 0 or -errno. */
static int copy_with_owner(int from, int to)
{
    struct stat status;
    int result = hb_copy_all(from, to);
    if (result == 0 && fstat(from, &status) != 0)
        result = -errno;
    if (result != 0)
        return result;
    struct hb_owner owner = hb_owner_known(status.st_uid, status.st_gid);
    return hb_owner_give(&owner, to);
}

/* The stage belongs to one user, the place to another: a copy goes through a stage of the latter.
 */
static int publish_copy(struct hb_run *run, int fd, const struct hb_place *place, uint32_t mode,
                        unsigned *lost)
{
    struct hb_stage stage;
    struct hb_error error;
    char *made = NULL;
    int result = -EACCES;
    if (hb_stage_open_in(place->directory_fd, &place->rights, "", &stage, NULL, &error) == HB_OK) {
        HB_AUTO_CLOSE int copy = hb_stage_file(&stage, "copy", &made, &error);
        if (copy >= 0)
            result = copy_with_owner(fd, copy);
        if (copy >= 0 && result == 0)
            result = publish_from(&stage, copy, made, place, mode, lost);
    }
    free(made);
    hb_run_close_stage(run, &stage, HB_OK);
    return result;
}

static int publish_at(const struct hb_host *host, struct hb_file *file, struct hb_place *place,
                      uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    const struct hb_stage *stage = stage_of(host);
    HB_AUTO_AS as = {.changed = false};
    if (place->exists && !S_ISREG(place->status.st_mode))
        return host_fail(host, HB_STATUS_ENTRY, "%s: the existing file is not a regular file",
                         place->path);
    unsigned lost = 0;
    int result = hb_as_begin(&as, &place->rights);
    bool same = hb_rights_are_same(&stage->rights, &place->rights);
    if (result == 0 && same)
        result = publish_from(stage, file->fd, file->reserved, place, mode, &lost);
    else if (result == 0)
        result = publish_copy(run, file->fd, place, mode, &lost);
    hb_tell_lost(run, place->path, lost);
    if (result != 0)
        return cannot_publish(host, place, -result);
    if (same) {
        free(file->reserved);
        file->reserved = NULL;
    }
    host_stage_release(host, file);
    return HB_OK;
}

static int host_publish(const struct hb_host *host, struct hb_file *file, const char *path,
                        uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    if ((mode & ~07777u) != 0)
        return host_fail(host, HB_STATUS_ENTRY, "%s: cannot be published: its mode %#o is none",
                         path, mode);
    if (run->home.fd < 0 || file->reserved == NULL || is_directory(file->fd))
        return host_fail(host, HB_STATUS_ENTRY, "%s: no file was staged, or there is no home",
                         path);
    struct hb_place place;
    int result =
        hb_beneath_resolve(&run->home, path, HB_MAKE_PARENTS | HB_FLUSH_MADE, &place, NULL);
    int status = result != 0 ? host_fail(host, HB_STATUS_ENTRY, "%s: %s", path,
                                         result == -EXDEV ? "leads outside the home"
                                                          : hb_rights_explain(-result))
                             : publish_at(host, file, &place, mode);
    hb_place_clear(&place);
    return status;
}

static void host_summary(const struct hb_host *host, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    hb_report_advice(&instance_of(host)->run->report, line);
}

static int host_member(const struct hb_host *host, const char *key, const char *json)
{
    json_t *parsed = json_loads(json, JSON_DECODE_ANY, NULL);
    if (parsed == NULL)
        return host_fail(host, HB_STATUS_ENTRY, "%s: not a JSON text: %.60s", key, json);
    json_decref(parsed);
    hb_report_member(&instance_of(host)->run->report, key, json);
    return HB_OK;
}

static int host_read_as(const struct hb_host *host)
{
    return instance_of(host)->run->home.read_as_root ? HB_READ_AS_ROOT : HB_READ_AS_OWNER;
}

static int host_clock(const struct hb_host *host, uint32_t clock, struct timespec *now)
{
    if (clock == HB_CLOCK_STEADY)
        return clock_gettime(CLOCK_MONOTONIC, now) == 0 ? HB_OK : HB_STATUS_ENTRY;
    if (clock != HB_CLOCK_WALL)
        return host_fail(host, HB_STATUS_ENTRY, "there is no clock %u", clock);
    clock_gettime(CLOCK_REALTIME, now);
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    long long latest = epoch == NULL || *epoch == '\0' ? 0 : strtoll(epoch, &end, 10);
    if (end != NULL && *end == '\0' && now->tv_sec >= latest)
        *now = (struct timespec){.tv_sec = (time_t)latest};
    return HB_OK;
}

static int host_dry_run(const struct hb_host *host)
{
    return instance_of(host)->run->dry_run;
}

static struct hb_patterns *host_patterns_create(const struct hb_host *host, const char *key,
                                                const char *const *patterns, size_t count)
{
    const char *section = instance_of(host)->section->name;
    struct hb_patterns *made = hb_patterns_new();
    bool wrong = false;
    /* As plugins name a setting of theirs; some say the section themselves. */
    HB_AUTO_FREE char *origin = *key == '[' ? hb_copy_text(key) : hb_text("[%s] %s", section, key);
    hb_patterns_set_origin(made, origin);
    for (size_t i = 0; i < count; i++) {
        const char *problem =
            hb_patterns_add(made, patterns[i], strlen(patterns[i]), HB_PATTERN_GIT);
        if (problem == NULL)
            continue;
        host_fail(host, HB_STATUS_FATAL, "%s: \"%s\" would never match: it %s", origin, patterns[i],
                  problem);
        wrong = true;
    }
    if (!wrong)
        return made;
    hb_patterns_free(made);
    return NULL;
}

static int host_patterns_match(const struct hb_host *host, struct hb_patterns *patterns,
                               const char *path, size_t path_bytes, uint32_t type)
{
    (void)host;
    return hb_patterns_exclude(patterns, path, path_bytes, type == HB_TYPE_DIRECTORY, NULL);
}

static void host_patterns_free(const struct hb_host *host, struct hb_patterns *patterns)
{
    char names[600];
    const struct hb_instance *instance = instance_of(host);
    size_t count = patterns == NULL ? 0 : hb_patterns_count(patterns);
    size_t missed = instance->run->walked && count > 0
                        ? hb_patterns_missed(patterns, 0, count, names, sizeof names)
                        : 0;
    if (missed > 0 && count == 1) /* a slip, or what was there once */
        hb_report_add(&instance->run->report, HB_FOUND_NOTE, "",
                      "%s: its only pattern matches nothing in the home: %s",
                      hb_patterns_origin(patterns), names);
    else if (missed > 0)
        hb_report_add(&instance->run->report, HB_FOUND_NOTE, "",
                      "%s: %zu of its %zu patterns %s nothing in the home: %s",
                      hb_patterns_origin(patterns), missed, count,
                      missed == 1 ? "matches" : "match", names);
    hb_patterns_free(patterns);
}

void hb_services_fill(struct hb_instance *instance)
{
    instance->host = (struct hb_host){
        .size = sizeof instance->host,
        .abi = HB_ABI,
        .self = instance,
        .log = host_log,
        .fail = host_fail,
        .note = host_note,
        .doubtful = host_doubtful,
        .cancelled = host_cancelled,
        .remaining_ms = host_remaining,
        .progress = host_progress,
        .alloc = host_alloc,
        .release = host_release,
        .home_path = host_home_path,
        .open_beneath = host_open_beneath,
        .read_entry = host_read_entry,
        .stage_file = host_stage_file,
        .stage_release = host_stage_release,
        .publish = host_publish,
        .summary = host_summary,
        .member = host_member,
        .read_as = host_read_as,
        .patterns_create = host_patterns_create,
        .patterns_match = host_patterns_match,
        .fail_as = host_fail_as,
        .cause = host_cause,
        .patterns_free = host_patterns_free,
        .run_child = hb_host_run_child,
        .secret = hb_host_secret,
        .secret_release = hb_host_secret_release,
        .clock = host_clock,
        .dry_run = host_dry_run,
        .stage_directory = host_stage_directory,
        .list_beneath = hb_host_list_beneath,
        .unlink_beneath = hb_host_unlink_beneath,
    };
}
