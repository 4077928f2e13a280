/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/which_format.h"

#include "archive/archive_input.h"
#include "archive/archive_sealed.h"
#include "base/memory.h"
#include "host/failure.h"
#include "host/instance.h"
#include <string.h>

/*
 * From the weakest to the strongest. Magic bytes that are not at the start may be content, or a
 * name, in an archive of another format; so may those whose own plugin does not take the archive.
 */
enum proof {
    NOTHING,
    DENIED_WITHIN, /* magic bytes, but the plugin says no */
    DENIED_START,
    MAGIC_WITHIN, /* magic bytes, and the plugin has no probe() */
    CLAIMED,      /* the same at the start; or the plugin says yes */
    PROVEN
};

static const struct hb_magic *matching_magic(const struct hb_archive *archive,
                                             const struct hb_format_ops *ops)
{
    for (const struct hb_magic *magic = ops->magics; magic != NULL && magic->length > 0; magic++)
        if ((uint64_t)magic->offset + magic->length <= archive->head_bytes &&
            memcmp(archive->head + magic->offset, magic->bytes, magic->length) == 0)
            return magic;
    return NULL;
}

/* Asks the plugin itself; it gets an instance for that. *unsure: it could not tell. */
static int ask(struct hb_archive *archive, const struct hb_input *input,
               const struct hb_chosen *choice, bool *unsure)
{
    struct hb_instance *instance;
    struct hb_error error;
    if (hb_instance_create(archive->run, choice->section, &instance, &error) != HB_OK) {
        *unsure = true;
        return HB_STATUS_NOMATCH;
    }
    const struct hb_format_ops *ops = instance->plugin->ops; /* its own would want its own self */
    int answer = ops->probe(instance->self, input, archive->head, archive->head_bytes);
    hb_instance_free(instance);
    *unsure |= answer < 0;
    /* Of a stream that has passed by: it saw so much that it looked for what is gone. */
    return answer < 0 && input != &archive->input ? HB_OK : answer;
}

static enum proof proof_of(struct hb_archive *archive, const struct hb_input *input,
                           const struct hb_chosen *choice, bool *unsure)
{
    const struct hb_format_ops *ops = hb_format_ops_of(choice);
    const struct hb_magic *magic = matching_magic(archive, ops);
    bool start = magic != NULL && magic->offset == 0;
    if (!HB_CAN(ops, probe))
        return magic == NULL ? NOTHING : start ? CLAIMED : MAGIC_WITHIN;
    int answer = ask(archive, input, choice, unsure);
    if (answer == HB_STATUS_PROVEN)
        return PROVEN;
    if (answer == HB_OK)
        return CLAIMED;
    return magic == NULL ? NOTHING : start ? DENIED_START : DENIED_WITHIN;
}

static bool is_same_plugin(const struct hb_chosen *left, const struct hb_chosen *right)
{
    return left->section->library->plugin == right->section->library->plugin;
}

static bool has_one_magic(const struct hb_archive *archive, const struct hb_chosen *left,
                          const struct hb_chosen *right)
{
    const struct hb_magic *a = matching_magic(archive, hb_format_ops_of(left));
    const struct hb_magic *b = matching_magic(archive, hb_format_ops_of(right));
    return a != NULL && b != NULL && a->offset == b->offset && a->length == b->length;
}

static int undecided(const struct hb_archive *archive, const struct hb_chosen *left,
                     const struct hb_chosen *right, bool one_magic, struct hb_error *error)
{
    const char *first = left->section->label, *second = right->section->label;
    if (one_magic)
        hb_error_set(error, HB_STATUS_FATAL,
                     "%s: the formats %s and %s both take it for theirs: their plugins go by the "
                     "same first bytes",
                     archive->shown, first, second);
    else
        hb_error_set(error, HB_STATUS_FATAL,
                     "%s: it can be read as %s and as %s, with other files in it", archive->shown,
                     first, second);
    hb_error_hint(error, "say which one is meant: --format %s, or --format %s", first, second);
    error->wrong_use = true;
    return HB_STATUS_FATAL;
}

/* The strongest; of equal ones the first. *rival: another plugin that has as good a claim, or NULL.
 */
