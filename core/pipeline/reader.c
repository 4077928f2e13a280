/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/reader.h"

#include "base/memory.h"
#include "files/access.h"
#include "files/file_times.h"
#include "files/io.h"
#include "files/listed.h"
#include "files/system_kind.h"
#include "host/failure.h"
#include "pipeline/entry_facts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { READ_AGAIN = 3 }; /* times that a file is read when it changes meanwhile */

static struct timespec clamp(struct timespec time, int64_t latest)
{
    return time.tv_sec >= latest ? (struct timespec){.tv_sec = latest} : time;
}

static struct hb_entry entry_from(const struct hb_plan *plan, const struct hb_planned *planned)
{
    const struct hb_plan_common *common = hb_plan_common(plan, planned);
    char *path = hb_plan_path(plan, planned);
    struct timespec mtime = {.tv_sec = planned->mtime_seconds,
                             .tv_nsec = planned->mtime_nanoseconds};
    return (struct hb_entry){
        .size = sizeof(struct hb_entry),
        .type = planned->type,
        .path = path,
        .path_bytes = strlen(path),
        .mtime = clamp(mtime, plan->latest),
        .mode = common->mode,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER,
        .uid = common->uid,
        .gid = common->gid,
    };
}

static struct hb_file_state state_of(const struct stat *status)
{
    return (struct hb_file_state){
        .inode = status->st_ino,
        .bytes = (uint64_t)status->st_size,
        .mtime = status->st_mtim,
        .ctime = status->st_ctim,
    };
}

/* fstat(), with a mode that is right without the access list, which no archive has. */
static int look(int fd, struct stat *status)
{
    if (fstat(fd, status) != 0)
        return -1;
    status->st_mode =
        (status->st_mode & S_IFMT) | hb_access_stored_mode(fd, status->st_mode & 07777);
    return 0;
}

static bool would_show(const struct stat *status)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return hb_write_would_show(status, &now);
}

/*
 * What is written while the file is read must not go unnoticed, so that it is read a little later.
 * False: somebody writes to it all the time.
 */
static bool wait_for_another_time(int fd, struct stat *status)
{
    enum { LOOKS = 3, NAPS = 600, NAP_NANOSECONDS = 4000000 };
    for (int looks = 0; looks < LOOKS && !would_show(status); looks++) {
        for (int naps = 0; naps < NAPS && !would_show(status); naps++)
            nanosleep(&(struct timespec){.tv_nsec = NAP_NANOSECONDS}, NULL);
        if (look(fd, status) != 0)
            return false;
    }
    return would_show(status);
}

/* The file's present size, times and owner; the mode unless the filters fixed it. */
static void take_status(struct hb_reader *reader, const struct stat *status)
{
    struct stat later = *status;
    reader->untold = !wait_for_another_time(reader->fd, &later);
    status = &later;
    clock_gettime(CLOCK_REALTIME_COARSE, &reader->opened);
    if (reader->passes == 0)
        reader->accessed = status->st_atim;
    reader->seen = state_of(status);
    reader->status = *status;
    reader->entry.bytes = reader->seen.bytes;
    reader->entry.mtime = clamp(status->st_mtim, reader->latest);
    reader->entry.uid = status->st_uid;
    reader->entry.gid = status->st_gid;
    if (!reader->mode_is_fixed)
        reader->entry.mode = status->st_mode & 07777;
}

/* The owner of its directory may not read it, and so root does not either. */
static bool is_out_of_reach(const struct hb_reader *reader, int error)
{
    struct hb_rights home = hb_root_reading(&reader->run->home);
    uid_t user = reader->directory_user != 0 ? reader->directory_user : home.user;
    char owner[32], name[32];
    if (error != EACCES || !hb_rights_matter() || reader->run->home.read_as_root || user == 0)
        return false;
    hb_rights_name(reader->entry.uid, owner);
    hb_rights_name(user, name);
    hb_report_add(&reader->run->report, HB_FOUND_SKIPPED, reader->entry.path,
                  "belongs to %s, and %s, who owns its directory, may not read it: give it to that "
                  "user, or set read-as = root in [home]",
                  owner, name);
    return true;
}

