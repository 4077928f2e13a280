/* SPDX-License-Identifier: Apache-2.0 */
/* Places that files are restored to: what is in the way, what is newer, what neighbours share. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "restore/target.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char *directory;
    struct hb_run run;
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    hb_run_init(&fixture->run, NULL);
    assert_int_equal(hb_root_open(fixture->directory, &fixture->run.home), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_run_clear(&fixture->run);
    scratch_remove(fixture->directory);
    free(fixture);
    return 0;
}

static int resolve(struct fixture *fixture, const char *path, struct hb_place *place)
{
    return hb_target_resolve(&fixture->run, path, 0, place);
}

static void test_what_is_in_the_way(void **state)
{
    struct fixture *fixture = *state;
    int fd = fixture->run.home.fd;
    struct hb_place place;
    free(scratch_write(fixture->directory, "file", ""));
    assert_int_equal(symlinkat("file", fd, "link"), 0);
    assert_int_equal(mkdirat(fd, "directory", 0700), 0);
    assert_int_equal(mkfifoat(fd, "pipe", 0600), 0);
    static const struct {
        const char *path, *obstacle;
    } rows[] = {{"nothing", NULL},
                {"file", NULL},
                {"link", NULL},
                {"directory", "directory"},
                {"pipe", "pipe"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(resolve(fixture, rows[i].path, &place), 0);
        const char *obstacle = hb_target_obstacle(&place);
        if ((obstacle == NULL) != (rows[i].obstacle == NULL) ||
            (obstacle != NULL && strstr(obstacle, rows[i].obstacle) == NULL))
            fail_msg("%s: %s", rows[i].path, obstacle == NULL ? "nothing" : obstacle);
        hb_place_clear(&place);
    }
    place = (struct hb_place){.directory_fd = -1};
    assert_int_equal(hb_target_resolve(&fixture->run, "link", HB_KEEP_LAST, &place), 0);
    assert_null(hb_target_obstacle(&place)); /* a link is replaced like a file */
    hb_place_clear(&place);
}

static void test_a_stage_is_no_place(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place place;
    static const char stage[] = ".hbcore-stage-0123456789abcdef";
    assert_int_equal(mkdirat(fixture->run.home.fd, stage, 0700), 0);
    assert_int_equal(symlinkat(stage, fixture->run.home.fd, "link"), 0);
    assert_int_equal(resolve(fixture, "link/file", &place), -EBADMSG);
    hb_place_clear(&place);
    assert_int_equal(resolve(fixture, "other/file", &place), 0);
    hb_place_clear(&place);
}

static void test_newer_to_the_nanosecond(void **state)
{
    static const struct {
        struct timespec there;
        bool newer;
    } rows[] = {{{99, 999}, false},
                {{100, 49}, false},
                {{100, 50}, false},
                {{100, 51}, true},
                {{101, 0}, true}};
    const struct timespec since = {100, 50};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hb_place place = {.exists = true};
        place.status.st_mode = S_IFREG | 0600;
        place.status.st_mtim = rows[i].there;
        if (hb_target_is_newer(&place, &since) != rows[i].newer)
            fail_msg("row %zu", i);
        place.status.st_mode = S_IFDIR | 0700;
        assert_false(hb_target_is_newer(&place, &since));
        place.exists = false;
        place.status.st_mode = S_IFREG;
        assert_false(hb_target_is_newer(&place, &since));
    }
}

static void remember(struct fixture *fixture, struct hb_last_target *last, const char *path)
{
    struct hb_place place;
    assert_int_equal(hb_target_resolve(&fixture->run, path, 0, &place), 0);
    hb_target_remember(last, path, &place);
    hb_place_clear(&place);
}

/* Is it found beside the last one, at that path? */
static void expect_beside(struct fixture *fixture, const struct hb_last_target *last,
                          const char *path, const char *expected)
{
    struct hb_place place = {.directory_fd = -1};
    bool beside = hb_target_beside(&fixture->run, last, path, &place);
    if (beside != (expected != NULL) || (beside && strcmp(place.path, expected) != 0))
        fail_msg("%s: %s", path, beside ? place.path : "not beside");
    hb_place_clear(&place);
}

static void test_neighbours(void **state)
{
    struct fixture *fixture = *state;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    expect_beside(fixture, &last, "a/b", NULL);
    remember(fixture, &last, "a/b");
    expect_beside(fixture, &last, "a/c", "a/c");
    expect_beside(fixture, &last, "a/c/d", NULL);
    expect_beside(fixture, &last, "ab/c", NULL);
    expect_beside(fixture, &last, "c", NULL);
    assert_int_equal(symlinkat("c", fixture->run.home.fd, "a/link"), 0);
    expect_beside(fixture, &last, "a/link", NULL); /* a link has to be followed */
    remember(fixture, &last, "top");
    expect_beside(fixture, &last, "other", "other");
    expect_beside(fixture, &last, "a/c", NULL);
    hb_last_target_clear(&last);
}

/* What lies behind a link says nothing of its neighbours. */
static void test_no_neighbours_behind_a_link(void **state)
{
    struct fixture *fixture = *state;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    assert_int_equal(mkdirat(fixture->run.home.fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", fixture->run.home.fd, "link"), 0);
    remember(fixture, &last, "link/a");
    expect_beside(fixture, &last, "link/b", NULL);
    hb_last_target_clear(&last);
}

static void test_names_are_what_they_are_called(void **state)
{
    struct fixture *fixture = *state;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    struct hb_place place;
    free(scratch_write(fixture->directory, "File", ""));
    assert_int_equal(resolve(fixture, "File", &place), 0);
    assert_null(hb_target_is_folded(&fixture->run, &last, &place));
    hb_place_clear(&place);
    hb_last_target_clear(&last);
}

static void test_a_rename_replaces(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place place;
    struct stat before, after;
    HB_AUTO_FREE char *new = scratch_write(fixture->directory, "new", "new");
    free(scratch_write(fixture->directory, "old", "old"));
    assert_int_equal(stat(new, &before), 0);
    assert_int_equal(resolve(fixture, "old", &place), 0);
    assert_int_equal(hb_target_rename(fixture->run.home.fd, "new", &place), 0);
    assert_int_equal(fstatat(place.directory_fd, "old", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(hb_target_rename(fixture->run.home.fd, "new", &place), -ENOENT);
    HB_AUTO_CLOSE int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hb_target_rename(proc, "status", &place), -ENOTSUP); /* another file system */
    hb_place_clear(&place);
}

/* 0700 first, whatever it is to have in the end. */
static void test_a_directory_is_made_closed(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place place;
    struct stat status;
    assert_int_equal(resolve(fixture, "made", &place), 0);
    assert_int_equal(hb_target_make_directory_for(&place, 0755), 0);
    assert_int_equal(fstatat(place.directory_fd, "made", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(hb_target_make_directory(&place), -EEXIST);
    hb_place_clear(&place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_in_the_way),
        TEST(test_a_stage_is_no_place),
        cmocka_unit_test(test_newer_to_the_nanosecond),
        TEST(test_neighbours),
        TEST(test_no_neighbours_behind_a_link),
        TEST(test_names_are_what_they_are_called),
        TEST(test_a_rename_replaces),
        TEST(test_a_directory_is_made_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
