/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of the core sees of an instance is a copy of its plugin's table, in which each
 * callback that the plugin has is replaced by a function from here; those it lacks, or is too old
 * to know, are NULL. So nobody who calls a plugin can forget what stands in calls.h.
 *
 *     caller ──► wrapped.ops->claim(self = instance) ──► plugin's ops->claim(self = own_self)
 *                  enter: this thread is in "claim"
 *                  leave: it is not; what did it change? what did it answer?
 *
 * What surrounds each call is in call.h; a store's are in calls_store.c, a transform's in
 * calls_transform.c.
 */
#include "host/calls.h"

#include "base/memory.h"
#include "host/call.h"
#include "host/calls_store.h"
#include "host/calls_transform.h"
#include "host/failure.h"
#include "plugin/descriptor.h"
#include "plugin/process_state.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Those that are counted, within a kind of plugin. */
enum { BEGIN_ENTRY, APPEND, END_ENTRY, ENCODE, DECODE, SPAN, LOCATE, ADOPT };
enum {
    CLAIM,
    SIDECARS,
    OPEN,
    READ_AT,
    CLOSE,
    JUDGE,
    IDENTITY,
    CHECK,
    RESTORE,
    NOTE,
    SINCE,
    FORESEE,
    FACT
};
enum { VERDICT, DIR_ENTER, DIR_LEAVE };
_Static_assert((int)FACT < (int)HB_COUNTED_CALLS, "a counter for each");

/* ---- of every plugin ----------------------------------------------------------------------- */

int hb_calls_create(struct hb_instance *instance)
{
    const struct hb_plugin *real = instance->section->library->plugin;
    struct call call = enter(instance, 0, "create", SELDOM);
    int made = real->create(&instance->host, &instance->section->settings, &instance->own_self);
    int status = answer(&call, made, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
    if (made == HB_OK && status != HB_OK && real->destroy != NULL)
        real->destroy(instance->own_self);
    return status;
}

int hb_calls_check(struct hb_instance *instance)
{
    const struct hb_plugin *real = instance->section->library->plugin;
    struct call call = enter(instance, 0, "check", SELDOM);
    return answer(&call, real->check(&instance->host, &instance->section->settings),
                  MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

void hb_calls_destroy(struct hb_instance *instance)
{
    const struct hb_plugin *real = instance->section->library->plugin;
    if (real->destroy == NULL)
        return;
    struct call call = enter(instance, 0, "destroy", SELDOM);
    real->destroy(instance->own_self);
    leave(&call);
}

#define REAL(kind) (&instance->own_ops.kind)

/* ---- formats ------------------------------------------------------------------------------- */

static int format_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, BEGIN_ENTRY, "begin_entry", PER_FILE);
    return answer(&call, REAL(format)->begin_entry(instance->own_self, sink, entry),
                  MAY_OK | MAY_PASS, HB_STATUS_FATAL);
}

static int format_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, APPEND, "append", PER_FILE);
    return answer(&call, REAL(format)->append(instance->own_self, sink, unit), MAY_OK | MAY_PASS,
                  HB_STATUS_FATAL);
}

static int format_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, END_ENTRY, "end_entry", PER_FILE);
    return answer(&call, REAL(format)->end_entry(instance->own_self, sink, entry),
                  MAY_OK | MAY_PASS, HB_STATUS_FATAL);
}

/* The last chance before the archive gets its name. */
static int format_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "finish", SELDOM);
    int status = REAL(format)->finish(instance->own_self, sink, trailer, bytes);
    status = answer(&call, status, MAY_OK | MAY_PASS, HB_STATUS_FATAL);
    if (status != HB_OK || !hb_process_was_disturbed())
        return status;
    hb_run_explain(instance->run, "a plugin has changed the process: the archive is not published");
    return HB_STATUS_FATAL;
}

static int format_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "walk", SELDOM);
    return answer(&call, REAL(format)->walk(instance->own_self, input, visitor), MAY_OK | MAY_PASS,
                  HB_STATUS_FATAL);
}

static void format_abort(void *self)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "abort", SELDOM);
    REAL(format)->abort(instance->own_self);
    leave(&call);
}

static void *format_worker_create(void *self)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "worker_create", SELDOM);
    void *worker = REAL(format)->worker_create(instance->own_self);
    leave(&call);
    return worker;
}

static void format_worker_destroy(void *self, void *worker)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "worker_destroy", SELDOM);
    REAL(format)->worker_destroy(instance->own_self, worker);
    leave(&call);
}

