/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each callback that answers with a number is made to answer with every number from -20 to 40. What
 * its header names comes through; all else is a fault that is told, with plugin, callback and
 * number, and costs what the table here says: never HB_OK.
 */
#include "base/interrupt.h"
#include "base/memory.h"
#include "config/section.h"
#include "host/calls.h"
#include "host/failure.h"
#include "plugin/descriptor.h"
#include "plugin/loader.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

static int given;
static struct hb_run run;
static struct hb_instance instance;
static struct hb_entry entry = {.size = sizeof entry, .type = HB_TYPE_FILE, .path = "some/file"};
static struct hb_source source;
static struct hb_sealing sealing = {.size = sizeof sealing};

#define ANSWERS                                                                                    \
    {                                                                                              \
        return given;                                                                              \
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* ---- plugins that answer what they are told ------------------------------------------------ */

static int create(const struct hb_host *host, const struct hb_settings *settings,
                  void **self) ANSWERS
    static int check_settings(const struct hb_host *host,
                              const struct hb_settings *settings) ANSWERS

    static int f_entry(void *self, const struct hb_sink *sink, const struct hb_entry *row) ANSWERS
    static int f_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit) ANSWERS
    static int f_finish(void *self, const struct hb_sink *sink, const void *data, size_t n) ANSWERS
    static int f_walk(void *self, const struct hb_input *in,
                      const struct hb_visitor *visitor) ANSWERS
    static int f_policy(void *self, struct hb_unit_policy *policy) ANSWERS
    static int f_encode(void *self, void *worker, const struct hb_segment *const *segments,
                        size_t count, struct hb_unit *out) ANSWERS
    static int f_probe(void *self, const struct hb_input *in, const void *head, size_t n) ANSWERS
    static int f_list(void *self, const struct hb_input *in, const struct hb_lister *lister) ANSWERS
    static int f_decode(void *self, void *worker, const struct hb_input *in,
                        const struct hb_member *const *members, size_t count,
                        const struct hb_output *const *outputs) ANSWERS
    static int f_trailer(void *self, const struct hb_input *in, void **data, size_t *n) ANSWERS
    static int f_span(void *self, const struct hb_member *first, const struct hb_member *next,
                      struct hb_range *range) ANSWERS
    static int f_locate(void *self, const struct hb_member *member, const struct hb_range *range,
                        const void *data, size_t n, struct hb_unit *units, size_t count,
                        uint64_t *head) ANSWERS
    static int f_adopt(void *self, const struct hb_sink *sink,
                       const struct hb_adoption *run_of) ANSWERS static const
    struct hb_format_ops formats = {.size = sizeof formats,
                                    .begin_entry = f_entry,
                                    .append = f_append,
                                    .end_entry = f_entry,
                                    .finish = f_finish,
                                    .walk = f_walk,
                                    .unit_policy = f_policy,
                                    .encode = f_encode,
                                    .probe = f_probe,
                                    .list = f_list,
                                    .decode = f_decode,
                                    .read_trailer = f_trailer,
                                    .span = f_span,
                                    .locate = f_locate,
                                    .adopt = f_adopt};

static int64_t c_read(const struct hb_source *from, void *buffer, size_t n, uint64_t at) ANSWERS
    static int c_claim(void *self, const struct hb_entry *row, const void *head, size_t n) ANSWERS
    static int c_open(void *self, const struct hb_entry *row, struct hb_source *out) ANSWERS
    static int c_identity(void *self, const struct hb_entry *row,
                          unsigned char identity[32]) ANSWERS
    static int c_check(void *self, const struct hb_entry *row, const struct hb_file *file,
                       uint32_t *soundness, char *reason, size_t n) ANSWERS
    static int c_restore(void *self, const struct hb_entry *row, const struct hb_file *file,
                         const struct hb_target *target) ANSWERS
    static int c_since(void *self, const struct hb_entry *row, const struct hb_file *file,
                       const unsigned char *note, uint32_t flags) ANSWERS
    static int c_foresee(void *self, const struct hb_entry *row,
                         const struct hb_target *target) ANSWERS
    static int c_fact(void *self, const struct hb_entry *row, const struct hb_source *from,
                      size_t index, struct hb_fact *fact)
{
    fact->name = "rows";
    return given;
}
static const struct hb_content_ops contents = {.size = sizeof contents,
                                               .claim = c_claim,
                                               .open = c_open,
                                               .identity = c_identity,
                                               .check = c_check,
                                               .restore = c_restore,
                                               .judge = c_open,
                                               .note = c_identity,
                                               .since = c_since,
                                               .foresee = c_foresee,
                                               .fact = c_fact};

