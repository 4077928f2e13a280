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
 * To look at the process takes some ten system calls. That is nothing for a callback that is called
 * once an archive, and too much for one that is called for each file: those are looked after when
 * they were called for the 1st, 2nd, 4th, 8th … time, and all of them once more at the next of
 * the others, when it is no longer known which of them it was.
 */
#include "host/calls.h"

#include "base/memory.h"
#include "host/failure.h"
#include "plugin/descriptor.h"
#include "plugin/inside.h"
#include "plugin/process_state.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How often a callback is called, which is how often it is looked after. */
enum often { SELDOM, PER_FILE };

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
    FORESEE
};
enum { VERDICT, DIR_ENTER, DIR_LEAVE };
_Static_assert((int)FORESEE < (int)HB_COUNTED_CALLS, "a counter for each");

struct call {
    struct hb_instance *instance;
    const char *callback;
    struct hb_inside outside;
    bool looked_after;
};

/* ---- before and after each call ------------------------------------------------------------ */

/* `quiet`: who called it prints why it failed. */
static void name_callback(const struct call *call, const char *changed, bool quiet)
{
    struct hb_run *run = call->instance->run;
    HB_AUTO_FREE char *text =
        hb_text("%s: changed %s in its %s(), which no plugin may; it is as before again",
                call->instance->plugin->name, changed, call->callback);
    hb_process_disturb();
    hb_run_explain(run, "%s", text);
    if (!quiet)
        fprintf(run->log, "hbcore: %s\n", text);
}

/* Something was changed, and not by the one that is called now. */
static void name_suspects(struct hb_run *run, const char *changed)
{
    HB_AUTO_FREE char *names = hb_copy_text("");
    for (size_t i = 0; i < run->suspect_count; i++) {
        char *longer = hb_text("%s%s%s", names, i == 0 ? "" : ", ", run->suspects[i]);
        free(names);
        names = longer;
    }
    hb_process_disturb();
    hb_run_explain(run, "one of the plugins %s changed %s, which none may", names, changed);
    fprintf(run->log,
            "hbcore: one of the plugins %s changed %s, which none may; it is as before again\n",
            names, changed);
}

static void suspect(struct hb_instance *instance)
{
    struct hb_run *run = instance->run;
    pthread_mutex_lock(&run->suspect_lock);
    bool known = run->suspect_count == HB_MOST_SUSPECTS;
    for (size_t i = 0; i < run->suspect_count && !known; i++)
        known = run->suspects[i] == instance->plugin->name;
    if (!known)
        run->suspects[run->suspect_count++] = instance->plugin->name;
    pthread_mutex_unlock(&run->suspect_lock);
}

/* Before a callback that is always looked after: what have the others done? */
__attribute__((noinline)) static void look_before(struct hb_instance *instance)
{
    char changed[128];
    if (instance->run->suspect_count > 0 && hb_process_put_back(changed, sizeof changed))
        name_suspects(instance->run, changed);
}

__attribute__((noinline)) static bool look_after(const struct call *call, bool quiet)
{
    char changed[128];
    if (!hb_process_put_back(changed, sizeof changed))
        return true;
    name_callback(call, changed, quiet);
    return false;
}

/* Is this one of the calls after which the process is looked at? */
static inline bool is_looked_after(struct hb_instance *instance, size_t number)
{
    unsigned calls = atomic_load_explicit(&instance->calls[number], memory_order_relaxed) + 1;
    atomic_store_explicit(&instance->calls[number], calls, memory_order_relaxed);
    if ((calls & (calls - 1)) != 0)
        return false;
    if (calls == 1)
        suspect(instance);
    return true;
}

static inline struct call enter(struct hb_instance *instance, size_t number, const char *callback,
                                enum often often)
{
    struct call call = {.instance = instance, .callback = callback, .looked_after = true};
    if (often == PER_FILE)
        call.looked_after = is_looked_after(instance, number);
    else
        look_before(instance);
    call.outside = hb_inside_enter(instance->wrapped.name, callback);
    return call;
}

/* Has it left the process as it was? Says so if it has not. */
static inline bool leave(const struct call *call)
{
    hb_inside_leave(&call->outside);
    return !call->looked_after || look_after(call, false);
}

/*
 * The same of one that answers with a status; `otherwise` stands for one that is none.
 * HB_STATUS_FATAL is printed, with its reason, by whoever called it.
 */
