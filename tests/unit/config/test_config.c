/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a whole: file, --set, plugins' options, and what is said when it is wrong.
 */
#include "base/memory.h"
#include "config/config.h"
#include "config/config_load.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PLUGINS "[plugins]\npath = " BAD_PLUGINS "\n"

static int set_up(void **state)
{
    unsetenv("HBCORE_CONFIG");
    *state = scratch_new();
    setenv("HOME", *state, 1);
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(*state);
    return 0;
}

static struct hb_config *expect_right(const char *path, const char *const *sets)
{
    struct caught caught = {0};
    struct hb_config *config = NULL;
    int status = hb_config_load(path, sets, catch_error, &caught, &config);
    if (status != HB_OK)
        fail_msg("%s", caught.errors[0].text);
    assert_int_equal(caught.count, 0);
    return config;
}

static void expect_errors(const char *path, const char *const *sets, struct caught *caught)
{
    struct hb_config *config = NULL;
    caught->count = 0;
    if (hb_config_load(path, sets, catch_error, caught, &config) != HB_STATUS_FATAL)
        fail_msg("%s was taken", path);
    assert_null(config);
    assert_true(caught->count > 0);
}

/* One error in a file of this text: where, why, and what to do. */
static void expect_error(const char *directory, const char *text, unsigned line, const char *why,
                         const char *hint)
{
    struct caught caught;
    HB_AUTO_FREE char *path = scratch_write(directory, "x.ini", text);
    HB_AUTO_FREE char *where = hb_text("%s:%u: ", path, line);
    expect_errors(path, NULL, &caught);
    if (caught.count != 1)
        for (size_t i = 0; i < caught.count; i++)
            print_error("%s\n", caught.errors[i].text);
    assert_int_equal(caught.count, 1);
    assert_contains(caught.errors[0].text, where);
    assert_contains(caught.errors[0].text, why);
    assert_contains(caught.errors[0].hint, hint);
}

static void test_defaults(void **state)
{
    struct hb_config *config = expect_right(NULL, NULL);
    if (hb_config_path(config) == NULL) { /* else this machine has one in /etc */
        assert_string_equal(hb_config_backup(config)->prefix, "backup-");
        assert_int_equal(hb_config_backup(config)->window, 24 << 20);
        assert_null(hb_config_import(config)->markers[0]);
        assert_null(hb_config_next(config, HB_KIND_FILTER, NULL));
        const bool *store_links = &hb_config_backup(config)->store_links;
        assert_false(*store_links);
        assert_null(hb_section_origin(hb_config_section(config, "backup"), store_links));
    }
    hb_config_free(config);
    (void)state;
}

static void test_whole_file(void **state)
{
    HB_AUTO_FREE char *path =
        scratch_write(*state, "x.ini",
                      "[filter:second]\nplugin = good-filter\nlevel = 3\non = import\n"
                      "[backup]\nworkers = 4\nlinks = store\n"
                      "[filter:good-filter]\nglobs = a\n  b\n  \"c d\"\ntitle = one\n  two\n"
                      "[format:zipped]\nplugin = good-format\n" PLUGINS);
    struct hb_config *config = expect_right(path, NULL);
    assert_string_equal(hb_config_path(config), path);
    assert_int_equal(hb_config_backup(config)->workers, 4);
    assert_int_equal(hb_config_backup(config)->store_links, true);
    const struct hb_section *first = hb_config_next(config, HB_KIND_FILTER, NULL);
    const struct hb_section *second = hb_config_next(config, HB_KIND_FILTER, first);
    assert_string_equal(first->name, "filter:second");
    assert_string_equal(first->label, "second");
    assert_string_equal(first->library->plugin->name, "good-filter");
    assert_int_equal(first->settings.values[0]->number, 3);
    assert_int_equal(first->common.values[1]->list_count, 1);
    assert_string_equal(first->common.values[1]->list[0], "import");
    assert_string_equal(second->name, "filter:good-filter");
    assert_ptr_equal(second->library, first->library);
    assert_int_equal(second->settings.values[0]->number, 6);
    assert_int_equal(second->settings.values[0]->is_set, 0);
    assert_int_equal(second->settings.values[1]->list_count, 3);
    assert_string_equal(second->settings.values[1]->list[2], "c d");
    assert_string_equal(second->settings.values[2]->text, "one two");
    assert_string_equal(second->settings.section, "filter:good-filter");
    assert_null(hb_config_next(config, HB_KIND_FILTER, second));
    assert_non_null(hb_config_section(config, "format:zipped"));
    assert_null(hb_config_section(config, "format:none"));
    hb_config_free(config);
}