static int cannot_open(const struct hb_reader *reader, int error)
{
    const char *path = reader->entry.path;
    struct hb_report *report = &reader->run->report;
    if (error == ENOENT)
        hb_report_add(report, HB_FOUND_NOTE, path, "vanished before it was read");
    else if (error == ELOOP)
        hb_report_add(report, HB_FOUND_SKIPPED, path, "became a symbolic link before it was read");
    else if (!is_out_of_reach(reader, error))
        hb_report_add(report, HB_FOUND_SKIPPED, path, "cannot be opened: %s",
                      hb_rights_explain(error));
    return HB_STATUS_ENTRY;
}

/* The home, to read a planned entry: where nobody else has his hand in, one call does. */
static struct hb_root home_for(const struct hb_run *run, const struct hb_plan *plan,
                               const struct hb_planned *planned)
{
    struct hb_root home = run->home;
    home.only_of_owner = planned->parent == UINT32_MAX
                             ? !plan->apart
                             : !(plan->directories[planned->parent].flags & HB_PLANNED_APART);
    return home;
}

/* Takes over the descriptor of an ordinary file, or -errno. */
static int take_file(struct hb_run *run, int fd, struct hb_reader *reader)
{
    struct stat status;
    reader->fd = fd;
    if (fd < 0)
        return cannot_open(reader, -fd);
    if (look(fd, &status) != 0)
        return cannot_open(reader, errno);
    if (!S_ISREG(status.st_mode)) {
        hb_report_add(&run->report, HB_FOUND_SKIPPED, reader->entry.path,
                      "is no longer a regular file");
        return HB_STATUS_ENTRY;
    }
    if (reader->passes == 0)
        hb_not_kept_open(&run->not_kept, fd);
    take_status(reader, &status);
    return HB_OK;
}

static int open_file(struct hb_run *run, const struct hb_plan *plan,
                     const struct hb_planned *planned, struct hb_reader *reader)
{
    const char *path = reader->entry.path;
    struct hb_root home = home_for(run, plan, planned);
    /* O_NONBLOCK: it may have become a pipe meanwhile. */
    int fd = plan->listed ? hb_listed_open(&home, path, O_NONBLOCK)
                          : hb_beneath_open(&home, path, O_RDONLY | O_NONBLOCK, 0);
    return take_file(run, fd, reader);
}

static int open_link(struct hb_run *run, struct hb_reader *reader)
{
    char target[PATH_MAX];
    HB_AUTO_CLOSE int fd = hb_beneath_open(&run->home, reader->entry.path, O_PATH, 0);
    if (fd < 0)
        return cannot_open(reader, -fd);
    ssize_t bytes = readlinkat(fd, "", target, sizeof target);
    if (bytes < 0 || (size_t)bytes == sizeof target) {
        hb_report_add(&run->report, HB_FOUND_SKIPPED, reader->entry.path,
                      "symbolic link cannot be read: %s", bytes < 0 ? strerror(errno) : "too long");
        return HB_STATUS_ENTRY;
    }
    reader->entry.link = hb_copy_bytes(target, (size_t)bytes);
    return HB_OK;
}

/* What the content is, by its plugin; false: it does not tell, or shall not be asked. */
static bool identify(const struct hb_instance *content, const struct hb_entry *entry,
                     unsigned char identity[32])
{
    const struct hb_content_ops *ops = content->plugin->ops;
    HB_AUTO_AS as = {.changed = false};
    return HB_CAN(ops, identity) && hb_as_self(&as) == 0 &&
           ops->identity(content->self, entry, identity) == HB_OK;
}

/* Has it still the identity that it had before it was opened? */
static bool identity_is_the_same(const struct hb_instance *content, const struct hb_reader *reader)
{
    unsigned char after[32];
    return identify(content, &reader->entry, after) &&
           memcmp(reader->identity, after, sizeof after) == 0;
}

/*
 * The source is judged. A later backup may reuse only a copy of one moment, and nothing that it
 * would have to warn of again.
 */
