/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"

#include "archive/archive_input.h"
#include "archive/archive_sealed.h"
#include "archive/archive_walk.h"
#include "archive/entry_problem.h"
#include "archive/which_format.h"
#include "base/human.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "host/failure.h"
#include "host/instance.h"
#include "store/local.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening it ----------------------------------------------------------------------------- */

static void take_limits(struct hb_archive *archive)
{
    const struct hb_config *config = archive->run->config;
    archive->limits = (struct hb_archive_limits){
        .entries = (uint64_t)hb_config_import(config)->max_entries,
        .bytes = (uint64_t)hb_config_import(config)->max_bytes,
        .path = (uint64_t)hb_config_import(config)->max_path,
        .names = (uint64_t)hb_config_import(config)->max_names,
    };
}

int hb_archive_open_fd(struct hb_run *run, int fd, const char *shown,
                       const struct hb_chosen *choice, struct hb_archive *archive,
                       struct hb_error *error)
{
    *archive = (struct hb_archive){.run = run, .fd = fd, .choice = choice};
    archive->path = hb_copy_text(shown);
    archive->shown = archive->path;
    take_limits(archive);
    int status = hb_archive_input_take(archive, error);
    if (status == HB_OK && choice == NULL) {
        hb_format_list(run->config, &archive->formats);
        status = hb_archive_unseal(archive, error);
        if (status == HB_OK)
            status = hb_which_format(archive, true, error);
    }
    return status == HB_OK
               ? hb_instance_create(run, archive->choice->section, &archive->format, error)
               : status;
}

int hb_archive_open_own(struct hb_run *run, int fd, const char *shown,
                        const struct hb_chosen *choice, const struct hb_key *key,
                        const struct hb_kept_blocks *kept, struct hb_archive *archive,
                        struct hb_error *error)
{
    int status = hb_archive_open_fd(run, fd, shown, choice, archive, error);
    return status == HB_OK && key != NULL ? hb_archive_unseal_own(archive, key, kept, error)
                                          : status;
}

static int name_format(struct hb_archive *archive, const char *format, struct hb_error *error)
{
    archive->formats.choices = hb_alloc(sizeof *archive->formats.choices);
    archive->formats.count = 1;
    archive->choice = archive->formats.choices;
    return hb_format_find(archive->run->config, format, &archive->formats.choices[0], error);
}

/*
 * Copies a stream to where it can be read anywhere, if its format needs that, or if only its end
 * may tell the format; that is then found out again.
 */
static int make_seekable(struct hb_archive *archive, struct hb_error *error)
{
    if (archive->run->stage.fd < 0)
        return HB_STATUS_NOMATCH;
    int status = hb_archive_input_spool(archive, error);
    return status == HB_OK && archive->found_out
               ? hb_which_format(archive, archive->only_file, error)
               : status;
}

/* The format, and before that whether it is sealed: then nothing of it can be read as it lies. */
static int find_out(struct hb_archive *archive, const char *format, struct hb_error *error)
{
    int status = HB_OK;
    if (format != NULL)
        status = name_format(archive, format, error);
    else
        hb_format_list(archive->run->config, &archive->formats);
    if (status == HB_OK)
        status = hb_archive_unseal(archive, error);
    if (status == HB_STATUS_NOMATCH && archive->run->stage.fd >= 0) {
        status = hb_archive_input_spool(archive, error);
        if (status == HB_OK)
            status = hb_archive_unseal(archive, error);
    }
    return status == HB_OK && format == NULL ? hb_which_format(archive, archive->only_file, error)
                                             : status;
}

/* A plugin in a directory that is searched first decides what is read: that should be seen. */
static void tell_shadowed(const struct hb_archive *archive)
{
    struct hb_run *run = archive->run;
    const struct hb_library *library = archive->choice->section->library;
    HB_AUTO_FREE char *shadowed = hb_loader_shadowed(hb_config_loader(run->config), library);
    if (shadowed != NULL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "the format %s is read by %s, not by %s",
                      archive->choice->section->label, library->path, shadowed);
}

