/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that contradicts itself is refused, for each row of the table. */
#include "base/memory.h"
#include "plugin/contradictions.h"
#include "plugin/descriptor.h"
#include "scratch.h"

#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <hbcore/store.h>
#include <hbcore/transform.h>
#include <string.h>

static const char file[] = "/plugins/test.so";

/* Room for any table; all callbacks are there until a test takes some away. */
struct table {
    struct hb_plugin plugin;
    union {
        uint32_t words[2];
        void (*callbacks[40])(void);
        struct hb_format_ops format;
        struct hb_content_ops content;
        struct hb_filter_ops filter;
        struct hb_hook_ops hook;
        struct hb_store_ops store;
        struct hb_transform_ops transform;
    } ops;
};

static void nothing(void)
{
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    (void)host;
    (void)settings;
    *self = NULL;
    return HB_OK;
}

static void fill(struct table *table, uint32_t kind)
{
    static const char *const suffixes[] = {".test", NULL};
    static const struct hb_magic magics[] = {{0, 4, "TEST"}, {0, 0, NULL}};
    static const struct hb_hook_command command = {
        .size = sizeof command, .name = "do-it", .summary = "do it", .about = "Does it."};
    static const struct hb_hook_command *const commands[] = {&command, NULL};
    *table = (struct table){.plugin = {.size = sizeof table->plugin,
                                       .abi = HB_ABI,
                                       .kind = kind,
                                       .name = "test",
                                       .version = "1",
                                       .summary = "",
                                       .create = create,
                                       .ops = &table->ops}};
    for (const struct hb_callback *callback = hb_callbacks(kind); callback->name != NULL;
         callback++) {
        table->ops.callbacks[callback->offset / sizeof *table->ops.callbacks] = nothing;
        if (table->ops.words[0] < callback->offset + sizeof *table->ops.callbacks)
            table->ops.words[0] = (uint32_t)(callback->offset + sizeof *table->ops.callbacks);
    }
    table->ops.words[1] = hb_table_flags(kind);
    if (kind == HB_KIND_FORMAT)
        table->ops.format.suffixes = suffixes;
    if (kind == HB_KIND_HOOK)
        table->ops.hook.commands = commands;
    if (kind == HB_KIND_TRANSFORM) {
        table->ops.transform.suffixes = suffixes;
        table->ops.transform.magics = magics;
    }
}

static void expect(const struct table *table, const char *one, const char *two)
{
    struct hb_error error = {.text = ""};
    int status = hb_descriptor_check(&table->plugin, file, "test", &error);
    if (one == NULL) {
        if (status != HB_OK)
            fail_msg("%s", error.text);
        return;
    }
    if (status == HB_OK)
        fail_msg("taken with '%s' and without '%s'", one, two);
    assert_contains(error.text, file);
    assert_contains(error.text, one);
    assert_contains(error.text, two);
    assert_null(strchr(error.text, '\n'));
    assert_true(error.hint[0] != '\0');
}

static void test_all_there(void **state)
{
    (void)state;
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++) {
        struct table table;
        fill(&table, kind);
        expect(&table, NULL, NULL);
    }
}

/* Those that are required and nothing else. */
static void test_least(void **state)
{
    (void)state;
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++) {
        struct table table;
        fill(&table, kind);
        for (const struct hb_callback *callback = hb_callbacks(kind); callback->name != NULL;
             callback++)
            if (!callback->required && strcmp(callback->name, "after") != 0)
                table.ops.callbacks[callback->offset / sizeof *table.ops.callbacks] = NULL;
        if (kind == HB_KIND_HOOK)
            table.ops.hook.commands = NULL;
        table.ops.words[1] = 0;
        expect(&table, NULL, NULL);
    }
}

static void clear(struct table *table, size_t offset)
{
    table->ops.callbacks[offset / sizeof *table->ops.callbacks] = NULL;
}

/* All there but what this row needs, and what else of the table would speak up before it. */
static void test_each_row(void **state)
{
    (void)state;
    size_t rows = 0;
    for (const struct hb_need *need = hb_needs; need->kind != 0; need++, rows++) {
        struct table table;
        fill(&table, need->kind);
        if (need->flag != 0)
            table.ops.words[1] &= ~need->flag;
        for (size_t i = 0; need->flag == 0 && i < HB_MOST_NEEDS && need->needs[i].name != NULL; i++)
            clear(&table, need->needs[i].offset);
        for (const struct hb_need *other = hb_needs; other < need; other++)
            if (other->kind == need->kind && other->offset != need->offset)
                clear(&table, other->offset);
        char *why = hb_contradiction(&table.plugin);
        assert_non_null(why);
        free(why);
        expect(&table, need->name, need->needs[0].name);
    }
    assert_true(rows > 20);
}

/* An older plugin's table ends earlier: what is behind its end is not there. */
static void test_short_table(void **state)
{
    (void)state;
    struct table table;
    fill(&table, HB_KIND_CONTENT);
    table.ops.words[0] = offsetof(struct hb_content_ops, restore);
    expect(&table, NULL, NULL);
    fill(&table, HB_KIND_FORMAT);
    table.ops.words[0] = offsetof(struct hb_format_ops, adopt);
    expect(&table, "codec", "adopt");
}

