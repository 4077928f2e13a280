/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive_walk.h"

#include "archive/entry_problem.h"
#include "base/memory.h"
#include "host/failure.h"
#include "host/instance.h"

struct guarded {
    const struct hb_visitor *visitor;
    const char *archive;
    struct hb_error *error;
    bool open; /* an entry has begun, and not ended */
    bool has_data;
    bool unreadable;
    int failed; /* what a call answered, which the plugin has to return; else HB_OK */
};

static int keep_failure(struct guarded *guarded, int status)
{
    if (status < 0 && guarded->failed == HB_OK)
        guarded->failed = status;
    return status;
}

static int out_of_order(struct guarded *guarded, const char *what)
{
    hb_error_set(guarded->error, HB_STATUS_FATAL, "%s: damaged, or the format plugin is wrong: %s",
                 guarded->archive, what);
    return keep_failure(guarded, HB_STATUS_FATAL);
}

static int guarded_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct guarded *guarded = visitor->self;
    if (guarded->failed != HB_OK)
        return guarded->failed;
    if (guarded->open)
        return out_of_order(guarded, "an entry begins before the previous one has ended");
    const char *problem = hb_entry_problem(entry);
    if (problem != NULL) {
        HB_AUTO_FREE char *what = hb_text("an entry %s", problem);
        return out_of_order(guarded, what);
    }
    guarded->open = true;
    guarded->has_data = guarded->unreadable = false;
    return keep_failure(guarded, guarded->visitor->entry(guarded->visitor, entry));
}

static int guarded_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                        uint64_t offset)
{
    struct guarded *guarded = visitor->self;
    if (guarded->failed != HB_OK)
        return guarded->failed;
    if (!guarded->open)
        return out_of_order(guarded, "data lies outside of the entries");
    if (guarded->unreadable)
        return out_of_order(guarded, "an entry that cannot be decoded has data");
    if (data == NULL && bytes > 0)
        return out_of_order(guarded, "the data of an entry is not there");
    guarded->has_data = true;
    return keep_failure(guarded, guarded->visitor->data(guarded->visitor, data, bytes, offset));
}

static int guarded_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct guarded *guarded = visitor->self;
    if (guarded->failed != HB_OK)
        return guarded->failed;
    if (!guarded->open)
        return out_of_order(guarded, "an entry ends without having begun");
    guarded->open = false;
    return keep_failure(guarded, guarded->visitor->end(guarded->visitor, bytes));
}

static int guarded_unreadable(const struct hb_visitor *visitor, const char *why)
{
    struct guarded *guarded = visitor->self;
    if (guarded->failed != HB_OK)
        return guarded->failed;
    if (!guarded->open || guarded->has_data || guarded->unreadable)
        return out_of_order(guarded,
                            "not where an entry's data would be, it says that it cannot be "
                            "decoded");
    guarded->unreadable = true;
    return keep_failure(guarded, guarded->visitor->unreadable(guarded->visitor, why));
}

static int guarded_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct guarded *guarded = visitor->self;
    if (guarded->failed != HB_OK)
        return guarded->failed;
    return keep_failure(guarded, guarded->visitor->trailer(guarded->visitor, data, bytes));
}

/* What the plugin's walk() comes to, whatever it makes of a failure. */
static int walk_guarded(const struct hb_archive *archive, const struct hb_visitor *visitor,
                        struct hb_error *error)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct guarded guarded = {.visitor = visitor, .archive = archive->shown, .error = error};
    const struct hb_visitor outer = {
        .size = sizeof outer,
        .self = &guarded,
        .entry = guarded_entry,
        .data = guarded_data,
        .end = guarded_end,
        .trailer = guarded_trailer,
        .unreadable = guarded_unreadable,
    };
    int status = ops->walk(archive->format->self, &archive->input, &outer);
    if (guarded.failed != HB_OK)
        return guarded.failed;
    if (status >= 0 && guarded.open)
        return out_of_order(&guarded, "the last entry does not end");
    return status;
}

int hb_archive_walk(struct hb_archive *archive, const struct hb_visitor *visitor,
                    struct hb_error *error)
{
    archive->position = 0;
    error->text[0] = '\0';
    hb_run_clear_failure(archive->run);
    int status = walk_guarded(archive, visitor, error);
    if (status >= 0)
        return HB_OK;
    if (error->text[0] != '\0') /* the visitor's own */
        return status;
    if (hb_run_cancelled(archive->run))
        return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    return hb_instance_error(archive->format, HB_STATUS_FATAL, archive->shown, error);
}

int hb_archive_again(struct hb_archive *archive, struct hb_error *error)
{
    hb_instance_free(archive->format);
    archive->format = NULL;
    return hb_instance_create(archive->run, archive->choice->section, &archive->format, error);
}
