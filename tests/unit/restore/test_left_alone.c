/* SPDX-License-Identifier: Apache-2.0 */
/* What an import had for a file that somebody has changed: beside it, over nothing, open to nobody
 * more. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "restore/left_alone.h"
#include "restore/target.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

struct fixture {
    char *directory;
    struct hb_run run;
    struct hb_place place; /* of "f" */
};

static void look(struct fixture *fixture)
{
    hb_place_clear(&fixture->place);
    assert_int_equal(hb_target_resolve(&fixture->run, "f", 0, &fixture->place), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    hb_run_init(&fixture->run, NULL);
    assert_int_equal(hb_root_open(fixture->directory, &fixture->run.home), 0);
    free(scratch_write(fixture->directory, "f", "his"));
    fixture->place = (struct hb_place){.directory_fd = -1};
    look(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_place_clear(&fixture->place);
    hb_run_clear(&fixture->run);
    scratch_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* The staged file gets that name and mode. */
static void expect_kept(struct fixture *fixture, uint32_t mode, const char *name, uint32_t expected)
{
    struct stat status;
    char *kept = NULL;
    free(scratch_write(fixture->directory, "staged", "ours"));
    assert_int_equal(
        hb_keep_beside(&fixture->run, fixture->run.home.fd, "staged", &fixture->place, mode, &kept),
        0);
    assert_string_equal(kept, name);
    assert_int_equal(fstatat(fixture->run.home.fd, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode & 07777, expected);
    assert_int_equal(status.st_size, 4);
    free(kept);
}

static void test_names(void **state)
{
    struct fixture *fixture = *state;
    int fd = fixture->run.home.fd;
    struct stat status;
    expect_kept(fixture, 0600, "f.from-import", 0600);
    expect_kept(fixture, 0600, "f.from-import.2", 0600);
    assert_int_equal(symlinkat("nothing", fd, "f.from-import.3"), 0);
    assert_int_equal(mkdirat(fd, "f.from-import.4", 0700), 0);
    expect_kept(fixture, 0600, "f.from-import.5", 0600);
    assert_int_equal(fstatat(fd, "f", &status, 0), 0);
    assert_int_equal(status.st_size, 3); /* his stays */
    char *kept;
    assert_int_equal(hb_keep_beside(&fixture->run, fd, "missing", &fixture->place, 0600, &kept),
                     -ENOENT);
    assert_null(kept);
}

/* A name that is as long as one can be is cut. */
static void test_a_long_name(void **state)
{
    struct fixture *fixture = *state;
    char name[256], expected[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    memcpy(expected, name, sizeof name);
    memcpy(expected + 255 - 12, ".from-import", 12);
    hb_place_clear(&fixture->place);
    assert_int_equal(hb_target_resolve(&fixture->run, name, 0, &fixture->place), 0);
    expect_kept(fixture, 0600, expected, 0600);
}

static void test_no_more_than_the_file(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fchmodat(fixture->run.home.fd, "f", 0640, 0), 0);
    look(fixture);
    expect_kept(fixture, 0666, "f.from-import", 0640);
    expect_kept(fixture, 0604, "f.from-import.2", 0600);
    unlinkat(fixture->run.home.fd, "f", 0);
    look(fixture);
    expect_kept(fixture, 0644, "f.from-import.3", 0644); /* nothing is there to go by */
}

/* The bits of the group are the list's mask: nobody in the group may have as much. */
static void test_no_more_than_a_list(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *path = scratch_path(fixture->directory, "f");
    char *kept;
    struct stat status;
    if (!scratch_give_list(path))
        skip(); /* a file system without lists */
    look(fixture);
    assert_int_equal(fixture->place.status.st_mode & 0777, 0660);
    free(scratch_write(fixture->directory, "staged", "ours"));
    assert_int_equal(
        hb_keep_beside(&fixture->run, fixture->run.home.fd, "staged", &fixture->place, 0666, &kept),
        0);
    HB_AUTO_FREE char *beside = scratch_path(fixture->directory, kept);
    free(kept);
    assert_int_equal(stat(beside, &status), 0);
    if (getxattr(beside, "system.posix_acl_access", NULL, 0) <= 0)
        assert_int_equal(status.st_mode & 0777, 0600);
    else /* with the list of the file the mask limits it */
        assert_int_equal(status.st_mode & 07, 0);
}

static void test_no_more_than_was_noted(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place *place = &fixture->place;
    struct hb_target_note note = hb_target_note_of(&place->status, true);
    note.mode = 0640;
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0640);
    place->status.st_ino++; /* another file: the list that the first one had went with it */
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0600);
    note.inode = 0; /* which is not known here */
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0640);
    place->status.st_mode = S_IFDIR | 0755;
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0600);
    place->exists = false;
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0600);
    note = hb_target_note_of(NULL, true); /* nothing was there: nothing limits it */
    assert_int_equal(hb_beside_mode(place, &note, 0666), 0666);
}

/* Behind a link, no more than what it leads to. */
static void test_no_more_than_behind_a_link(void **state)
{
    struct fixture *fixture = *state;
    struct hb_target_note note = hb_target_note_of(NULL, true);
    assert_int_equal(hb_beside_mode(&fixture->place, &note, 0666), 0666);
    fixture->place.through_link = true;
    assert_int_equal(hb_beside_mode(&fixture->place, &note, 0666), 0600);
}

static void test_below_what_took_the_name(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place place;
    assert_int_equal(hb_resolve_beside(&fixture->run, "f/a/b", &place), 0);
    assert_string_equal(place.path, "f.from-import/a/b");
    hb_place_clear(&place);
    place = (struct hb_place){.directory_fd = -1};
    assert_int_equal(hb_resolve_beside(&fixture->run, "other/a", &place), -ENOTDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_a_long_name),
        TEST(test_no_more_than_the_file),
        TEST(test_no_more_than_a_list),
        TEST(test_no_more_than_was_noted),
        TEST(test_no_more_than_behind_a_link),
        TEST(test_below_what_took_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