static void test_unknown(void **state)
{
    expect_error(*state, "[backup]\nfromat = zip\n", 2, "unknown key 'fromat' in [backup]",
                 "did you mean 'format'?");
    expect_error(*state, "[plugins]\nqqqqqqqqqq = zip\n", 2, "unknown key", "valid keys are: path");
    expect_error(*state, "\n[bakcup]\n", 2, "unknown section [bakcup]", "did you mean [backup]?");
    expect_error(*state, "[fliter:x]\n", 1, "unknown section [fliter:x]", "[filter:x]?");
    expect_error(*state, "[filter]\n", 1, "unknown section [filter]", "[filter:LABEL]?");
    expect_error(*state, "[ backup ]\n", 1, "unknown section [ backup ]", "[backup]?");
    expect_error(*state, "[zzzzzzzzzzzz]\n", 1, "unknown section", "[KIND:LABEL]");
    expect_error(*state, "[filter:]\n", 1, "no label after the ':'", "in a label");
    expect_error(*state, "[filter:a b]\n", 1, "an invalid label", "in a label");
    expect_error(*state, "[store:My_Box]\n", 1, "the label of a store begins its URLs",
                 "letters, digits, '+', '-' and '.'");
    expect_error(*state, "[store:3s]\n", 1, "an invalid label", "begin it with a letter");
    expect_error(*state, "[store:]\n", 1, "no label", "begin it with a letter");
    expect_error(*state, "[store:File]\n", 1, "file:// is reserved", "another label");
    expect_error(*state, "[backup]\ndirectory = My_Box://n\n", 2, "is no URL", "");
    expect_error(*state, "[preset:x]\ndirectory = My_Box://n\n", 2, "is no URL", "");
    expect_error(*state, PLUGINS "[filter:good-filter]\nlevle = 3\n", 4, "unknown key 'levle'",
                 "did you mean 'level'?");
    expect_error(*state, PLUGINS "[filter:x]\nplugin = good-fliter\n", 4,
                 "plugin 'good-fliter' not found", "did you mean 'good-filter'?");
    expect_error(*state, PLUGINS "[filter:good-fitler]\n", 3, "plugin 'good-fitler' not found",
                 "did you mean 'good-filter'?");
    expect_error(*state, PLUGINS "[format:x]\nplugin = good-filter\n", 4, "this is a filter plugin",
                 "");
    expect_error(*state, PLUGINS "[filter:wrong-abi]\n", 3, "wrong-abi.so: made for ABI 99", "");
}

static void test_bad_values(void **state)
{
    expect_error(*state, "[backup]\nworkers = 300\n", 2,
                 "workers: 300 is neither within 0 to 256 nor auto", "");
    expect_error(*state, "[backup]\nworkers = four\n", 2,
                 "workers: 'four' is neither a whole number nor auto", "");
    expect_error(*state, "[backup]\nlinks = stroe\n", 2, "not one of: skip, store", "'store'");
    expect_error(*state, "[import]\nmarkers = \"a\n", 2, "not closed", "");
    expect_error(*state, PLUGINS "[filter:good-filter]\nlevel = 10\n", 4, "10 is not within 0 to 9",
                 "");
    expect_error(*state, PLUGINS "[filter:good-filter]\non = backpu\n", 4, "'backpu' is not one of",
                 "'backup'");
    expect_error(*state, PLUGINS "[format:good-format]\non = backup\n", 4, "always asked",
                 "remove");
    expect_error(*state, "[plugins]\npath = plugins\n", 2, "'plugins' is not an absolute path",
                 "/");
    expect_error(*state, PLUGINS "[filter:x]\nplugin = ./good-filter.so\n", 4,
                 "not an absolute path", "current directory");
}

static void test_continued(void **state)
{
    expect_error(*state, "[backup]\nworkers = 1\n  2\n", 3, "'2' continues the value of 'workers'",
                 "only lists and texts");
    expect_error(*state, "[import]\nmarkers = a\n  ask-if = b\n", 3,
                 "part of the value of 'markers'", "blanks before the key 'ask-if'");
    expect_error(*state, "[import]\nmarkers = a\n  ask-if: b\n", 3, "part of the value",
                 "'ask-if'");
    expect_error(*state, "[import]\nmarkers = a\n  wrapers = b\n", 3, "part of the value",
                 "'wrappers'");
    HB_AUTO_FREE char *path =
        scratch_write(*state, "x.ini", "[import]\nmarkers = a\n  zzzz=b\n  c:d\n  #comment\n");
    struct hb_config *config = expect_right(path, NULL);
    assert_string_equal(hb_config_import(config)->markers[1], "zzzz=b");
    assert_string_equal(hb_config_import(config)->markers[2], "c:d");
    assert_null(hb_config_import(config)->markers[3]);
    hb_config_free(config);
}