static int v_verdict(void *self, int direction, const struct hb_entry *row,
                     struct hb_verdict *verdict) ANSWERS
    static int v_dir(void *self, const char *path) ANSWERS static const
    struct hb_filter_ops filters = {
        .size = sizeof filters, .verdict = v_verdict, .dir_enter = v_dir, .dir_leave = v_dir};

static int h_event(void *self, const struct hb_event *event) ANSWERS
    static int h_run(void *self, const struct hb_invocation *invocation) ANSWERS static const
    struct hb_hook_ops hooks = {.size = sizeof hooks,
                                .before = h_event,
                                .after = h_event,
                                .finally = h_event,
                                .run = h_run};

static int s_limits(void *self, const char *name, struct hb_store_limits *limits) ANSWERS
    static int s_begin(void *self, const struct hb_put *put, void **upload) ANSWERS
    static int s_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                      size_t n) ANSWERS
    static int s_commit(void *self, void *upload, const struct hb_put *put, uint64_t n) ANSWERS
    static int s_copy(void *self, void *upload, uint64_t number, uint64_t offset,
                      const struct hb_object *from, uint64_t from_offset, uint64_t n) ANSWERS
    static int s_patch(void *self, void *upload, uint64_t offset, const void *data,
                       size_t n) ANSWERS
    static int s_open(void *self, const char *name, const char *version, void **reader,
                      struct hb_object *object) ANSWERS static int64_t
    s_read(void *self, void *reader, void *buffer, size_t n, uint64_t at) ANSWERS
    static void s_close(void *self, void *reader)
{
}
static int s_list(void *self, const char *prefix, const struct hb_object_lister *lister) ANSWERS
    static int s_remove(void *self, const char *name, const char *version) ANSWERS
    static int s_sweep(void *self, const char *prefix, const char *home, int64_t before,
                       uint64_t *swept) ANSWERS static const
    struct hb_store_ops stores = {.size = sizeof stores,
                                  .limits = s_limits,
                                  .put_begin = s_begin,
                                  .put_part = s_part,
                                  .put_commit = s_commit,
                                  .put_copy = s_copy,
                                  .put_patch = s_patch,
                                  .open = s_open,
                                  .read_at = s_read,
                                  .close = s_close,
                                  .list = s_list,
                                  .remove = s_remove,
                                  .sweep = s_sweep};

static int t_begin(void *self, struct hb_sealing *out) ANSWERS
    static int t_block(void *self, void *key, uint64_t number, uint32_t flags, const void *from,
                       size_t n, void *to) ANSWERS
    static int t_open(void *self, const struct hb_input *in, struct hb_sealing *out) ANSWERS

    static void t_end(void *self, void *key)
{
}

static const struct hb_transform_ops transforms = {.size = sizeof transforms,
                                                   .seal_begin = t_begin,
                                                   .seal = t_block,
                                                   .open = t_open,
                                                   .unseal = t_block,
                                                   .end = t_end};

#pragma GCC diagnostic pop

/* ---- who asks them ------------------------------------------------------------------------- */

#define ASK(kind, callback, ...)                                                                   \
    static int64_t ask_##kind##_##callback(void)                                                   \
    {                                                                                              \
        const struct hb_##kind##_ops *ops = instance.plugin->ops;                                  \
        return ops->callback(instance.self, __VA_ARGS__);                                          \
    }

static int64_t ask_create(void)
{
    return hb_calls_create(&instance);
}
static int64_t ask_settings(void)
{
    return hb_calls_check(&instance);
}