static int open_path(struct hb_run *run, const char *path, const char *format, bool only_file,
                     struct hb_archive *archive, struct hb_error *error)
{
    *archive = (struct hb_archive){.run = run, .fd = -1, .only_file = only_file};
    archive->path = strcmp(path, "-") == 0 ? hb_copy_text(path) : hb_expand_path(path);
    archive->shown = archive->path;
    take_limits(archive);
    int status = hb_archive_input_open(archive, error);
    if (status == HB_OK)
        status = find_out(archive, format, error);
    if (status == HB_STATUS_NOMATCH ||
        (status == HB_OK && archive->stream &&
         (hb_format_ops_of(archive->choice)->flags & HB_FORMAT_READS_SEEKABLE)))
        status = make_seekable(archive, error);
    if (status == HB_OK && !only_file)
        tell_shadowed(archive);
    if (status == HB_OK) {
        status = hb_instance_create(run, archive->choice->section, &archive->format, error);
        archive->untold |= status != HB_OK;
    }
    return status;
}

int hb_archive_open(struct hb_run *run, const char *path, const char *format,
                    struct hb_archive *archive, struct hb_error *error)
{
    return open_path(run, path, format, false, archive, error);
}

int hb_archive_open_file(struct hb_run *run, const char *path, const char *format,
                         struct hb_archive *archive, struct hb_error *error)
{
    return open_path(run, path, format, true, archive, error);
}

void hb_archive_close(struct hb_archive *archive)
{
    hb_instance_free(archive->format);
    hb_archive_sealed_clear(archive);
    hb_chosen_list_clear(&archive->formats);
    hb_catalog_clear(&archive->catalog);
    hb_trailer_clear(&archive->trailer);
    if (archive->fd >= 0)
        close(archive->fd);
    hb_blocks_free(archive->blocks);
    hb_opened_close(&archive->opened);
    free(archive->head);
    free(archive->tail);
    hb_input_end_clear(&archive->end);
    free(archive->path);
    *archive = (struct hb_archive){.fd = -1};
}

bool hb_archive_is_open(const struct hb_archive *archive)
{
    return archive->fd >= 0 || archive->opened.store != NULL;
}

bool hb_archive_has_version(const struct hb_archive *archive, const char *version)
{
    struct stat status;
    char own[HB_VERSION_BYTES];
    if (archive->opened.store != NULL)
        return strcmp(archive->opened.object.version, version) == 0;
    if (fstat(archive->fd, &status) != 0)
        return false;
    hb_local_version(&status, own);
    return strcmp(own, version) == 0;
}

/* ---- what is in it ------------------------------------------------------------------------- */

struct filling {
    struct hb_archive *archive;
    struct hb_error *error;
};

static int beyond(struct hb_archive *archive, const char *what, const char *option,
                  struct hb_error *error)
{
    archive->untold = true;
    hb_error_set(error, HB_STATUS_FATAL, "%s: %s", archive->shown, what);
    hb_error_hint(error, "raise import.%s if you trust it", option);
    return HB_STATUS_FATAL;
}

static int not_an_entry(const struct hb_archive *archive, const char *problem,
                        struct hb_error *error)
{
    return hb_error_set(error, HB_STATUS_FATAL,
                        "%s: damaged, or the format plugin is wrong: entry %zu %s", archive->shown,
                        archive->catalog.count + 1, problem);
}

/* Before anything is kept of it: what is refused must not take memory either. */
int hb_archive_admit(struct hb_archive *archive, const struct hb_entry *entry,
                     struct hb_error *error)
{
    const struct hb_archive_limits *limits = &archive->limits;
    const char *problem = hb_entry_problem(entry);
    if (problem != NULL)
        return not_an_entry(archive, problem, error);
    uint64_t bytes =
        entry->type == HB_TYPE_FILE && entry->bytes != HB_SIZE_UNKNOWN ? entry->bytes : 0;
    char what[160], announced[24], allowed[24];
    if (archive->catalog.commons.count >= HB_CATALOG_MOST_COMMONS)
        return not_an_entry(archive, "has one owner, mode or reason too many", error);
    if (archive->catalog.count >= limits->entries) {
        snprintf(what, sizeof what, "has more than %llu entries",
                 (unsigned long long)limits->entries);
        return beyond(archive, what, "max-entries", error);
    }
    size_t link = entry->link == NULL ? 0 : strlen(entry->link);
    if (entry->path_bytes > limits->path || link > limits->path) {
        snprintf(what, sizeof what, "entry %zu has a path of more than %llu bytes",
                 archive->catalog.count + 1, (unsigned long long)limits->path);
        return beyond(archive, what, "max-path", error);
    }
    if (archive->catalog.text_bytes + entry->path_bytes + link > limits->names) {
        snprintf(what, sizeof what, "its names together are longer than %s",
                 hb_human_bytes(limits->names, allowed));
        return beyond(archive, what, "max-names", error);
    }
    if (__builtin_add_overflow(archive->announced, bytes, &archive->announced))
        archive->announced = UINT64_MAX;
    if (archive->announced > limits->bytes) {
        snprintf(what, sizeof what, "its contents have %s or more, but only %s are allowed",
                 hb_human_bytes(archive->announced, announced),
                 hb_human_bytes(limits->bytes, allowed));
        return beyond(archive, what, "max-bytes", error);
    }
    return HB_OK;
}