static void test_all_errors_in_order(void **state)
{
    struct caught caught;
    HB_AUTO_FREE char *path = scratch_write(
        *state, "x.ini", "[backup]\nformt = zip\nword\nworkers = x\n[home\n[filter:none]\n[hom]\n");
    static const char *const sets[] = {"backup.links=x", NULL};
    static const char *const wanted[] = {":2: unknown key",     ":3: 'word'", ":4: workers",
                                         ":5: [home",           ":6: plugin", ":7: unknown section",
                                         "--set backup.links: "};
    expect_errors(path, sets, &caught);
    assert_int_equal(caught.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < caught.count; i++)
        assert_contains(caught.errors[i].text, wanted[i]);
}

static void test_many_errors(void **state)
{
    static char text[4000];
    struct caught caught;
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 2 == 0 ? 'x' : '\n';
    HB_AUTO_FREE char *path = scratch_write(*state, "x.ini", text);
    expect_errors(path, NULL, &caught);
    assert_int_equal(caught.count, 201);
    assert_contains(caught.errors[200].text, "and 1800 more");
}

static void test_set(void **state)
{
    HB_AUTO_FREE char *path =
        scratch_write(*state, "x.ini", "[backup]\nworkers = 2\nformat = zip\n" PLUGINS);
    static const char *const sets[] = {"backup.workers=3",       "backup.workers= 4 ",
                                       "backup.prefix=a.b=c ;d", "filter:x.y.plugin=good-filter",
                                       "filter:x.y.level=9",     NULL};
    struct hb_config *config = expect_right(path, sets);
    assert_int_equal(hb_config_backup(config)->workers, 4);
    assert_string_equal(hb_config_backup(config)->prefix, "a.b=c ;d");
    const struct hb_section *backup = hb_config_section(config, "backup");
    assert_string_equal(hb_section_origin(backup, &hb_config_backup(config)->workers), "--set");
    const char *format = hb_section_origin(backup, &hb_config_backup(config)->format);
    assert_contains(format, "x.ini:3");
    assert_null(hb_section_origin(backup, &hb_config_backup(config)->window));
    const struct hb_section *section = hb_config_next(config, HB_KIND_FILTER, NULL);
    assert_string_equal(section->name, "filter:x.y");
    assert_int_equal(section->settings.values[0]->number, 9);
    hb_config_free(config);
}

static void expect_set_error(const char *directory, const char *set, const char *why)
{
    struct caught caught;
    HB_AUTO_FREE char *path = scratch_write(directory, "x.ini", "");
    const char *const sets[] = {set, NULL};
    expect_errors(path, sets, &caught);
    assert_int_equal(caught.count, 1);
    assert_contains(caught.errors[0].text, why);
    assert_contains(caught.errors[0].text, "--set");
}

static void test_bad_set(void **state)
{
    expect_set_error(*state, "backup.workers", "it has no '='");
    expect_set_error(*state, "workers=1", "no SECTION.KEY");
    expect_set_error(*state, ".workers=1", "no SECTION.KEY");
    expect_set_error(*state, "backup.=1", "no SECTION.KEY");
    expect_set_error(*state, "backup.workers=1\n2", "control character");
    expect_set_error(*state, "backup.wokers=1", "--set backup.wokers: unknown key 'wokers'");
    expect_set_error(*state, "bakcup.workers=1", "unknown section [bakcup]");
    expect_set_error(*state, "backup.workers=-1", "-1 is neither within 0 to 256 nor auto");
    expect_set_error(*state, "filter:none.level=1", "plugin 'none' not found");
}

static void expect_file_error(const char *path, const char *why)
{
    struct caught caught;
    expect_errors(path, NULL, &caught);
    assert_int_equal(caught.count, 1);
    assert_contains(caught.errors[0].text, path);
    assert_contains(caught.errors[0].text, why);
}

static void test_files(void **state)
{
    HB_AUTO_FREE char *missing = scratch_path(*state, "missing.ini");
    HB_AUTO_FREE char *open_to_all = scratch_write(*state, "open.ini", "");
    expect_file_error(missing, "No such file or directory");
    expect_file_error(*state, "this is a directory");
    chmod(open_to_all, 0666);
    expect_file_error(open_to_all, "written to by everybody");
    hb_config_free(expect_right("/dev/null", NULL));
    char *large = hb_alloc((1 << 20) + 2);
    memset(large, '\n', (1 << 20) + 1);
    HB_AUTO_FREE char *too_large = scratch_write(*state, "large.ini", large);
    free(large);
    expect_file_error(too_large, "larger than 1 MiB");
}

