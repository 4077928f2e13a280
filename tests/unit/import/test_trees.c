/* SPDX-License-Identifier: Apache-2.0 */
/* Which directories are missing, what is staged in trees, and that there is a limit to it. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "import/trees.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char *directory;
    struct hb_root home;
    struct hb_stage stage;
    struct hb_catalog catalog;
    struct hb_restore_plan plan;
    struct hb_chain contents; /* none */
    struct hb_trees trees;
    struct hb_error error;
    unsigned workers; /* 0: one */
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    assert_int_equal(hb_root_open(fixture->directory, &fixture->home), 0);
    assert_int_equal(hb_stage_open(fixture->directory, &fixture->stage, NULL, &fixture->error),
                     HB_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_trees_clear(&fixture->trees);
    hb_restore_plan_clear(&fixture->plan);
    hb_catalog_clear(&fixture->catalog);
    hb_stage_close(&fixture->stage);
    hb_root_close(&fixture->home);
    scratch_remove(fixture->directory);
    free(fixture);
    return 0;
}

static size_t add(struct fixture *fixture, uint32_t type, const char *path)
{
    const struct hb_entry entry = {.size = sizeof entry,
                                   .type = type,
                                   .path = path,
                                   .path_bytes = strlen(path),
                                   .mode = type == HB_TYPE_DIRECTORY ? 0750 : 0640,
                                   .flags = HB_ENTRY_HAS_MODE};
    return hb_catalog_add(&fixture->catalog, &entry, NULL);
}

static void plan(struct fixture *fixture, bool allowed)
{
    fixture->plan.catalog = &fixture->catalog;
    hb_restore_plan_begin(&fixture->plan, &fixture->contents);
    for (size_t i = 0; i < fixture->plan.count; i++)
        fixture->plan.rows[i].action = HB_SELECTED;
    fixture->trees.plan = &fixture->plan;
    fixture->trees.stage = &fixture->stage;
    fixture->trees.umask = 022;
    fixture->trees.workers = fixture->workers;
    hb_trees_plan(&fixture->trees, &fixture->home, allowed);
}

static void make(const struct fixture *fixture, const char *name)
{
    HB_AUTO_FREE char *path = scratch_path(fixture->directory, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void test_what_is_missing(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "there");
    make(fixture, "there/old");
    size_t top = add(fixture, HB_TYPE_FILE, "top");
    size_t old = add(fixture, HB_TYPE_FILE, "there/old/x");
    size_t deep = add(fixture, HB_TYPE_FILE, "there/new/deep/x");
    size_t made = add(fixture, HB_TYPE_DIRECTORY, "made");
    size_t in_made = add(fixture, HB_TYPE_FILE, "made/x");
    size_t odd = add(fixture, HB_TYPE_FILE, "made/x/below"); /* and made/x is a file */
    size_t there = add(fixture, HB_TYPE_DIRECTORY, "there");
    plan(fixture, true);
    assert_int_equal(fixture->trees.tree_count, 2);
    assert_null(hb_trees_parent(&fixture->trees, top));
    assert_false(hb_trees_hold(&fixture->trees, top));
    assert_false(hb_trees_hold(&fixture->trees, old));
    assert_false(hb_trees_parent(&fixture->trees, old)->missing);
    assert_true(hb_trees_hold(&fixture->trees, deep));
    assert_true(hb_trees_parent(&fixture->trees, deep)->missing);
    assert_true(hb_trees_directory(&fixture->trees, made)->missing);
    assert_false(hb_trees_directory(&fixture->trees, there)->missing);
    assert_false(hb_trees_hold(&fixture->trees, in_made));
    assert_true(hb_trees_hold(&fixture->trees, odd));
}

static void test_not_allowed(void **state)
{
    struct fixture *fixture = *state;
    size_t in_made = add(fixture, HB_TYPE_FILE, "made/x");
    plan(fixture, false);
    assert_int_equal(fixture->trees.tree_count, 0);
    assert_false(hb_trees_hold(&fixture->trees, in_made));
    assert_true(hb_trees_parent(&fixture->trees, in_made)->missing);
}

static void test_what_cannot_be_made_there(void **state)
{
    struct fixture *fixture = *state;
    struct hb_tree_place place = {.fd = -1};
    size_t first = add(fixture, HB_TYPE_FILE, "made/a/x");
    size_t second = add(fixture, HB_TYPE_FILE, "made/b/x");
    plan(fixture, true);
    assert_int_equal(unlinkat(fixture->stage.fd, "t0/a", AT_REMOVEDIR), 0);
    HB_AUTO_FREE char *blocked = scratch_write(fixture->stage.path, "t0/a", "in the way");
    HB_AUTO_CLOSE int none = hb_trees_create(&fixture->trees, &place, first);
    assert_true(none < 0);
    assert_false(hb_trees_hold(&fixture->trees, first));
    HB_AUTO_CLOSE int fd = hb_trees_create(&fixture->trees, &place, second);
    assert_true(fd >= 0);
    assert_true(hb_trees_hold(&fixture->trees, second));
    hb_tree_place_clear(&place);
    hb_trees_complete(&fixture->trees);
    /* What is not in it comes later, and changes its time. */
    assert_true(hb_trees_parent(&fixture->trees, first)->unfinished);
    assert_false(hb_trees_parent(&fixture->trees, second)->unfinished);
}

enum { WIDE = 300, DEEP = 100, BOTH = WIDE + DEEP };

/* The files of directories that lie beside each other, and within each other. */
static void add_wide_and_deep(struct fixture *fixture, size_t *files)
{
    char path[3 * DEEP + 20] = "new/deep";
    size_t bytes = strlen(path);
    for (int i = 0; i < WIDE; i++) {
        HB_AUTO_FREE char *wide = hb_text("new/wide/%d/x", i);
        files[i] = add(fixture, HB_TYPE_FILE, wide);
    }
    for (int i = 0; i < DEEP; i++) {
        memcpy(path + bytes, "/d", 3);
        bytes += 2;
        HB_AUTO_FREE char *deep = hb_text("%s/x", path);
        files[WIDE + i] = add(fixture, HB_TYPE_FILE, deep);
    }
}

/* They are made by another thread: each file finds its directory, also if the last one comes first.
 */
static void test_directories_are_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct hb_tree_place place = {.fd = -1};
    size_t files[BOTH];
    add_wide_and_deep(fixture, files);
    fixture->workers = 3;
    plan(fixture, true);
    for (size_t i = BOTH; i-- > 0;) {
        HB_AUTO_CLOSE int fd = hb_trees_create(&fixture->trees, &place, files[i]);
        assert_true(fd >= 0);
    }
    hb_tree_place_clear(&place);
    hb_trees_filled(&fixture->trees, true);
    hb_trees_complete(&fixture->trees);
    for (size_t i = 0; i < BOTH; i++) {
        assert_true(hb_trees_hold(&fixture->trees, files[i]));
        assert_false(hb_trees_parent(&fixture->trees, files[i])->unfinished);
    }
}