static int format_unit_policy(void *self, struct hb_unit_policy *policy)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "unit_policy", SELDOM);
    return answer(&call, REAL(format)->unit_policy(instance->own_self, policy), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

/* What the host has set stays, whatever became of it there. */
static int take_unit(struct hb_instance *instance, const struct hb_unit *set, struct hb_unit *out)
{
    out->size = set->size;
    out->flags = set->flags;
    out->entry = set->entry;
    out->raw_bytes = set->raw_bytes;
    out->entries = set->entries;
    if (out->bytes == 0 || (out->data != NULL && out->bytes <= INT64_MAX))
        return HB_OK;
    hb_run_explain(instance->run, "%s: its encode() gave a unit of %" PRIu64 " bytes%s",
                   instance->plugin->name, out->bytes, out->data == NULL ? " without data" : "");
    return HB_STATUS_FATAL;
}

static int format_encode(void *self, void *worker, const struct hb_segment *const *segments,
                         size_t count, struct hb_unit *out)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, ENCODE, "encode", PER_FILE);
    const struct hb_unit set = *out;
    int status = REAL(format)->encode(instance->own_self, worker, segments, count, out);
    status = answer(&call, status, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
    return status == HB_OK ? take_unit(instance, &set, out) : status;
}

static int format_probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "probe", SELDOM);
    int status = REAL(format)->probe(instance->own_self, input, head, bytes);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_PROVEN | MAY_PASS, HB_STATUS_NOMATCH);
}

static int format_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "list", SELDOM);
    return answer(&call, REAL(format)->list(instance->own_self, input, lister),
                  MAY_OK | MAY_NOMATCH | MAY_PASS, HB_STATUS_FATAL);
}

static int format_decode(void *self, void *worker, const struct hb_input *input,
                         const struct hb_member *const *members, size_t count,
                         const struct hb_output *const *outputs)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DECODE, "decode", PER_FILE);
    int status = REAL(format)->decode(instance->own_self, worker, input, members, count, outputs);
    return answer(&call, status, MAY_OK | MAY_PASS, HB_STATUS_FATAL);
}

static int format_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "read_trailer", SELDOM);
    int status = REAL(format)->read_trailer(instance->own_self, input, data, bytes);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_PASS, HB_STATUS_FATAL);
}

static const char *format_codec(void *self, const struct hb_sink *sink)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "codec", SELDOM);
    const char *codec = REAL(format)->codec(instance->own_self, sink);
    leave(&call);
    return codec;
}

static int format_span(void *self, const struct hb_member *first, const struct hb_member *next,
                       struct hb_range *range)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, SPAN, "span", PER_FILE);
    return answer(&call, REAL(format)->span(instance->own_self, first, next, range),
                  MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_NOMATCH);
}

static int format_locate(void *self, const struct hb_member *member, const struct hb_range *range,
                         const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
                         uint64_t *head)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, LOCATE, "locate", PER_FILE);
    int status = REAL(format)->locate(instance->own_self, member, range, data, bytes, units,
                                      unit_count, head);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_NOMATCH);
}

static int format_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, ADOPT, "adopt", PER_FILE);
    return answer(&call, REAL(format)->adopt(instance->own_self, sink, adoption), MAY_OK | MAY_PASS,
                  HB_STATUS_FATAL);
}

static const struct hb_format_ops format_calls = {
    .begin_entry = format_begin_entry,
    .append = format_append,
    .end_entry = format_end_entry,
    .finish = format_finish,
    .walk = format_walk,
    .abort = format_abort,
    .worker_create = format_worker_create,
    .worker_destroy = format_worker_destroy,
    .unit_policy = format_unit_policy,
    .encode = format_encode,
    .probe = format_probe,
    .list = format_list,
    .decode = format_decode,
    .read_trailer = format_read_trailer,
    .codec = format_codec,
    .span = format_span,
    .locate = format_locate,
    .adopt = format_adopt,
};

/* ---- contents: sources --------------------------------------------------------------------- */

/* A source that a plugin has opened, behind the one that its reader sees. */
struct source {
    struct hb_source own;
    struct hb_instance *instance;
};

#define MAY_READ_FAIL (MAY_BIT(HB_STATUS_ENTRY) | MAY_BIT(HB_STATUS_CANCELLED))

static int64_t source_read_at(const struct hb_source *source, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct source *behind = source->self;
    struct call call = enter(behind->instance, READ_AT, "read_at", PER_FILE);
    int64_t got = behind->own.read_at(&behind->own, buffer, bytes, offset);
    if (!leave(&call))
        return HB_STATUS_ENTRY;
    if (got >= 0 ? (uint64_t)got <= bytes : hb_call_is_answer(&call, got, MAY_READ_FAIL))
        return got;
    hb_run_explain(behind->instance->run, "%s: its read_at() returned %lld, which is no answer",
                   behind->instance->plugin->name, (long long)got);
    return HB_STATUS_ENTRY;
}