static int answer(const struct call *call, int status, int otherwise)
{
    hb_inside_leave(&call->outside);
    if (call->looked_after && !look_after(call, otherwise == HB_STATUS_FATAL))
        return otherwise;
    if (status >= HB_STATUS_LATER && status <= HB_STATUS_SKIP)
        return status;
    hb_run_explain(call->instance->run, "%s: its %s() returned %d, which is no answer",
                   call->instance->plugin->name, call->callback, status);
    return otherwise;
}

/* ---- of every plugin ----------------------------------------------------------------------- */

int hb_calls_create(struct hb_instance *instance)
{
    const struct hb_plugin *real = instance->section->library->plugin;
    struct call call = enter(instance, 0, "create", SELDOM);
    int made = real->create(&instance->host, &instance->section->settings, &instance->own_self);
    int status = answer(&call, made, HB_STATUS_FATAL);
    if (made == HB_OK && status != HB_OK && real->destroy != NULL)
        real->destroy(instance->own_self);
    return status;
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
                  HB_STATUS_FATAL);
}

static int format_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, APPEND, "append", PER_FILE);
    return answer(&call, REAL(format)->append(instance->own_self, sink, unit), HB_STATUS_FATAL);
}

static int format_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, END_ENTRY, "end_entry", PER_FILE);
    return answer(&call, REAL(format)->end_entry(instance->own_self, sink, entry), HB_STATUS_FATAL);
}

/* The last chance before the archive gets its name. */
static int format_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "finish", SELDOM);
    int status = REAL(format)->finish(instance->own_self, sink, trailer, bytes);
    status = answer(&call, status, HB_STATUS_FATAL);
    if (status != HB_OK || !hb_process_was_disturbed())
        return status;
    hb_run_explain(instance->run, "a plugin has changed the process: the archive is not published");
    return HB_STATUS_FATAL;
}

static int format_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "walk", SELDOM);
    return answer(&call, REAL(format)->walk(instance->own_self, input, visitor), HB_STATUS_FATAL);
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
    return answer(&call, REAL(format)->unit_policy(instance->own_self, policy), HB_STATUS_FATAL);
}

static int format_encode(void *self, void *worker, const struct hb_segment *const *segments,
                         size_t count, struct hb_unit *out)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, ENCODE, "encode", PER_FILE);
    int status = REAL(format)->encode(instance->own_self, worker, segments, count, out);
    return answer(&call, status, HB_STATUS_FATAL);
}

static int format_probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "probe", SELDOM);
    int status = REAL(format)->probe(instance->own_self, input, head, bytes);
    if (status == HB_STATUS_PROVEN) /* which no other callback may answer */
        return leave(&call) ? status : HB_STATUS_NOMATCH;
    return answer(&call, status, HB_STATUS_NOMATCH);
}

static int format_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "list", SELDOM);
    return answer(&call, REAL(format)->list(instance->own_self, input, lister), HB_STATUS_FATAL);
}

static int format_decode(void *self, void *worker, const struct hb_input *input,
                         const struct hb_member *const *members, size_t count,
                         const struct hb_output *const *outputs)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DECODE, "decode", PER_FILE);
    int status = REAL(format)->decode(instance->own_self, worker, input, members, count, outputs);
    return answer(&call, status, HB_STATUS_FATAL);
}

static int format_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "read_trailer", SELDOM);
    int status = REAL(format)->read_trailer(instance->own_self, input, data, bytes);
    return answer(&call, status, HB_STATUS_FATAL);
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
                  HB_STATUS_NOMATCH);
}

static int format_locate(void *self, const struct hb_member *member, const struct hb_range *range,
                         const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
                         uint64_t *head)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, LOCATE, "locate", PER_FILE);
    int status = REAL(format)->locate(instance->own_self, member, range, data, bytes, units,
                                      unit_count, head);
    return answer(&call, status, HB_STATUS_NOMATCH);
}

static int format_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, ADOPT, "adopt", PER_FILE);
    return answer(&call, REAL(format)->adopt(instance->own_self, sink, adoption), HB_STATUS_FATAL);
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

static int64_t source_read_at(const struct hb_source *source, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct source *behind = source->self;
    struct call call = enter(behind->instance, READ_AT, "read_at", PER_FILE);
    int64_t got = behind->own.read_at(&behind->own, buffer, bytes, offset);
    return leave(&call) ? got : -EPROTO;
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
    status = answer(&call, status, HB_STATUS_ENTRY);
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
    return answer(&call, status, HB_STATUS_ENTRY);
}

