/* SPDX-License-Identifier: Apache-2.0 */
/* Has somebody changed a database since it was noted? */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static void set_time(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* "x.db" beside the staged copy of `from`. */
static int since(struct fixture *fixture, const char *from, const unsigned char *note,
                 uint32_t flags)
{
    struct fake_host *fake = &fixture->fake;
    struct hb_entry entry = entry_of("x.db");
    struct hb_file file;
    size_t bytes;
    char *data = read_file(home_file(fixture, from), &bytes);
    assert_int_equal(fake->host.stage_file(&fake->host, "staged", &file), HB_OK);
    assert_int_equal(pwrite(file.fd, data, bytes, 0), (ssize_t)bytes);
    int status = fixture->ops->since(fixture->self, &entry, &file, note, flags);
    fake->host.stage_release(&fake->host, &file);
    free(data);
    return status;
}

static void note_of(struct fixture *fixture, unsigned char note[32])
{
    struct hb_entry entry = entry_of("x.db");
    assert_int_equal(fixture->ops->note(fixture->self, &entry, note), HB_OK);
}

/* Made the same way, so that all but its number and its rows is alike. */
static void another_under_its_name(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    const time_t before = time(NULL) - 3600;
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        unsigned char note[32];
        struct stat one, other;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 10);
        make_database(home_file(&fixture, "next"), modes[i], 4096, 10);
        make_database(home_file(&fixture, "new"), modes[i], 4096, 20);
        set_time(home_file(&fixture, "x.db"), before);
        set_time(home_file(&fixture, "next"), before);
        assert_int_equal(stat(home_file(&fixture, "x.db"), &one), 0);
        assert_int_equal(stat(home_file(&fixture, "next"), &other), 0);
        assert_int_equal(one.st_size, other.st_size);
        note_of(&fixture, note);
        assert_int_equal(since(&fixture, "new", note, 0), HB_SINCE_AS_NOTED);
        assert_int_equal(rename(home_file(&fixture, "next"), home_file(&fixture, "x.db")), 0);
        assert_int_equal(since(&fixture, "new", note, 0), HB_SINCE_CHANGED);
        assert_int_equal(since(&fixture, "new", note, HB_SINCE_BEGUN), HB_SINCE_CHANGED);
        /* In a copy of the home all have other numbers. */
        assert_int_equal(since(&fixture, "new", note, HB_SINCE_COPIED), HB_SINCE_AS_NOTED);
        fixture_stop(&fixture);
    }
}

/* While it is young its times do not tell: file systems count in seconds, and clocks are set. */
static void a_change_that_no_time_tells_of(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    const time_t young = time(NULL) + 60;
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        unsigned char note[32];
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 10);
        make_database(home_file(&fixture, "new"), modes[i], 4096, 20);
        set_time(home_file(&fixture, "x.db"), young);
        note_of(&fixture, note);
        assert_int_equal(since(&fixture, "new", note, 0), HB_SINCE_AS_NOTED);
        int fd = open(home_file(&fixture, "x.db"), O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "other", 5, 3 * PAGE + 1000), 5);
        close(fd);
        set_time(home_file(&fixture, "x.db"), young);
        assert_int_equal(since(&fixture, "new", note, 0), HB_SINCE_CHANGED);
        fixture_stop(&fixture);
    }
}

/* Nothing can be told now: it is neither changed nor put aside, and asked again. */
static void one_that_is_locked(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "wait=0\n");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    copy_file(home_file(&fixture, "x.db"), home_file(&fixture, "new"));
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "BEGIN EXCLUSIVE");
    assert_int_equal(since(&fixture, "new", NULL, HB_SINCE_BEGUN), HB_STATUS_LATER);
    actor_ask(&actor, "ROLLBACK");
    assert_int_equal(since(&fixture, "new", NULL, HB_SINCE_BEGUN), HB_SINCE_AS_STAGED);
    actor_stop(&actor);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_under_its_name),
        cmocka_unit_test(a_change_that_no_time_tells_of),
        cmocka_unit_test(one_that_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