static void test_flags(void **state)
{
    (void)state;
    static const uint32_t kinds[] = {HB_KIND_FORMAT, HB_KIND_FILTER, HB_KIND_HOOK, HB_KIND_STORE};
    struct table table;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fill(&table, kinds[i]);
        table.ops.words[1] |= 0x40000;
        expect(&table, "unknown flags", "0x40000");
    }
    fill(&table, HB_KIND_FORMAT);
    for (size_t i = 0; hb_needs[i].kind != 0; i++)
        if (hb_needs[i].kind == HB_KIND_FORMAT)
            clear(&table, hb_needs[i].offset);
    table.ops.format.list = NULL;
    expect(&table, "HB_FORMAT_INDEX_AT_END", "list");
    fill(&table, HB_KIND_CONTENT);
    table.ops.content.head_bytes = 4097;
    expect(&table, "4097", "4096 are the most");
}

static void test_keeps(void **state)
{
    (void)state;
    struct hb_keeps keeps = {.size = sizeof keeps, .time_step = 1, .path_most = 1};
    struct table table;
    fill(&table, HB_KIND_FORMAT);
    table.ops.words[0] = sizeof table.ops.format;
    table.ops.format.keeps = &keeps;
    expect(&table, NULL, NULL);
    static const struct {
        struct hb_keeps keeps;
        const char *why;
    } rows[] = {
        {{.time_step = 1, .path_most = 1}, ".size = sizeof(struct hb_keeps)"},
        {{.size = 16, .time_step = 1, .path_most = 1}, "16 bytes long"},
        {{.size = sizeof keeps, .flags = 0x100, .time_step = 1, .path_most = 1}, "flags (0x100)"},
        {{.size = sizeof keeps, .time_step = 0, .path_most = 1}, "times to 0 ns"},
        {{.size = sizeof keeps, .time_step = 1500000000, .path_most = 1}, "times to 1500000000 ns"},
        {{.size = sizeof keeps, .time_step = UINT64_MAX, .path_most = 1}, "which is no step"},
        {{.size = sizeof keeps, .time_step = 1, .time_first = 1, .path_most = 1}, "no time at all"},
        {{.size = sizeof keeps, .time_step = 1, .path_most = 0}, "no path at all"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        keeps = rows[i].keeps;
        expect(&table, "'keeps'", rows[i].why);
    }
}

/* What forgets its size is told so, and not that the rest is missing. */
static void test_no_size(void **state)
{
    (void)state;
    struct hb_option option = {.type = HB_OPTION_STRING, .key = "key", .help = "help"};
    struct hb_operand operand = {.kind = HB_OPERAND_TEXT, .key = "key", .name = "KEY"};
    const struct hb_option *const options[] = {&option};
    const struct hb_operand *const operands[] = {&operand};
    struct hb_hook_command command = {.name = "do-it", .summary = "do it", .about = "Does it."};
    const struct hb_hook_command *const commands[] = {&command, NULL};
    struct table table;
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++) {
        fill(&table, kind);
        table.ops.words[0] = 0;
        expect(&table, "callbacks (ops) is 0: set .size = sizeof(struct hb_", hb_kind_name(kind));
        fill(&table, kind);
        table.plugin.size = 0;
        expect(&table, "the size of its descriptor is 0", "sizeof(struct hb_plugin)");
    }
    fill(&table, HB_KIND_FILTER);
    table.plugin.options = options;
    table.plugin.option_count = 1;
    expect(&table, "the size of its option 1 is 0", "sizeof(struct hb_option)");
    fill(&table, HB_KIND_HOOK);
    table.ops.hook.commands = commands;
    expect(&table, "the size of a command of it is 0", "sizeof(struct hb_hook_command)");
    command.size = sizeof command;
    command.options = options;
    command.option_count = 1;
    expect(&table, "the size of option 1 of its command 'do-it' is 0", "sizeof(struct hb_option)");
    option.size = sizeof option;
    option.default_text = "";
    option.key = "dry-run";
    expect(&table, "option 'dry-run' of its command 'do-it'", "no boolean");
    option.type = HB_OPTION_BOOLEAN;
    option.default_text = "no";
    command.operands = operands;
    command.operand_count = 1;
    expect(&table, "the size of operand 1 of its command 'do-it' is 0", "(struct hb_operand)");
    operand.size = sizeof operand;
    expect(&table, NULL, NULL);
}

/* A number without its top bit is another one. */
static void test_abi(void **state)
{
    (void)state;
    struct table table;
    fill(&table, HB_KIND_FILTER);
    table.plugin.abi = HB_ABI & ~HB_ABI_NOT_FROZEN;
    expect(&table, "made for the frozen ABI 1", "it has ABI 1 (not frozen)");
}

static void test_options(void **state)
{
    (void)state;
    static const char *const words[] = {"a", NULL};
    struct hb_option option = {
        .size = sizeof option, .type = HB_OPTION_STRING, .key = "key", .help = "help"};
    const struct hb_option *const options[] = {&option};
    struct table table;
    fill(&table, HB_KIND_FILTER);
    table.plugin.options = options;
    table.plugin.option_count = 1;
    option.default_text = "known";
    option.flags = HB_OPTION_SECRET;
    expect(&table, "'key' is secret", "a default");
    option.flags = HB_OPTION_SECRET | 0x4000;
    expect(&table, "'key' has unknown flags", "(0x4000)");
    option.flags = HB_OPTION_SECRET;
    option.default_text = "";
    expect(&table, NULL, NULL);
    option.choices = words;
    expect(&table, "'key' has choices", "takes none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_there), cmocka_unit_test(test_least),
        cmocka_unit_test(test_each_row),  cmocka_unit_test(test_short_table),
        cmocka_unit_test(test_flags),     cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_options),   cmocka_unit_test(test_no_size),
        cmocka_unit_test(test_abi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