static void test_places(void **state)
{
    HB_AUTO_FREE char *dot = scratch_path(*state, ".config");
    HB_AUTO_FREE char *folder = scratch_path(*state, ".config/hbcore");
    mkdir(dot, 0700);
    mkdir(folder, 0700);
    HB_AUTO_FREE char *own = scratch_write(folder, "hbcore.ini", "[backup]\nworkers = 1\n");
    HB_AUTO_FREE char *named = scratch_write(*state, "named.ini", "[backup]\nworkers = 2\n");
    HB_AUTO_FREE char *given = scratch_write(*state, "given.ini", "[backup]\nworkers = 3\n");
    struct hb_config *config = expect_right(NULL, NULL);
    assert_string_equal(hb_config_path(config), own);
    hb_config_free(config);
    setenv("HBCORE_CONFIG", named, 1);
    config = expect_right(NULL, NULL);
    assert_int_equal(hb_config_backup(config)->workers, 2);
    hb_config_free(config);
    config = expect_right(given, NULL);
    assert_int_equal(hb_config_backup(config)->workers, 3);
    hb_config_free(config);
    setenv("HBCORE_CONFIG", "/nowhere/x.ini", 1);
    struct caught caught;
    expect_errors(NULL, NULL, &caught);
    assert_contains(caught.errors[0].text, "/nowhere/x.ini: No such file");
}

static void test_tilde(void **state)
{
    HB_AUTO_FREE char *copy =
        scratch_copy(*state, "good-filter.so", BAD_PLUGINS "/good-filter.so", 0600);
    HB_AUTO_FREE char *path = scratch_write(*state, "x.ini",
                                            "[plugins]\npath = ~\n[filter:good-filter]\n"
                                            "[filter:two]\nplugin = ~/good-filter.so\n");
    struct hb_config *config = expect_right(path, NULL);
    const struct hb_section *section = hb_config_next(config, HB_KIND_FILTER, NULL);
    assert_string_equal(section->library->path, copy);
    assert_ptr_equal(hb_config_next(config, HB_KIND_FILTER, section)->library, section->library);
    hb_config_free(config);
}

struct origins {
    char text[8192];
};

static void note_origin(void *context, const struct hb_section *section,
                        const struct hb_option *option, const struct hb_value *value,
                        const char *origin)
{
    struct origins *origins = context;
    const char *base = strrchr(origin, '/');
    size_t used = strlen(origins->text);
    snprintf(origins->text + used, sizeof origins->text - used, "%s.%s=%s (%s)\n", section->name,
             option->key, value->text, base == NULL ? origin : base + 1);
}

static void test_origins(void **state)
{
    HB_AUTO_FREE char *path = scratch_write(
        *state, "x.ini", PLUGINS "[filter:good-filter]\nlevel = 2\n[backup]\nworkers = 2\n");
    static const char *const sets[] = {"backup.links=store", NULL};
    struct hb_config *config = expect_right(path, sets);
    struct origins origins = {{0}};
    hb_config_each(config, note_origin, &origins);
    assert_contains(origins.text, "backup.prefix=backup- (default)\n");
    assert_contains(origins.text, "backup.workers=2 (x.ini:6)\n");
    assert_contains(origins.text, "backup.links=store (--set)\n");
    assert_contains(origins.text, "filter:good-filter.on=backup import (default)\n");
    assert_contains(origins.text, "filter:good-filter.level=2 (x.ini:4)\n");
    hb_config_free(config);
}

static void test_default_section(void **state)
{
    HB_AUTO_FREE char *path = scratch_write(*state, "x.ini", PLUGINS);
    struct hb_config *config = expect_right(path, NULL);
    const struct hb_library *library;
    struct hb_error error;
    assert_int_equal(
        hb_loader_find(hb_config_loader(config), HB_KIND_FORMAT, "good-format", &library, &error),
        HB_OK);
    struct hb_section *section = hb_section_default(library);
    assert_string_equal(section->name, "format:good-format");
    assert_string_equal(section->label, "good-format");
    assert_int_equal(section->settings.count, 3);
    assert_int_equal(section->settings.values[0]->number, 6);
    hb_section_free(section);
    hb_config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),    TEST(test_whole_file),
        TEST(test_unknown),     TEST(test_bad_values),
        TEST(test_continued),   TEST(test_all_errors_in_order),
        TEST(test_many_errors), TEST(test_set),
        TEST(test_bad_set),     TEST(test_files),
        TEST(test_places),      TEST(test_tilde),
        TEST(test_origins),     TEST(test_default_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