static void accept_source(struct hb_reader *reader)
{
    const struct hb_source *source = &reader->source;
    const char *method = source->method;
    struct hb_report *report = &reader->run->report;
    bool doubtful = hb_report_has(report, HB_FOUND_DOUBTFUL, reader->entry.path);
    bool told_nothing = source->soundness >= HB_SOUNDNESS_UNKNOWN || source->soundness == 0;
    HB_AUTO_FREE char *facts = hb_entry_facts_text(reader->facts);
    hb_report_content(report, reader->entry.path, method,
                      told_nothing ? HB_SOUNDNESS_UNKNOWN : source->soundness, facts);
    if ((source->flags & HB_SOURCE_IN_PLACE) != 0)
        hb_report_in_place(report, reader->entry.path);
    reader->of_content = true;
    if (told_nothing && source->soundness != HB_SOUNDNESS_UNKNOWN)
        hb_report_add(report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "plugin %s gave no valid answer (%u) whether it is sound; stored as it is",
                      reader->content->plugin->name, source->soundness);
    else if ((source->soundness == HB_SOUNDNESS_UNSOUND || told_nothing) && !doubtful)
        hb_report_add(report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      told_nothing ? "could not be checked by plugin %s; stored as it is"
                                   : "unsound according to plugin %s; stored as it is",
                      reader->content->plugin->name);
    else if (!doubtful && strcmp(method, HB_METHOD_SNAPSHOT) == 0 && reader->identified)
        hb_fingerprint_content(&reader->entry, reader->identity, source->soundness,
                               &reader->fingerprint);
}

/* The plugin answered for all of its source. */
static int take_facts(struct hb_reader *reader)
{
    int status = reader->ask_facts
                     ? hb_entry_facts_ask(reader->run, reader->content, &reader->entry,
                                          &reader->source, &reader->facts)
                     : HB_OK;
    if (status == HB_OK)
        accept_source(reader);
    return status;
}

/* The plugin gives no source, or rejects it. */
static int refuse_source(const struct hb_instance *content, const struct hb_reader *reader,
                         int result)
{
    struct hb_report *report = &reader->run->report;
    const char *path = reader->entry.path;
    if (result == HB_STATUS_NOMATCH) {
        if (hb_report_has(report, HB_FOUND_DOUBTFUL, path))
            hb_report_content(report, path, "raw",
                              reader->source.soundness == HB_SOUNDNESS_UNKNOWN
                                  ? HB_SOUNDNESS_UNKNOWN
                                  : HB_SOUNDNESS_UNSOUND,
                              NULL);
        return HB_STATUS_NOMATCH;
    }
    if (result == HB_STATUS_CANCELLED || hb_run_cancelled(reader->run))
        return HB_STATUS_CANCELLED;
    hb_report_add(report, HB_FOUND_SKIPPED, path, "%s", hb_instance_failure(content));
    return HB_STATUS_ENTRY;
}

/* A mistake of the plugin. Without this the entry would be stored empty, or nobody knows how. */
static int no_source(const struct hb_instance *content, struct hb_reader *reader, const char *what)
{
    if (reader->source.close != NULL)
        reader->source.close(&reader->source);
    reader->source.read_at = NULL;
    hb_report_add(&reader->run->report, HB_FOUND_SKIPPED, reader->entry.path,
                  "plugin %s opened it without %s", content->plugin->name, what);
    return HB_STATUS_ENTRY;
}

/*
 * A plugin takes on the rights of the directory's owner. In a directory of root's in another user's
 * home that is not enough: there only what that user can read is read.
 */
static int look_whose(const struct hb_root *home, const char *path, int fd)
{
    struct hb_rights reading = hb_root_reading(home), rights;
    if (!hb_rights_matter() || !reading.other)
        return 0;
    const char *slash = strrchr(path, '/');
    HB_AUTO_FREE char *parent =
        slash == NULL ? hb_copy_text(".") : hb_copy_bytes(path, (size_t)(slash - path));
    HB_AUTO_CLOSE int directory = hb_beneath_open(home, parent, O_PATH | O_DIRECTORY, 0);
    int result = directory < 0 ? directory : hb_rights_of(directory, &rights);
    if (result != 0 || rights.other)
        return -result;
    HB_AUTO_AS as = {.changed = false};
    result = hb_as_begin(&as, &reading);
    if (result != 0)
        return -result;
    return faccessat(fd, "", R_OK, AT_EACCESS | AT_EMPTY_PATH) != 0 ? errno : 0;
}