ASK(format, begin_entry, NULL, &entry)
ASK(format, append, NULL, NULL)
ASK(format, end_entry, NULL, &entry)
ASK(format, finish, NULL, NULL, 0)
ASK(format, walk, NULL, NULL)
ASK(format, unit_policy, NULL)
ASK(format, encode, NULL, NULL, 0, &(struct hb_unit){.size = sizeof(struct hb_unit)})
ASK(format, probe, NULL, NULL, 0)
ASK(format, list, NULL, NULL)
ASK(format, decode, NULL, NULL, NULL, 0, NULL)
ASK(format, read_trailer, NULL, NULL, NULL)
ASK(format, span, NULL, NULL, NULL)
ASK(format, locate, NULL, NULL, NULL, 0, NULL, 0, NULL)
ASK(format, adopt, NULL, NULL)
ASK(content, claim, &entry, NULL, 0)
ASK(content, identity, &entry, NULL)
ASK(content, check, &entry, NULL, NULL, NULL, 0)
ASK(content, restore, &entry, NULL, NULL)
ASK(content, note, &entry, NULL)
ASK(content, since, &entry, NULL, NULL, 0)
ASK(content, foresee, &entry, NULL)
ASK(filter, verdict, HB_DIRECTION_BACKUP, &entry, NULL)
ASK(filter, dir_enter, "some")
ASK(filter, dir_leave, "some")
ASK(hook, before, NULL)
ASK(hook, after, NULL)
ASK(hook, finally, NULL)
ASK(hook, run, NULL)
ASK(store, limits, "", NULL)
ASK(store, put_begin, NULL, NULL)
ASK(store, put_part, NULL, 0, 0, NULL, 0)
ASK(store, put_commit, NULL, NULL, 0)
ASK(store, put_copy, NULL, 0, 0, NULL, 0, 0)
ASK(store, put_patch, NULL, 0, NULL, 0)
ASK(store, open, "", NULL, &(void *){NULL}, NULL)
ASK(store, read_at, NULL, NULL, 5, 0)
ASK(store, list, "", NULL)
ASK(store, remove, "", "")
ASK(store, sweep, "", "", 0, NULL)
ASK(transform, seal_begin, &sealing)
ASK(transform, seal, NULL, 0, 0, NULL, 0, NULL)
ASK(transform, open, NULL, &sealing)
ASK(transform, unseal, NULL, 0, 0, NULL, 0, NULL)

static int open_it(void)
{
    const struct hb_content_ops *ops = instance.plugin->ops;
    source = (struct hb_source){.size = sizeof source, .fd = -1, .read_at = c_read};
    return ops->open(instance.self, &entry, &source);
}

static void close_it(void)
{
    if (source.self != NULL)
        source.close(&source);
}

static int64_t ask_content_open(void)
{
    int status = open_it();
    close_it();
    return status;
}

/* The others of a source: it is opened well, and then one of them answers. */
static int64_t ask_opened(int64_t (*ask)(void))
{
    int answer = given;
    given = HB_OK;
    assert_int_equal(open_it(), HB_OK);
    given = answer;
    int64_t status = ask();
    close_it();
    return status;
}

static int64_t read_five(void)
{
    char five[5];
    return source.read_at(&source, five, sizeof five, 0);
}

static int64_t judge_it(void)
{
    const struct hb_content_ops *ops = instance.plugin->ops;
    return ops->judge(instance.self, &entry, &source);
}

static int64_t first_fact(void)
{
    const struct hb_content_ops *ops = instance.plugin->ops;
    struct hb_fact fact = {.size = sizeof fact};
    return ops->fact(instance.self, &entry, &source, 0, &fact);
}

static int64_t ask_content_read_at(void)
{
    return ask_opened(read_five);
}

static int64_t ask_content_judge(void)
{
    return ask_opened(judge_it);
}

