/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that are right, and one for each thing that can be wrong with one. */
#include "base/memory.h"
#include "plugin/descriptor.h"
#include "plugin/loader.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const directories[] = {BAD_PLUGINS, NULL};

static int set_up(void **state)
{
    *state = hb_loader_new(directories);
    return 0;
}

static int tear_down(void **state)
{
    hb_loader_free(*state);
    return 0;
}

static void test_right(void **state)
{
    static const char *const names[] = {"good-filter", "newer", "older", "extra-symbol"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct hb_library *library = NULL;
        struct hb_error error;
        if (hb_loader_find(*state, HB_KIND_FILTER, names[i], &library, &error) != HB_OK)
            fail_msg("%s", error.text);
        assert_string_equal(library->plugin->name, names[i]);
        assert_int_equal(library->path[0], '/');
    }
    const struct hb_library *one = NULL, *two = NULL;
    struct hb_error error;
    assert_int_equal(hb_loader_find(*state, 0, "good-format", &one, &error), HB_OK);
    assert_int_equal(hb_loader_open(*state, BAD_PLUGINS "/good-format.so", &two, &error), HB_OK);
    assert_ptr_equal(one, two);
}

struct bad {
    const char *name;
    const char *why;
};

static const struct bad bads[] = {
    {"no-symbol", "not an hbcore plugin: it has no symbol hb_plugin_v1"},
    {"no-descriptor", "returned no descriptor"},
    {"wrong-abi", "made for ABI 99, this hbcore has ABI 1 (not frozen)"},
    {"small-descriptor", "descriptor is 40 bytes long, at least 80"},
    {"unknown-kind", "kind 9 is unknown"},
    {"no-seal", "the callback 'seal' is missing; every transform plugin needs it"},
    {"no-transform-magic", "the list of magic bytes is missing"},
    {"transform-magic-within", "its magic bytes do not lie at the start"},
    {"empty-store", "the callback 'limits' is missing; every store plugin needs it"},
    {"host-too-big", "services of a newer hbcore (100000 bytes"},
    {"null-name", "its name is missing"},
    {"other-name", "calls itself 'another', so the file must be another.so"},
    {"no-version", "its version is missing"},
    {"no-create", "the function 'create' is missing"},
    {"no-ops", "table of callbacks (ops) is missing"},
    {"small-ops", "the callback 'verdict' is missing"},
    {"no-verdict", "the callback 'verdict' is missing; every filter plugin needs it"},
    {"no-walk", "the callback 'walk' is missing; every format plugin needs it"},
    {"no-suffix", "list of suffixes is missing"},
    {"far-magic", "row 1 of its magic bytes"},
    {"empty-hook", "'before', 'after', 'finally' and 'run' are all missing"},
    {"command-without-run", "its 'commands' needs 'run', which is missing"},
    {"run-without-command", "its 'run' needs 'commands', which is missing"},
    {"command-name", "a command of it has no valid name"},
    {"command-flag", "has a flag that is unknown: 0x6"},
    {"command-help", "its command 'do-it' has no help"},
    {"command-twice", "its command 'do-it' appears twice"},
    {"operand-kind", "has the unknown kind 9"},
    {"operand-key", "has no valid key or name"},
    {"operand-name", "has no valid key or name"},
    {"operand-reserved", "a second member 'target'"},
    {"operand-twice", "a second member 'text'"},
    {"two-snapshots", "more than one snapshot or archive"},
    {"many-operands", "more than 40 options or 8 operands"},
    {"bad-default", "level: 11 is not within 0 to 9"},
    {"bad-key", "option 1 has no valid key"},
    {"common-key", "option 'plugin' has a name that every section already has"},
    {"no-help", "option 'level' has no help"},
    {"unknown-type", "option 'level' has the unknown type 77"},
    {"no-choices", "option 'level' is a choice without choices"},
    {"empty-range", "range of its option 'level' is empty"},
    {"word-without-range", "option 'level' takes words and has no range"},
    {"word-beyond-range", "option 'level' takes words and has no range"},
    {"option-twice", "option 'title' appears twice"},
    {"small-option", "option 1 is missing or too short"},
    {"missing-option", "option 1 is missing or too short"},
    {"unknown-flag", "option 'level' has unknown flags (0x4000)"},
    {"required-with-default", "option 'level' is required, and has a default"},
    {"secret-number", "option 'level' is secret, and neither a text nor a path"},
    {"patterns-of-a-number", "option 'level' has patterns, and is no list"},
    {"missing-library", "the library libhb-absent.so, which it needs, is missing"},
    {"undefined-function", "undefined symbol: hb_nobody_has_this_function"},
};