/* O_PATH: closing an ordinary descriptor would drop the locks of a library on this file. */
static int look_at_claimed(const struct hb_run *run, const char *path, struct stat *status)
{
    HB_AUTO_CLOSE int fd = hb_beneath_open(&run->home, path, O_PATH, 0);
    if (fd < 0)
        return -fd;
    return look(fd, status) != 0 ? errno : look_whose(&run->home, path, fd);
}

/*
 * A plugin reads with root's rights where [home] read-as says so. Where a link of another user's
 * led there, it is worth what he can read. 0 or an errno.
 */
static int look_through_link(const struct hb_run *run, const struct hb_place *place)
{
    HB_AUTO_AS as = {.changed = false};
    if (!run->home.read_as_root || !place->led)
        return 0;
    int result = hb_as_begin(&as, &place->rights);
    if (result != 0)
        return -result;
    return faccessat(place->directory_fd, place->name, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0
               ? errno
               : 0;
}

/*
 * What a list names may be a link. A plugin gets the file that it leads to, for what belongs to
 * that lies beside it. HB_STATUS_NOMATCH: it lies outside the home, where no plugin looks.
 */
static int follow_links(struct hb_run *run, struct hb_reader *reader)
{
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, reader->entry.path, 0, &place, NULL);
    int error = result == 0 ? look_through_link(run, &place) : -result;
    if (error == 0) {
        free((void *)(uintptr_t)reader->entry.path);
        reader->entry.path = place.path;
        reader->entry.path_bytes = strlen(place.path);
        place.path = NULL;
    } else if (result != 0) {
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "leads outside the home; its bytes are copied as they are");
    }
    hb_place_clear(&place);
    return error == 0 ? HB_OK : result != 0 ? HB_STATUS_NOMATCH : cannot_open(reader, error);
}

/* Through its plugin. HB_STATUS_NOMATCH: as an ordinary file after all. */
static int open_claimed(struct hb_run *run, const struct hb_instance *content, bool listed,
                        struct hb_reader *reader)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    if (!HB_CAN(ops, open))
        return HB_STATUS_NOMATCH;
    int followed = listed ? follow_links(run, reader) : HB_OK;
    if (followed != HB_OK)
        return followed;
    struct stat status;
    int error = look_at_claimed(run, reader->entry.path, &status);
    if (error != 0)
        return cannot_open(reader, error);
    take_status(reader, &status);
    bool told = reader->remember && identify(content, &reader->entry, reader->identity);
    reader->source =
        (struct hb_source){.size = sizeof reader->source, .fd = -1, .flags = HB_SOURCE_JUDGED};
    hb_run_clear_failure(run);
    struct hb_held_inode held;
    hb_held_enter(&run->held, &held, &status);
    /* A plugin stages beside the archive as ourselves, and takes on the owner's rights itself. */
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    int result = ops->open(content->self, &reader->entry, &reader->source);
    hb_held_leave(&run->held, &held);
    if (result != HB_OK) {
        reader->source.read_at = NULL;
        return refuse_source(content, reader, result);
    }
    if (reader->source.read_at == NULL)
        return no_source(content, reader, "a read_at() to read it");
    if (reader->source.method == NULL || *reader->source.method == '\0')
        return no_source(content, reader, "a method, the word for reports");
    reader->content = content;
    reader->entry.bytes = reader->source.bytes;
    reader->identified = told && identity_is_the_same(content, reader);
    reader->to_be_judged = HB_CAN(ops, judge);
    return reader->to_be_judged ? HB_OK : take_facts(reader);
}

int hb_reader_judge(struct hb_reader *reader)
{
    const struct hb_instance *content = reader->content;
    const struct hb_content_ops *ops = content->plugin->ops;
    hb_run_clear_failure(reader->run);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    int result = ops->judge(content->self, &reader->entry, &reader->source);
    reader->to_be_judged = false;
    if (result != HB_OK)
        return refuse_source(content, reader, result);
    return take_facts(reader);
}