static const struct hb_chosen *strongest(struct hb_archive *archive, const struct hb_input *input,
                                         bool lenient, const struct hb_chosen **rival, bool *unsure)
{
    const struct hb_chosen_list *list = &archive->formats;
    const struct hb_chosen *best = NULL;
    HB_AUTO_FREE enum proof *proofs = hb_alloc((list->count + 1) * sizeof *proofs);
    enum proof most = NOTHING;
    *rival = NULL;
    for (size_t i = 0; i < list->count; i++) {
        proofs[i] = proof_of(archive, input, &list->choices[i], unsure);
        if (proofs[i] > most) {
            most = proofs[i];
            best = &list->choices[i];
        }
    }
    for (size_t i = 0; i < list->count && most >= MAGIC_WITHIN && *rival == NULL; i++) {
        const struct hb_chosen *other = &list->choices[i];
        /* Who has looked at more than that goes by what it says. */
        bool one_magic = proofs[i] >= MAGIC_WITHIN && !HB_CAN(hb_format_ops_of(other), probe) &&
                         has_one_magic(archive, best, other);
        if (!is_same_plugin(best, other) && (one_magic ? !lenient : proofs[i] == most))
            *rival = other;
    }
    return best;
}

/* A plugin that knows its archives by their name alone. */
static const struct hb_chosen *by_suffix(const struct hb_archive *archive)
{
    const struct hb_chosen_list *list = &archive->formats;
    for (size_t i = 0; i < list->count; i++) {
        const struct hb_format_ops *ops = hb_format_ops_of(&list->choices[i]);
        const char *name = archive->inner_name != NULL ? archive->inner_name : archive->path;
        if (ops->magics == NULL && hb_format_stem(ops->suffixes, name) > 0)
            return &list->choices[i];
    }
    return NULL;
}

/* A stream that begins like a format whose plugin cannot look at streams. */
static bool has_to_be_copied(const struct hb_archive *archive)
{
    for (size_t i = 0; archive->stream && i < archive->formats.count; i++) {
        const struct hb_format_ops *ops = hb_format_ops_of(&archive->formats.choices[i]);
        const struct hb_magic *magic = matching_magic(archive, ops);
        if ((ops->flags & HB_FORMAT_READS_SEEKABLE) && magic != NULL && magic->offset == 0)
            return true;
    }
    return false;
}

/* What is sealed twice was sealed by hand: an archive is sealed once. */
static int not_known(const struct hb_archive *archive, struct hb_error *error)
{
    struct hb_chosen_list transforms;
    const char *seal = hb_archive_seal_name(archive);
    hb_chosen_list(archive->run->config, HB_KIND_TRANSFORM, &transforms);
    bool twice = seal != NULL &&
                 hb_transform_of(&transforms, NULL, archive->head, archive->head_bytes) != NULL;
    hb_chosen_list_clear(&transforms);
    hb_error_set(error, HB_STATUS_FATAL, "%s: %s%s%snot an archive in a known format",
                 archive->shown, seal == NULL ? "" : "sealed by ", seal == NULL ? "" : seal,
                 seal == NULL ? "" : ", opens, and what is in it is ");
    hb_error_hint(error, "%s",
                  twice ? "it is sealed once more: take one seal off, and name what comes out"
                        : "`hbcore plugins list` shows the formats; --format NAME chooses one");
    return HB_STATUS_FATAL;
}

int hb_which_format(struct hb_archive *archive, bool lenient, struct hb_error *error)
{
    const struct hb_chosen *rival;
    bool unsure = false;
    archive->found_out = true;
    if (has_to_be_copied(archive))
        return HB_STATUS_NOMATCH;
    archive->choice = strongest(archive, &archive->input, lenient, &rival, &unsure);
    hb_run_clear_failure(
        archive->run); /* whatever a plugin said about an archive that is not its */
    if (rival != NULL) {
        archive->untold = true;
        return undecided(archive, archive->choice, rival,
                         has_one_magic(archive, archive->choice, rival), error);
    }
    if (archive->choice == NULL)
        archive->choice = by_suffix(archive);
    if (archive->choice != NULL)
        return HB_OK;
    if (archive->stream)
        return HB_STATUS_NOMATCH;
    archive->untold |= unsure;
    archive->no_archive = !unsure;
    return not_known(archive, error);
}

int hb_which_format_after(struct hb_archive *archive, struct hb_error *error)
{
    const struct hb_chosen *rival;
    bool unsure = false;
    if (!archive->stream || !archive->found_out)
        return HB_OK;
    struct hb_input input = hb_archive_input_passed(archive);
    const struct hb_chosen *best = strongest(archive, &input, true, &rival, &unsure);
    hb_run_clear_failure(archive->run);
    if (best != NULL && !is_same_plugin(best, archive->choice))
        rival = best;
    return rival == NULL ? HB_OK : undecided(archive, archive->choice, rival, false, error);
}