static void test_bad(void **state)
{
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        const struct hb_library *library = NULL;
        struct hb_error error;
        HB_AUTO_FREE char *path = hb_text("%s/%s.so", BAD_PLUGINS, bads[i].name);
        if (hb_loader_find(*state, HB_KIND_FILTER, bads[i].name, &library, &error) == HB_OK)
            fail_msg("%s was taken", bads[i].name);
        assert_contains(error.text, path);
        assert_contains(error.text, bads[i].why);
        assert_true(error.hint[0] != '\0');
        assert_null(library);
    }
}

static void test_not_found(void **state)
{
    const struct hb_library *library;
    struct hb_error error;
    assert_int_equal(hb_loader_find(*state, HB_KIND_FILTER, "good-fliter", &library, &error),
                     HB_STATUS_FATAL);
    assert_contains(error.text, "plugin 'good-fliter' not found in " BAD_PLUGINS);
    assert_string_equal(error.hint, "did you mean 'good-filter'?");
    assert_int_equal(hb_loader_find(*state, HB_KIND_FORMAT, "good-filter", &library, &error),
                     HB_STATUS_FATAL);
    assert_contains(error.text, "this is a filter plugin, not a format plugin");
    assert_int_equal(hb_loader_open(*state, "/nowhere/x.so", &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, "/nowhere/x.so: No such file or directory");
    assert_int_equal(hb_loader_open(*state, "/etc/passwd", &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, "does not end in .so");
}

static void test_not_a_library(void **state)
{
    const struct hb_library *library;
    struct hb_error error;
    char *directory = scratch_new();
    HB_AUTO_FREE char *words = hb_text("This is no shared object.%1000s\n", "");
    HB_AUTO_FREE char *text = scratch_write(directory, "text.so", words);
    HB_AUTO_FREE char *empty = scratch_write(directory, "empty.so", "");
    HB_AUTO_FREE char *folder = scratch_path(directory, "folder.so");
    mkdir(folder, 0700);
    assert_int_equal(hb_loader_open(*state, text, &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, text);
    assert_contains(error.text, "invalid ELF header");
    assert_contains(error.hint, "damaged");
    assert_int_equal(hb_loader_open(*state, empty, &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, "file too short");
    assert_int_equal(hb_loader_open(*state, folder, &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, "not a file");
    scratch_remove(directory);
}

static void test_writable(void **state)
{
    const struct hb_library *library;
    struct hb_error error;
    char *directory = scratch_new();
    HB_AUTO_FREE char *path =
        scratch_copy(directory, "good-filter.so", BAD_PLUGINS "/good-filter.so", 0666);
    assert_int_equal(hb_loader_open(*state, path, &library, &error), HB_STATUS_FATAL);
    assert_contains(error.text, path);
    assert_contains(error.text, "can be written to by everybody");
    assert_contains(error.hint, "chmod go-w");
    chmod(path, 0644);
    if (hb_loader_open(*state, path, &library, &error) != HB_OK)
        fail_msg("%s", error.text);
    scratch_remove(directory);
}

/* The first directory's counts, also when it is broken: another would be a surprise. */
static void test_order(void **state)
{
    (void)state;
    char *directory = scratch_new();
    const char *const both[] = {directory, BAD_PLUGINS, NULL};
    HB_AUTO_FREE char *mine =
        scratch_copy(directory, "good-filter.so", BAD_PLUGINS "/good-filter.so", 0600);
    HB_AUTO_FREE char *broken = scratch_write(directory, "newer.so", "no");
    struct hb_loader *loader = hb_loader_new(both);
    const struct hb_library *library;
    struct hb_error error;
    assert_int_equal(hb_loader_find(loader, HB_KIND_FILTER, "good-filter", &library, &error),
                     HB_OK);
    assert_string_equal(library->path, mine);
    assert_int_equal(hb_loader_find(loader, HB_KIND_FILTER, "newer", &library, &error),
                     HB_STATUS_FATAL);
    assert_contains(error.text, broken);
    assert_int_equal(hb_loader_find(loader, HB_KIND_FILTER, "older", &library, &error), HB_OK);
    hb_loader_free(loader);
    scratch_remove(directory);
}

struct seen {
    size_t usable;
    size_t broken;
    size_t stop_after;
    char last[256];
};

static int count_one(void *context, const char *path, const struct hb_library *library,
                     const struct hb_error *error)
{
    struct seen *seen = context;
    const char *name = strrchr(path, '/') + 1;
    if (strncmp(path, BAD_PLUGINS "/", sizeof BAD_PLUGINS) != 0)
        return 0; /* of the installed directory, which others fill */
    assert_true(strcmp(seen->last, name) < 0);
    snprintf(seen->last, sizeof seen->last, "%s", name);
    assert_true((library == NULL) == (error != NULL));
    seen->usable += library != NULL;
    seen->broken += library == NULL;
    return seen->usable + seen->broken == seen->stop_after ? 7 : 0;
}

static void test_each(void **state)
{
    struct seen seen = {0};
    assert_int_equal(hb_loader_each(*state, 0, count_one, &seen), 0);
    assert_int_equal(seen.usable, 5);
    assert_int_equal(seen.broken, sizeof bads / sizeof *bads);
    seen = (struct seen){.stop_after = 3};
    assert_int_equal(hb_loader_each(*state, 0, count_one, &seen), 7);
    assert_int_equal(seen.usable + seen.broken, 3);
}

static void test_kinds(void **state)
{
    (void)state;
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++)
        assert_int_equal(hb_kind_of(hb_kind_name(kind)), kind);
    size_t bytes = 0;
    for (uint32_t kind = HB_KIND_FORMAT; kind <= HB_KIND_TRANSFORM; kind++) {
        assert_contains(HB_KIND_NAMES, hb_kind_name(kind));
        bytes += strlen(hb_kind_name(kind)) + (kind == HB_KIND_FORMAT ? 0 : strlen(", "));
    }
    assert_int_equal(strlen(HB_KIND_NAMES), bytes + strlen(" or ") - strlen(", "));
    assert_null(hb_kind_name(0));
    assert_null(hb_kind_name(HB_KIND_TRANSFORM + 1));
    assert_int_equal(hb_kind_of("formats"), 0);
    assert_int_equal(hb_kind_of(""), 0);
}

static void test_callbacks(void **state)
{
    const struct hb_library *library;
    struct hb_error error;
    assert_int_equal(hb_loader_find(*state, 0, "older", &library, &error), HB_OK);
    size_t provided = 0;
    for (const struct hb_callback *callback = hb_callbacks(HB_KIND_FILTER); callback->name != NULL;
         callback++)
        provided += hb_callback_provided(library->plugin, callback);
    assert_int_equal(provided, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_right),         TEST(test_bad),      TEST(test_not_found),
        TEST(test_not_a_library), TEST(test_writable), TEST(test_order),
        TEST(test_each),          TEST(test_kinds),    TEST(test_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