int hb_reader_plan(struct hb_run *run, const struct hb_plan *plan, const struct hb_planned *planned,
                   struct hb_reader *reader)
{
    *reader = (struct hb_reader){.run = run, .fd = -1, .latest = plan->latest};
    /* Inode and times of change are not reproducible. */
    reader->remember =
        plan->remember && plan->latest == INT64_MAX && (planned->flags & HB_PLANNED_UNTOLD) == 0;
    reader->directory_user = planned->parent == UINT32_MAX
                                 ? run->home.rights.user
                                 : hb_plan_directory_common(plan, planned->parent)->uid;
    reader->ask_facts = !plan->listed; /* a snapshot has nowhere to keep them */
    reader->mode_is_fixed = (planned->flags & HB_PLANNED_MODE) != 0;
    reader->entry = entry_from(plan, planned);
    reader->entry.index = planned->index;
    if (planned->type == HB_TYPE_FILE)
        reader->entry.bytes = planned->bytes;
    int status = planned->type == HB_TYPE_SYMLINK ? open_link(run, reader) : HB_OK;
    if (status == HB_OK && planned->type != HB_TYPE_FILE && plan->remember)
        hb_fingerprint_other(&reader->entry, &reader->fingerprint);
    return status;
}

void hb_reader_expect(const struct hb_chain *contents, const struct hb_plan *plan,
                      const struct hb_planned *planned, struct hb_reader *reader,
                      uint32_t soundness)
{
    uint16_t content = hb_plan_common(plan, planned)->content;
    struct hb_file_state state = {
        .inode = planned->inode,
        .bytes = planned->bytes,
        .mtime = {.tv_sec = planned->mtime_seconds, .tv_nsec = planned->mtime_nanoseconds},
        .ctime = {.tv_sec = planned->ctime_seconds, .tv_nsec = planned->ctime_nanoseconds},
    };
    unsigned char identity[32];
    if (!reader->remember || planned->type != HB_TYPE_FILE)
        return;
    if (content == 0)
        hb_fingerprint_file(&reader->entry, &state, &reader->fingerprint);
    else if (identify(contents->instances[content - 1], &reader->entry, identity))
        hb_fingerprint_content(&reader->entry, identity, soundness, &reader->fingerprint);
}

int hb_reader_open(struct hb_run *run, const struct hb_chain *contents, const struct hb_plan *plan,
                   const struct hb_planned *planned, struct hb_reader *reader)
{
    int result = hb_reader_plan(run, plan, planned, reader);
    if (result != HB_OK || planned->type != HB_TYPE_FILE)
        return result;
    uint16_t content = hb_plan_common(plan, planned)->content;
    if (content == 0)
        return open_file(run, plan, planned, reader);
    result = open_claimed(run, contents->instances[content - 1], plan->listed, reader);
    if (result != HB_STATUS_NOMATCH)
        return result;
    hb_reader_free(reader);
    return hb_reader_open_raw(run, plan, planned, reader);
}

int hb_reader_open_raw(struct hb_run *run, const struct hb_plan *plan,
                       const struct hb_planned *planned, struct hb_reader *reader)
{
    int result = hb_reader_plan(run, plan, planned, reader);
    return result == HB_OK ? open_file(run, plan, planned, reader) : result;
}

int64_t hb_reader_read(const struct hb_reader *reader, void *buffer, size_t bytes, uint64_t offset)
{
    if (reader->source.read_at != NULL) {
        hb_run_clear_failure(reader->run);
        int64_t got = reader->source.read_at(&reader->source, buffer, bytes, offset);
        if (got <= 0 || (uint64_t)got <= bytes)
            return got;
        hb_run_explain(reader->run, "%s: its read_at() gave more than there is room for",
                       reader->content->plugin->name);
        return HB_STATUS_ENTRY;
    }
    return hb_read_all_at(reader->fd, buffer, bytes, offset);
}