static int add_member(struct filling *filling, const struct hb_entry *entry,
                      const struct hb_member *member)
{
    struct hb_archive *archive = filling->archive;
    int status = hb_archive_admit(archive, entry, filling->error);
    if (status != HB_OK)
        return status;
    if (hb_run_cancelled(archive->run))
        return hb_error_set(filling->error, HB_STATUS_CANCELLED, "interrupted");
    hb_catalog_add(&archive->catalog, entry, member);
    return HB_OK;
}

static int on_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct filling *filling = lister->self;
    const char *problem = hb_member_problem(member);
    return problem == NULL ? add_member(filling, member->entry, member)
                           : not_an_entry(filling->archive, problem, filling->error);
}

static int on_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    int status = add_member(visitor->self, entry, NULL);
    return status == HB_OK ? HB_STATUS_SKIP : status;
}

static int on_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                   uint64_t offset)
{
    (void)visitor;
    (void)data;
    (void)bytes;
    (void)offset;
    return HB_OK;
}

static int on_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct filling *filling = visitor->self;
    struct hb_catalog *catalog = &filling->archive->catalog;
    if (bytes != HB_SIZE_UNKNOWN && catalog->count > 0)
        catalog->members[catalog->count - 1].bytes = bytes;
    return HB_OK;
}

static int on_unreadable(const struct hb_visitor *visitor, const char *why)
{
    const struct filling *filling = visitor->self;
    struct hb_catalog *catalog = &filling->archive->catalog;
    hb_catalog_set_unreadable(catalog, catalog->count - 1, why);
    return HB_OK;
}

static int on_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct filling *filling = visitor->self;
    return hb_archive_take_trailer(filling->archive, data, bytes, filling->error);
}

/* `status` is what came of reading it. */
static int took_trailer(struct hb_archive *archive, int status, struct hb_error *error)
{
    archive->later_trailer = status == HB_STATUS_LATER;
    if (status == HB_STATUS_LATER) {
        *error = (struct hb_error){0};
        return HB_OK;
    }
    if (status != HB_OK) {
        struct hb_error inner = *error;
        return hb_error_set(error, status, "%s: %s", archive->shown, inner.text);
    }
    archive->has_trailer = true;
    return HB_OK;
}

int hb_archive_take_trailer(struct hb_archive *archive, const void *data, size_t bytes,
                            struct hb_error *error)
{
    hb_trailer_clear(&archive->trailer);
    return took_trailer(archive, hb_trailer_parse(data, bytes, &archive->trailer, error), error);
}

static int read_trailer(struct hb_archive *archive, struct hb_error *error)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    void *data = NULL;
    size_t bytes = 0;
    if (!HB_CAN(ops, read_trailer))
        return HB_OK;
    hb_run_clear_failure(archive->run);
    int status = ops->read_trailer(archive->format->self, &archive->input, &data, &bytes);
    if (status == HB_STATUS_NOMATCH)
        return HB_OK;
    if (status != HB_OK)
        return hb_instance_error(archive->format, status, archive->shown, error);
    hb_trailer_clear(&archive->trailer);
    status = took_trailer(archive, hb_trailer_take(data, bytes, &archive->trailer, error), error);
    archive->proved = archive->prove_with != NULL && archive->has_trailer &&
                      hb_trailer_is_sealed(data, bytes, archive->prove_with);
    hb_trailer_forget_reuse(&archive->trailer);
    return status;
}

