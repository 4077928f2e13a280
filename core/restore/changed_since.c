/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/changed_since.h"

#include "base/memory.h"
#include "host/failure.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what a plugin says -------------------------------------------------------------------- */

static struct hb_entry entry_at(const char *path, const struct stat *there)
{
    return (struct hb_entry){.size = sizeof(struct hb_entry),
                             .type = HB_TYPE_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .bytes = (uint64_t)there->st_size,
                             .mode = there->st_mode & 0777,
                             .mtime = there->st_mtim,
                             .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME};
}

bool hb_note_content(const struct hb_instance *content, const char *path, const struct stat *there,
                     unsigned char note[HB_NOTE_CONTENT_BYTES])
{
    const struct hb_content_ops *ops = content->plugin->ops;
    struct hb_entry entry = entry_at(path, there);
    HB_AUTO_AS as = {.changed = false}; /* as when it is restored: it takes on rights itself */
    (void)hb_as_self(&as);
    if (HB_CAN(ops, note))
        return ops->note(content->self, &entry, note) == HB_OK;
    return HB_CAN(ops, identity) && ops->identity(content->self, &entry, note) == HB_OK;
}

/* HB_SINCE_AS_NOTED, …; HB_STATUS_NOMATCH; or a failure. */
static int ask_since(const struct hb_since_question *question)
{
    const struct hb_content_ops *ops = question->content->plugin->ops;
    const struct hb_journal_row *row = question->row;
    struct hb_entry entry = entry_at(question->place->path, &question->place->status);
    char name[24];
    hb_staged_name(row->index, name);
    HB_AUTO_CLOSE int fd = openat(question->stage->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    HB_AUTO_FREE char *staged = hb_text("%s/%s", question->stage->path, name);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    if (fd < 0)
        return HB_STATUS_NOMATCH;
    hb_run_clear_failure(question->content->run);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    return ops->since(
        question->content->self, &entry, &file, row->note.has_content ? row->content : NULL,
        (question->begun ? HB_SINCE_BEGUN : 0u) | (question->copied ? HB_SINCE_COPIED : 0u));
}

bool hb_holds_staged(const struct hb_since_question *question)
{
    const struct hb_content_ops *ops = question->content->plugin->ops;
    bool holds = HB_CAN(ops, since) && ask_since(question) == HB_SINCE_AS_STAGED;
    hb_run_clear_failure(question->content->run); /* it is put back then, which tells */
    return holds;
}

static int ask(const struct hb_since_question *question)
{
    const struct hb_content_ops *ops = question->content->plugin->ops;
    unsigned char now[HB_NOTE_CONTENT_BYTES];
    if (HB_CAN(ops, since))
        return ask_since(question);
    if (!question->row->note.has_content)
        return HB_STATUS_NOMATCH;
    return hb_note_content(question->content, question->place->path, &question->place->status,
                           now) &&
                   memcmp(now, question->row->content, sizeof now) == 0
               ? HB_SINCE_AS_NOTED
               : HB_SINCE_CHANGED;
}

/*
 * A plugin that is given a note does not need the copy; it gets one in which nothing is. Numbers of
 * inodes do not count: the disk may have been mounted anew, or the home been put back file by file.
 */
static int since_without_copy(const struct hb_instance *content, const struct hb_entry *entry,
                              const unsigned char *note)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    HB_AUTO_CLOSE int fd = memfd_create("hbcore", MFD_CLOEXEC);
    HB_AUTO_FREE char *path = hb_text("/proc/self/fd/%d", fd);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = path};
    return fd < 0 ? HB_STATUS_NOMATCH
                  : ops->since(content->self, entry, &file, note, HB_SINCE_COPIED);
}

int hb_content_is_as_noted(const struct hb_instance *content, const char *path,
                           const struct stat *there,
                           const unsigned char note[HB_NOTE_CONTENT_BYTES])
{
    const struct hb_content_ops *ops = content->plugin->ops;
    unsigned char now[HB_NOTE_CONTENT_BYTES];
    struct hb_entry entry = entry_at(path, there);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    int status = HB_STATUS_NOMATCH;
    if (HB_CAN(ops, since))
        status = since_without_copy(content, &entry, note);
    else if (hb_note_content(content, path, there, now))
        status = memcmp(now, note, sizeof now) == 0 ? HB_SINCE_AS_NOTED : HB_SINCE_CHANGED;
    hb_run_clear_failure(content->run);
    return status;
}

/* ---- by times, where nothing else is known ------------------------------------------------- */

static bool side_is_newer(const struct hb_since_question *question, const char *suffix)
{
    struct hb_place side = {.exists = true};
    HB_AUTO_FREE char *name = hb_text("%s%s", question->place->name, suffix);
    return fstatat(question->place->directory_fd, name, &side.status, AT_SYMLINK_NOFOLLOW) == 0 &&
           hb_target_is_newer(&side, &question->since);
}

/* Has it been written to since the journal, or what belongs to it? */
static bool is_newer(const struct hb_since_question *question)
{
    if (hb_target_is_newer(question->place, &question->since))
        return true;
    if (question->content == NULL)
        return false;
    const struct hb_content_ops *ops = question->content->plugin->ops;
    const char *const *suffix =
        HB_CAN(ops, sidecars) ? ops->sidecars(question->content->self) : NULL;
    for (; suffix != NULL && *suffix != NULL; suffix++)
        if (side_is_newer(question, *suffix))
            return true;
    return false;
}

/* ---- all ----------------------------------------------------------------------------------- */

static bool is_as_noted(const struct hb_since_question *question)
{
    const struct hb_place *place = question->place;
    struct hb_target_note note = question->row->note;
    if (note.what == HB_NOTED_NOTHING)
        return !question->again || !is_newer(question);
    if (question->copied)
        note.inode = 0;
    return hb_target_is_as_noted(&note, place->exists ? &place->status : NULL) &&
           (!question->again || !note.has_content || (question->row->flags & HB_ROW_CLAIMED) != 0 ||
            hb_file_is_as_noted(place->directory_fd, place->name, question->row->content));
}

static enum hb_fate fate_of_content(const struct hb_since_question *question, int *status)
{
    const struct hb_target_note *note = &question->row->note;
    bool was_there = note->what != HB_NOTED_ABSENT;
    if (note->what != HB_NOTED_NOTHING && was_there != question->place->exists && !question->begun)
        return HB_FATE_LEAVE;
    if (!question->place->exists || !S_ISREG(question->place->status.st_mode))
        return is_as_noted(question) ? HB_FATE_PUBLISH : HB_FATE_LEAVE;
    *status = ask(question);
    switch (*status) {
    case HB_SINCE_AS_NOTED:
        return HB_FATE_PUBLISH;
    case HB_SINCE_AS_STAGED:
        return HB_FATE_DONE;
    case HB_STATUS_NOMATCH:
        return is_as_noted(question) && !is_newer(question) ? HB_FATE_PUBLISH : HB_FATE_LEAVE;
    default:
        return *status < 0 ? HB_FATE_FAILED : HB_FATE_LEAVE;
    }
}

enum hb_fate hb_changed_since(const struct hb_since_question *question, int *status)
{
    *status = HB_OK;
    if ((question->row->flags & HB_ROW_CLAIMED) == 0)
        return is_as_noted(question) ? HB_FATE_PUBLISH : HB_FATE_LEAVE;
    if (!question->again)
        return HB_FATE_PUBLISH;
    if (question->content != NULL)
        return fate_of_content(question, status);
    return is_as_noted(question) && !question->begun ? HB_FATE_PUBLISH : HB_FATE_LEAVE;
}