static int64_t ask_content_fact(void)
{
    return ask_opened(first_fact);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define FAILURES HB_STATUS_ENTRY, HB_STATUS_FATAL, HB_STATUS_LATER
enum { NONE = 99, PASSES = 98 };

static const struct row {
    uint32_t kind;
    const char *callback;
    int64_t (*ask)(void);
    int otherwise;
    int answers[12]; /* ended by NONE; PASSES: HB_STATUS_CANCELLED, though nobody stops the run */
} rows[] = {
    {HB_KIND_FILTER, "create", ask_create, HB_STATUS_FATAL, {HB_OK, FAILURES, NONE}},
    {HB_KIND_FILTER, "check", ask_settings, HB_STATUS_FATAL, {HB_OK, FAILURES, NONE}},
#define ROW(kind, callback, cost, ...)                                                             \
    {                                                                                              \
        kind_##kind, #callback, ask_##kind##_##callback, HB_STATUS_##cost,                         \
        {                                                                                          \
            __VA_ARGS__, NONE                                                                      \
        }                                                                                          \
    }
#define kind_format    HB_KIND_FORMAT
#define kind_content   HB_KIND_CONTENT
#define kind_filter    HB_KIND_FILTER
#define kind_hook      HB_KIND_HOOK
#define kind_store     HB_KIND_STORE
#define kind_transform HB_KIND_TRANSFORM
    ROW(format, begin_entry, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, append, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, end_entry, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, finish, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, walk, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, unit_policy, FATAL, HB_OK, FAILURES),
    ROW(format, encode, FATAL, HB_OK, FAILURES),
    ROW(format, probe, NOMATCH, HB_OK, HB_STATUS_NOMATCH, HB_STATUS_PROVEN, FAILURES, PASSES),
    ROW(format, list, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES, PASSES),
    ROW(format, decode, FATAL, HB_OK, FAILURES, PASSES),
    ROW(format, read_trailer, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES, PASSES),
    ROW(format, span, NOMATCH, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(format, locate, NOMATCH, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(format, adopt, FATAL, HB_OK, FAILURES, PASSES),
    ROW(content, claim, NOMATCH, HB_OK, HB_STATUS_NOMATCH),
    ROW(content, open, ENTRY, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, read_at, ENTRY, 0, 1, 2, 3, 4, 5, HB_STATUS_ENTRY),
    ROW(content, judge, ENTRY, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, identity, NOMATCH, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, check, ENTRY, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, restore, ENTRY, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, note, NOMATCH, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, since, ENTRY, HB_SINCE_AS_NOTED, HB_SINCE_AS_STAGED, HB_SINCE_CHANGED,
        HB_STATUS_NOMATCH, FAILURES),
    ROW(content, foresee, ENTRY, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(content, fact, ENTRY, HB_OK, HB_STATUS_END, HB_STATUS_NOMATCH, FAILURES),
    ROW(filter, verdict, FATAL, HB_OK, FAILURES),
    ROW(filter, dir_enter, FATAL, HB_OK, FAILURES),
    ROW(filter, dir_leave, FATAL, HB_OK, FAILURES),
    ROW(hook, before, FATAL, HB_OK, FAILURES),
    ROW(hook, after, FATAL, HB_OK, HB_STATUS_SKIP, FAILURES),
    ROW(hook, finally, FATAL, HB_OK, FAILURES),
    ROW(hook, run, FATAL, HB_OK, FAILURES),
    ROW(store, limits, FATAL, HB_OK, FAILURES),
    ROW(store, put_begin, FATAL, HB_OK, FAILURES),
    ROW(store, put_part, FATAL, HB_OK, FAILURES),
    ROW(store, put_commit, UNCERTAIN, HB_OK, HB_STATUS_NOMATCH, HB_STATUS_UNCERTAIN, FAILURES),
    ROW(store, put_copy, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(store, put_patch, FATAL, HB_OK, FAILURES),
    ROW(store, open, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(store, read_at, FATAL, 0, 1, 2, 3, 4, 5, FAILURES),
    ROW(store, list, FATAL, HB_OK, FAILURES, PASSES),
    ROW(store, remove, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES),
    ROW(store, sweep, FATAL, HB_OK, FAILURES),
    ROW(transform, seal_begin, FATAL, HB_OK, FAILURES),
    ROW(transform, seal, FATAL, HB_OK, FAILURES),
    ROW(transform, open, FATAL, HB_OK, HB_STATUS_NOMATCH, FAILURES, PASSES),
    ROW(transform, unseal, FATAL, HB_OK, FAILURES),
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool is_named(const struct row *row, int answer)
{
    for (const int *at = row->answers; *at != NONE; at++)
        if (*at == answer || (*at == PASSES && answer == HB_STATUS_CANCELLED))
            return true;
    return false;
}

static void begin(uint32_t kind)
{
    static const void *const tables[] = {
        [HB_KIND_FORMAT] = &formats, [HB_KIND_CONTENT] = &contents,
        [HB_KIND_FILTER] = &filters, [HB_KIND_HOOK] = &hooks,
        [HB_KIND_STORE] = &stores,   [HB_KIND_TRANSFORM] = &transforms};
    static struct hb_plugin plugin;
    static struct hb_library library = {.plugin = &plugin};
    static struct hb_section section = {.library = &library, .name = "filter:odd"};
    plugin = (struct hb_plugin){.size = sizeof plugin,
                                .abi = HB_ABI,
                                .kind = kind,
                                .name = "odd",
                                .create = create,
                                .check = check_settings,
                                .ops = tables[kind]};
    instance = (struct hb_instance){.run = &run, .section = &section};
    hb_calls_wrap(&instance, &plugin);
    hb_run_clear_failure(&run);
}

/* It is named either by the failure, which whoever asked prints, or in the report. */
static bool is_told(const struct row *row, int answer, size_t found)
{
    char number[24];
    snprintf(number, sizeof number, "returned %d", answer);
    HB_AUTO_FREE char *callback = hb_text("its %s()", row->callback);
    const char *text = hb_failure_of(&run)->text;
    if (strncmp(text, "odd: ", 5) == 0 && strstr(text, callback) != NULL &&
        strstr(text, number) != NULL && row->otherwise != HB_STATUS_NOMATCH)
        return true;
    for (size_t i = found; i < run.report.count; i++) {
        const struct hb_finding *finding = &run.report.findings[i];
        if (strstr(finding->reason, callback) != NULL && strstr(finding->reason, number) != NULL)
            return true;
    }
    return false;
}

static void test_each_answer(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + ROWS; row++)
        for (int answer = -20; answer <= 40; answer++) {
            begin(row->kind);
            size_t found = run.report.count;
            given = answer;
            int64_t got = row->ask();
            if (is_named(row, answer)) {
                if (got != answer)
                    fail_msg("%s: %d became %d", row->callback, answer, (int)got);
                continue;
            }
            if (got != row->otherwise)
                fail_msg("%s: %d became %d, not %d", row->callback, answer, (int)got,
                         row->otherwise);
            if (!is_told(row, answer, found))
                fail_msg("%s: nobody is told of %d", row->callback, answer);
        }
}

/* Every callback of every kind that answers with a number has a row. */
static void test_none_is_missing(void **state)
{
    (void)state;
    static const char *const other[] = {
        "abort",    "worker_create", "worker_destroy", "codec",  "keeps",
        "sidecars", "put_end",       "close",          "advise", "end"};
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++)
        for (const struct hb_callback *callback = hb_callbacks(kind); callback->name != NULL;
             callback++) {
            bool there = false;
            for (size_t i = 0; i < sizeof other / sizeof *other; i++)
                there = there || strcmp(other[i], callback->name) == 0;
            for (size_t i = 0; i < ROWS; i++)
                there = there ||
                        (rows[i].kind == kind && strcmp(rows[i].callback, callback->name) == 0);
            if (!there)
                fail_msg("%s: %s() has no row", hb_kind_name(kind), callback->name);
        }
}

/* While the run is being stopped everything may be. */
static void test_stopped(void **state)
{
    (void)state;
    atomic_store(&run.stop, 1);
    given = HB_STATUS_CANCELLED;
    for (const struct row *row = rows; row < rows + ROWS; row++) {
        begin(row->kind);
        size_t found = run.report.count;
        assert_int_equal(row->ask(), HB_STATUS_CANCELLED);
        assert_int_equal(run.report.count, found);
    }
    atomic_store(&run.stop, 0);
}

/* ---- what else they give ------------------------------------------------------------------- */

static uint32_t odd_flags;
static uint64_t odd_bytes;

static int odd_open(void *self, const struct hb_entry *row, struct hb_source *out)
{
    (void)self;
    (void)row;
    out->flags |= odd_flags;
    out->bytes = odd_bytes;
    out->read_at = c_read;
    return HB_OK;
}

static const char *const *odd_sidecars(void *self)
{
    static const char *const suffixes[] = {"-wal", "", NULL};
    (void)self;
    return suffixes;
}

static void test_sources(void **state)
{
    (void)state;
    static struct hb_content_ops ops;
    ops = contents;
    ops.open = odd_open;
    ops.sidecars = odd_sidecars;
    struct hb_plugin plugin = {
        .size = sizeof plugin, .kind = HB_KIND_CONTENT, .name = "odd", .ops = &ops};
    begin(HB_KIND_CONTENT);
    hb_calls_wrap(&instance, &plugin);
    odd_flags = 0x80;
    assert_int_equal(open_it(), HB_STATUS_ENTRY);
    assert_contains(hb_failure_of(&run)->text, "odd: its open() gave the flags 0x80");
    odd_flags = 0;
    odd_bytes = HB_SIZE_UNKNOWN;
    assert_int_equal(open_it(), HB_STATUS_ENTRY);
    assert_contains(hb_failure_of(&run)->text, "18446744073709551615 bytes");
    odd_bytes = 0;
    assert_int_equal(open_it(), HB_OK);
    close_it();
    size_t found = run.report.count;
    const struct hb_content_ops *wrapped = instance.plugin->ops;
    assert_null(wrapped->sidecars(instance.self));
    assert_int_equal(run.report.count, found + 1);
    assert_int_equal(run.report.findings[found].kind, HB_FOUND_DOUBTFUL);
}

static uint64_t unit_bytes;
static const void *unit_data;

static int odd_encode(void *self, void *worker, const struct hb_segment *const *segments,
                      size_t count, struct hb_unit *out)
{
    (void)self;
    (void)worker;
    (void)segments;
    (void)count;
    *out = (struct hb_unit){.bytes = unit_bytes, .data = unit_data, .entries = 77};
    return HB_OK;
}

static void test_units(void **state)
{
    (void)state;
    static struct hb_format_ops ops;
    ops = formats;
    ops.encode = odd_encode;
    struct hb_plugin plugin = {
        .size = sizeof plugin, .kind = HB_KIND_FORMAT, .name = "odd", .ops = &ops};
    begin(HB_KIND_FORMAT);
    hb_calls_wrap(&instance, &plugin);
    const struct hb_format_ops *wrapped = instance.plugin->ops;
    struct hb_unit unit = {
        .size = sizeof unit, .flags = HB_UNIT_FIRST, .entry = &entry, .raw_bytes = 5, .entries = 2};
    unit_data = "unit";
    unit_bytes = 4;
    assert_int_equal(wrapped->encode(instance.self, NULL, NULL, 0, &unit), HB_OK);
    assert_int_equal(unit.bytes, 4);
    assert_ptr_equal(unit.entry, &entry);
    assert_int_equal(unit.raw_bytes, 5);
    assert_int_equal(unit.entries, 2);
    assert_int_equal(unit.flags, HB_UNIT_FIRST);
    unit_bytes = HB_SIZE_UNKNOWN;
    assert_int_equal(wrapped->encode(instance.self, NULL, NULL, 0, &unit), HB_STATUS_FATAL);
    assert_contains(hb_failure_of(&run)->text, "odd: its encode() gave a unit of 184467440737095");
    unit_bytes = 4;
    unit_data = NULL;
    assert_int_equal(wrapped->encode(instance.self, NULL, NULL, 0, &unit), HB_STATUS_FATAL);
    assert_contains(hb_failure_of(&run)->text, "a unit of 4 bytes without data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_answer), cmocka_unit_test(test_none_is_missing),
        cmocka_unit_test(test_stopped),     cmocka_unit_test(test_sources),
        cmocka_unit_test(test_units),
    };
    hb_run_init(&run, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hb_run_clear(&run);
    return failed;
}