/* One that cannot be made: its files, and those further down, are staged elsewhere. */
static void test_one_of_them_cannot_be_made(void **state)
{
    struct fixture *fixture = *state;
    struct hb_tree_place place = {.fd = -1};
    size_t first = add(fixture, HB_TYPE_FILE, "new/x");
    HB_AUTO_FREE char *name = hb_alloc(301);
    memset(name, 'n', 300); /* longer than a file system has them */
    HB_AUTO_FREE char *long_path = hb_text("new/%s/below/x", name);
    size_t second = add(fixture, HB_TYPE_FILE, long_path);
    fixture->workers = 2;
    plan(fixture, true);
    HB_AUTO_CLOSE int fd = hb_trees_create(&fixture->trees, &place, first);
    HB_AUTO_CLOSE int none = hb_trees_create(&fixture->trees, &place, second);
    hb_tree_place_clear(&place);
    hb_trees_filled(&fixture->trees, true);
    assert_true(fd >= 0 && none < 0);
    assert_true(hb_trees_hold(&fixture->trees, first));
    assert_false(hb_trees_hold(&fixture->trees, second));
}

/* An import that fails makes no more of them. */
static void test_they_are_not_needed(void **state)
{
    struct fixture *fixture = *state;
    size_t files[BOTH];
    add_wide_and_deep(fixture, files);
    fixture->workers = 2;
    plan(fixture, true);
    hb_trees_filled(&fixture->trees, false);
    assert_null(fixture->trees.making);
}

/* An archive of nothing but directories takes no more memory than one with few. */
static void test_too_many(void **state)
{
    struct fixture *fixture = *state;
    enum { MANY = (1 << 18) + 1 };
    for (int i = 0; i < MANY; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d/x", i);
        add(fixture, HB_TYPE_FILE, path);
    }
    plan(fixture, true);
    assert_int_equal(fixture->trees.tree_count, 0);
    assert_int_equal(fixture->trees.directory_count, 0);
    assert_null(fixture->trees.directories);
    assert_null(hb_trees_parent(&fixture->trees, 5));
    assert_null(hb_trees_directory(&fixture->trees, 5));
    assert_false(hb_trees_hold(&fixture->trees, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_made_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_directories_are_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_of_them_cannot_be_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_they_are_not_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