/* ---- contents ------------------------------------------------------------------------------ */

/* Who claims nothing is not asked again, so a wrong answer has to be told of here. */
static int content_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, CLAIM, "claim", PER_FILE);
    int status = REAL(content)->claim(instance->own_self, entry, head, bytes);
    if (status < HB_STATUS_LATER || status > HB_STATUS_SKIP)
        hb_report_add(&instance->run->report, HB_FOUND_DOUBTFUL, entry->path,
                      "%s: its claim() returned %d, which is no answer; taken for an ordinary file",
                      instance->plugin->name, status);
    return answer(&call, status, HB_STATUS_NOMATCH);
}

static const char *const *content_sidecars(void *self)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, SIDECARS, "sidecars", PER_FILE);
    const char *const *suffixes = REAL(content)->sidecars(instance->own_self);
    leave(&call);
    return suffixes;
}

static int content_identity(void *self, const struct hb_entry *entry, unsigned char identity[32])
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, IDENTITY, "identity", PER_FILE);
    return answer(&call, REAL(content)->identity(instance->own_self, entry, identity),
                  HB_STATUS_ENTRY);
}

static int content_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
                         uint32_t *soundness, char *reason, size_t reason_bytes)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, CHECK, "check", PER_FILE);
    int status =
        REAL(content)->check(instance->own_self, entry, file, soundness, reason, reason_bytes);
    return answer(&call, status, HB_STATUS_ENTRY);
}

static int content_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                           const struct hb_target *target)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, RESTORE, "restore", PER_FILE);
    return answer(&call, REAL(content)->restore(instance->own_self, entry, file, target),
                  HB_STATUS_ENTRY);
}

static int content_note(void *self, const struct hb_entry *entry, unsigned char note[32])
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, NOTE, "note", PER_FILE);
    return answer(&call, REAL(content)->note(instance->own_self, entry, note), HB_STATUS_ENTRY);
}

static int content_since(void *self, const struct hb_entry *entry, const struct hb_file *file,
                         const unsigned char *note, uint32_t flags)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, SINCE, "since", PER_FILE);
    int status = REAL(content)->since(instance->own_self, entry, file, note, flags);
    if (status >= HB_SINCE_AS_NOTED && status <= HB_SINCE_CHANGED)
        return leave(&call) ? status : HB_STATUS_ENTRY;
    return answer(&call, status, HB_STATUS_ENTRY);
}

static int content_foresee(void *self, const struct hb_entry *entry, const struct hb_target *target)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, FORESEE, "foresee", PER_FILE);
    return answer(&call, REAL(content)->foresee(instance->own_self, entry, target),
                  HB_STATUS_ENTRY);
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
};

/* ---- filters and hooks --------------------------------------------------------------------- */

static int filter_verdict(void *self, int direction, const struct hb_entry *entry,
                          struct hb_verdict *verdict)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, VERDICT, "verdict", PER_FILE);
    int status = REAL(filter)->verdict(instance->own_self, direction, entry, verdict);
    return answer(&call, status, HB_STATUS_FATAL);
}

static int filter_dir_enter(void *self, const char *path)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DIR_ENTER, "dir_enter", PER_FILE);
    return answer(&call, REAL(filter)->dir_enter(instance->own_self, path), HB_STATUS_FATAL);
}

static int filter_dir_leave(void *self, const char *path)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, DIR_LEAVE, "dir_leave", PER_FILE);
    return answer(&call, REAL(filter)->dir_leave(instance->own_self, path), HB_STATUS_FATAL);
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
    return answer(&call, REAL(hook)->before(instance->own_self, event), HB_STATUS_FATAL);
}

static int hook_after(void *self, const struct hb_event *event)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "after", SELDOM);
    return answer(&call, REAL(hook)->after(instance->own_self, event), HB_STATUS_FATAL);
}

static int hook_run(void *self, const struct hb_event *event)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, 0, "run", SELDOM);
    return answer(&call, REAL(hook)->run(instance->own_self, event), HB_STATUS_FATAL);
}

static const struct hb_hook_ops hook_calls = {
    .before = hook_before,
    .after = hook_after,
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