static void source_close(struct hb_source *source)
{
    struct source *behind = source->self;
    struct call call = enter(behind->instance, CLOSE, "close", PER_FILE);
    if (behind->own.close != NULL)
        behind->own.close(&behind->own);
    leave(&call);
    free(behind);
    source->self = NULL;
}

/* What open() says of its source besides what the reader asks for. */
static bool is_source(struct hb_instance *instance, const struct hb_source *source)
{
    const char *name = instance->plugin->name;
    if ((source->flags & ~(uint32_t)(HB_SOURCE_JUDGED | HB_SOURCE_IN_PLACE)) != 0)
        hb_run_explain(instance->run, "%s: its open() gave the flags %#x, which are unknown", name,
                       source->flags & ~(uint32_t)HB_SOURCE_JUDGED);
    else if (source->bytes > INT64_MAX)
        hb_run_explain(instance->run, "%s: its open() gave a source of %" PRIu64 " bytes", name,
                       source->bytes);
    else
        return true;
    return false;
}

/* One that cannot be read stays so, and is refused. */
static void wrap_source(struct hb_instance *instance, struct hb_source *source)
{
    struct source *behind = hb_alloc(sizeof *behind);
    *behind = (struct source){*source, instance};
    source->self = behind;
    source->read_at = source->read_at == NULL ? NULL : source_read_at;
    source->close = source_close;
}

static int content_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, OPEN, "open", PER_FILE);
    int status = REAL(content)->open(instance->own_self, entry, source);
    bool opened = status == HB_OK;
    status = answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
    if (status == HB_OK && !is_source(instance, source))
        status = HB_STATUS_ENTRY;
    if (status == HB_OK)
        wrap_source(instance, source);
    else if (opened && source->close != NULL)
        source->close(source);
    return status;
}

static int content_judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct hb_instance *instance = self;
    struct source *behind = source->self;
    struct call call = enter(instance, JUDGE, "judge", PER_FILE);
    int status = REAL(content)->judge(instance->own_self, entry, &behind->own);
    source->soundness = behind->own.soundness;
    source->method = behind->own.method;
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

/* ---- contents ------------------------------------------------------------------------------ */

/*
 * Who claims nothing is not asked again, so a failure and a wrong answer have to be told of here:
 * what it might have claimed is stored as it lies there.
 */
static int content_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, CLAIM, "claim", PER_FILE);
    int status = REAL(content)->claim(instance->own_self, entry, head, bytes);
    if (!leave(&call))
        return HB_STATUS_NOMATCH;
    if (hb_call_is_answer(&call, status, MAY_OK | MAY_NOMATCH) || hb_run_cancelled(instance->run))
        return status;
    hb_report_add(&instance->run->report, HB_FOUND_DOUBTFUL, entry->path,
                  "%s: its claim() returned %d, which is no answer; taken for an ordinary file",
                  instance->plugin->name, status);
    return HB_STATUS_NOMATCH;
}

static const char *const *content_sidecars(void *self)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, SIDECARS, "sidecars", PER_FILE);
    const char *const *suffixes = REAL(content)->sidecars(instance->own_self);
    leave(&call);
    for (size_t i = 0; suffixes != NULL && suffixes[i] != NULL; i++)
        if (*suffixes[i] == '\0') { /* with it each file would belong to itself */
            hb_report_add_once(&instance->run->report, HB_FOUND_DOUBTFUL, instance->plugin->name,
                               "its sidecars() has a suffix without a character; taken for none");
            return NULL;
        }
    return suffixes;
}

static int content_identity(void *self, const struct hb_entry *entry, unsigned char identity[32])
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, IDENTITY, "identity", PER_FILE);
    return answer(&call, REAL(content)->identity(instance->own_self, entry, identity),
                  MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_NOMATCH);
}

static int content_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
                         uint32_t *soundness, char *reason, size_t reason_bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, CHECK, "check", PER_FILE);
    int status =
        REAL(content)->check(instance->own_self, entry, file, soundness, reason, reason_bytes);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

static int content_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                           const struct hb_target *target)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, RESTORE, "restore", PER_FILE);
    return answer(&call, REAL(content)->restore(instance->own_self, entry, file, target),
                  MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

static int content_note(void *self, const struct hb_entry *entry, unsigned char note[32])
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, NOTE, "note", PER_FILE);
    return answer(&call, REAL(content)->note(instance->own_self, entry, note),
                  MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_NOMATCH);
}