int hb_archive_check_trailer(const struct hb_archive *archive, struct hb_error *error)
{
    const struct hb_catalog *catalog = &archive->catalog;
    if (!archive->has_trailer)
        return HB_OK;
    if (archive->trailer.count != catalog->count)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: damaged: the archive has %zu entries, but %zu were stored",
                            archive->shown, catalog->count, archive->trailer.count);
    for (size_t i = 0; i < catalog->count; i++) {
        struct hb_entry entry;
        hb_catalog_entry(catalog, i, &entry);
        if (!hb_trailer_matches(&archive->trailer, &entry))
            return hb_error_set(
                error, HB_STATUS_FATAL,
                "%s: damaged: name, mode, time or size of %s differ from what was stored",
                archive->shown, entry.path);
    }
    return HB_OK;
}

static int list_by_walk(struct filling *filling)
{
    struct hb_visitor visitor = {
        .size = sizeof visitor,
        .self = filling,
        .entry = on_entry,
        .data = on_data,
        .end = on_end,
        .trailer = on_trailer,
        .unreadable = on_unreadable,
    };
    hb_catalog_clear(&filling->archive->catalog);
    filling->archive->announced = 0;
    int status = hb_archive_walk(filling->archive, &visitor, filling->error);
    return status == HB_OK ? hb_archive_again(filling->archive, filling->error) : status;
}

static int list_by_index(struct filling *filling)
{
    struct hb_archive *archive = filling->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct hb_lister lister = {.size = sizeof lister, .self = filling, .member = on_member};
    if (!HB_CAN(ops, list) || !HB_CAN(ops, decode))
        return HB_STATUS_NOMATCH;
    filling->error->text[0] = '\0';
    hb_run_clear_failure(archive->run);
    int status = ops->list(archive->format->self, &archive->input, &lister);
    if (filling->error->text[0] != '\0') /* the lister's own, whatever the plugin made of it */
        return status < 0 ? status : HB_STATUS_FATAL;
    if (status >= 0)
        return status;
    return hb_instance_error(archive->format, HB_STATUS_FATAL, archive->shown, filling->error);
}

/* Before a question to the format; after a failure hb_archive's `untold` is the third answer. */
static void begin_asking(const struct hb_archive *archive)
{
    archive->run->short_of_memory = false;
    errno = 0; /* by ENOMEM in it services.c notices */
}

static int answer(struct hb_archive *archive, int status)
{
    archive->untold |=
        status < 0 && (archive->run->short_of_memory || hb_run_cancelled(archive->run));
    return status;
}

int hb_archive_read_trailer(struct hb_archive *archive, struct hb_error *error)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    if (archive->stream)
        return HB_STATUS_NOMATCH;
    if (!HB_CAN(ops, read_trailer))
        return hb_archive_list(archive, error);
    begin_asking(archive);
    return answer(archive, read_trailer(archive, error));
}

/*
 * Of a large archive with an index for reuse most of the trailer is not needed here: it is read,
 * and given back, before there is a catalog as large. What is wrong with the list is told first.
 */
static int list_all(struct hb_archive *archive, struct hb_error *error)
{
    struct hb_error of_trailer = {0};
    struct filling filling = {.archive = archive, .error = error};
    if (archive->stream)
        return HB_STATUS_NOMATCH;
    int trailer = read_trailer(archive, &of_trailer);
    int status = list_by_index(&filling);
    archive->listed = status == HB_OK || status == HB_STATUS_END;
    if (status == HB_STATUS_NOMATCH) { /* the walk comes upon the trailer, too */
        hb_trailer_clear(&archive->trailer);
        archive->has_trailer = archive->later_trailer = false;
        status = list_by_walk(&filling);
    } else if (status >= 0 && trailer != HB_OK) {
        *error = of_trailer;
        status = trailer;
    }
    if (status < 0)
        return status;
    status = hb_archive_check_trailer(archive, error);
    hb_trailer_forget_metadata(&archive->trailer); /* of which there may be millions */
    return status;
}

int hb_archive_list(struct hb_archive *archive, struct hb_error *error)
{
    begin_asking(archive);
    return answer(archive, list_all(archive, error));
}