const char *hb_reader_why(const struct hb_reader *reader, int64_t failed)
{
    return reader->source.read_at != NULL ? hb_instance_failure(reader->content)
                                          : strerror((int)-failed);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The mode of one with an access list is not the one that fstat() gives: look(). */
static bool was_put_back(const struct hb_reader *reader, struct stat *status)
{
    return !same_time(&status->st_ctim, &reader->seen.ctime) && look(reader->fd, status) == 0 &&
           hb_may_be_put_back(&reader->status, status, reader->fd);
}

bool hb_reader_changed(const struct hb_reader *reader, const char **how)
{
    struct stat status;
    if (reader->fd < 0)
        return false;
    if (fstat(reader->fd, &status) != 0)
        *how = "can no longer be examined";
    else if ((uint64_t)status.st_size > reader->seen.bytes)
        *how = "grew while it was read";
    else if ((uint64_t)status.st_size < reader->seen.bytes)
        *how = "shrank while it was read";
    else if (!same_time(&status.st_mtim, &reader->seen.mtime))
        *how = "changed while it was read";
    else if (was_put_back(reader, &status))
        *how = "changed while it was read, and has its old time again, or another name";
    else if (reader->untold)
        *how = "is written to all the time, on a file system whose times tell no moment";
    else
        return false;
    return true;
}

void hb_reader_settle(struct hb_reader *reader)
{
    struct stat status;
    if (!reader->remember || reader->fd < 0 || reader->entry.bytes != reader->seen.bytes ||
        hb_state_is_racy(&reader->seen, &reader->opened) || fstat(reader->fd, &status) != 0 ||
        !hb_change_time_tells(hb_change_times_of(reader->fd), &status))
        return;
    struct hb_file_state now = state_of(&status);
    if (now.inode == reader->seen.inode && now.bytes == reader->seen.bytes &&
        same_time(&now.mtime, &reader->seen.mtime) && same_time(&now.ctime, &reader->seen.ctime))
        hb_fingerprint_file(&reader->entry, &now, &reader->fingerprint);
}

bool hb_reader_refresh(struct hb_reader *reader)
{
    struct stat status;
    if (reader->fd < 0 || look(reader->fd, &status) != 0)
        return false;
    take_status(reader, &status);
    return true;
}

bool hb_reader_again(struct hb_reader *reader, uint64_t limit, uint64_t got)
{
    const char *how = NULL;
    bool changed = hb_reader_changed(reader, &how);
    reader->passes++;
    if ((changed || reader->entry.bytes > limit) && reader->passes < READ_AGAIN &&
        hb_reader_refresh(reader) && reader->entry.bytes <= limit)
        return true;
    if (changed || reader->entry.bytes > limit)
        hb_report_add(&reader->run->report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "%s; what was there first is stored",
                      how != NULL ? how : "grew since the home was listed");
    else if (reader->content != NULL && got < reader->entry.bytes)
        hb_report_add(&reader->run->report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "plugin %s gave less than it announced; what it gave is stored",
                      reader->content->plugin->name);
    reader->entry.bytes = got;
    return false;
}

/* Programs that save a file by renaming a new one over it do this all the time; no harm is done. */
void hb_reader_look_back(struct hb_reader *reader)
{
    struct stat status;
    if (reader->fd < 0 || reader->looked_back)
        return;
    reader->looked_back = true;
    if (fstat(reader->fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0)
        hb_report_add(&reader->run->report, HB_FOUND_NOTE, reader->entry.path,
                      "was removed or replaced while it was read; what was there first is stored");
}

void hb_reader_close(struct hb_reader *reader)
{
    struct stat status;
    hb_reader_look_back(reader);
    if (reader->fd >= 0 && fstat(reader->fd, &status) == 0)
        hb_held_close(&reader->run->held, reader->fd, &status);
    else if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
    if (reader->source.read_at != NULL && reader->source.close != NULL) {
        HB_AUTO_AS as = {.changed = false};
        (void)hb_as_self(&as);
        reader->source.close(&reader->source);
    }
    reader->source.read_at = NULL;
}

void hb_reader_free(struct hb_reader *reader)
{
    hb_reader_close(reader);
    free((void *)(uintptr_t)reader->entry.path);
    free((void *)(uintptr_t)reader->entry.link);
    json_decref(reader->facts);
    *reader = (struct hb_reader){.fd = -1};
}