static int content_since(void *self, const struct hb_entry *entry, const struct hb_file *file,
                         const unsigned char *note, uint32_t flags)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, SINCE, "since", PER_FILE);
    int status = REAL(content)->since(instance->own_self, entry, file, note, flags);
    return answer(&call, status, MAY_SINCE | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

static int content_foresee(void *self, const struct hb_entry *entry, const struct hb_target *target)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, FORESEE, "foresee", PER_FILE);
    return answer(&call, REAL(content)->foresee(instance->own_self, entry, target),
                  MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

static int content_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
                        size_t index, struct hb_fact *fact)
{
    struct hb_instance *instance = self;
    const struct source *behind = source->self;
    struct call call = enter(instance, FACT, "fact", PER_FILE);
    *fact = (struct hb_fact){.size = sizeof *fact};
    int status = REAL(content)->fact(instance->own_self, entry, &behind->own, index, fact);
    if (status == HB_OK && fact->name == NULL) {
        hb_run_explain(instance->run, "%s: its fact() gave no name", instance->plugin->name);
        leave(&call);
        return HB_STATUS_ENTRY;
    }
    return answer(&call, status, MAY_OK | MAY_END | MAY_NOMATCH | MAY_FAIL, HB_STATUS_ENTRY);
}

static const struct hb_content_ops content_calls = {
    .claim = content_claim,
    .sidecars = content_sidecars,
    .open = content_open,
    .identity = content_identity,
    .check = content_check,
    .restore = content_restore,
    .judge = content_judge,
    .note = content_note,
    .since = content_since,
    .foresee = content_foresee,
    .fact = content_fact,
};

/* ---- filters and hooks --------------------------------------------------------------------- */

static int filter_verdict(void *self, int direction, const struct hb_entry *entry,
                          struct hb_verdict *verdict)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, VERDICT, "verdict", PER_FILE);
    int status = REAL(filter)->verdict(instance->own_self, direction, entry, verdict);
    return answer(&call, status, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

static int filter_dir_enter(void *self, const char *path)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DIR_ENTER, "dir_enter", PER_FILE);
    return answer(&call, REAL(filter)->dir_enter(instance->own_self, path), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int filter_dir_leave(void *self, const char *path)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DIR_LEAVE, "dir_leave", PER_FILE);
    return answer(&call, REAL(filter)->dir_leave(instance->own_self, path), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static const struct hb_filter_ops filter_calls = {
    .verdict = filter_verdict,
    .dir_enter = filter_dir_enter,
    .dir_leave = filter_dir_leave,
};

static int hook_before(void *self, const struct hb_event *event)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "before", SELDOM);
    return answer(&call, REAL(hook)->before(instance->own_self, event), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int hook_after(void *self, const struct hb_event *event)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "after", SELDOM);
    return answer(&call, REAL(hook)->after(instance->own_self, event), MAY_OK | MAY_SKIP | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int hook_finally(void *self, const struct hb_event *event)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "finally", SELDOM);
    return answer(&call, REAL(hook)->finally(instance->own_self, event), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int hook_run(void *self, const struct hb_invocation *invocation)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "run", SELDOM);
    return answer(&call, REAL(hook)->run(instance->own_self, invocation), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static const struct hb_hook_ops hook_calls = {
    .before = hook_before,
    .after = hook_after,
    .finally = hook_finally,
    .run = hook_run,
};

/* ---- the tables ---------------------------------------------------------------------------- */

static const struct {
    const void *calls;
    size_t bytes;
} kinds[] = {
    [HB_KIND_FORMAT] = {&format_calls, sizeof format_calls},
    [HB_KIND_CONTENT] = {&content_calls, sizeof content_calls},
    [HB_KIND_FILTER] = {&filter_calls, sizeof filter_calls},
    [HB_KIND_HOOK] = {&hook_calls, sizeof hook_calls},
    [HB_KIND_STORE] = {&hb_store_calls, sizeof hb_store_calls},
    [HB_KIND_TRANSFORM] = {&hb_transform_calls, sizeof hb_transform_calls},
};

void hb_calls_wrap(struct hb_instance *instance, const struct hb_plugin *plugin)
{
    uint32_t size = (uint32_t)kinds[plugin->kind].bytes, own;
    memcpy(&own, plugin->ops, sizeof own);
    memcpy(&instance->own_ops, plugin->ops, own < size ? own : size);
    instance->ops = instance->own_ops;
    memcpy(&instance->ops, &size, sizeof size);
    for (const struct hb_callback *callback = hb_callbacks(plugin->kind); callback->name != NULL;
         callback++)
        if (hb_callback_provided(plugin, callback))
            memcpy((char *)&instance->ops + callback->offset,
                   (const char *)kinds[plugin->kind].calls + callback->offset,
                   sizeof(void (*)(void)));
    instance->wrapped = *plugin;
    instance->wrapped.size = sizeof instance->wrapped;
    instance->wrapped.ops = &instance->ops;
    instance->plugin = &instance->wrapped;
    instance->self = instance;
}
