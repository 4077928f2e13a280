/* SPDX-License-Identifier: Apache-2.0 */
/* The seal of a journal: only what was written here, for this stage, is believed. */
#include "base/memory.h"
#include "restore/journal.h"
#include "restore/seal.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char *scratch, *home;
    struct hb_stage stage;
};

static void add_journal(struct hb_stage *stage, const char *text)
{
    const char *why;
    HB_AUTO_FREE char *path = scratch_write(stage->path, HB_STAGE_JOURNAL, text);
    HB_AUTO_CLOSE int journal = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(hb_seal_make(stage, journal, &why), 0);
}

/* SCRATCH/state has the key, SCRATCH/home the stage. */
static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    struct hb_error error = {0};
    fixture->scratch = scratch_new();
    fixture->home = scratch_path(fixture->scratch, "home");
    HB_AUTO_FREE char *key = scratch_path(fixture->scratch, "state");
    setenv("XDG_STATE_HOME", key, 1);
    assert_int_equal(mkdir(fixture->home, 0700), 0);
    assert_int_equal(hb_stage_open(fixture->home, &fixture->stage, NULL, &error), HB_OK);
    add_journal(&fixture->stage, "what is to be done");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_stage_close(&fixture->stage);
    scratch_remove(fixture->scratch);
    free(fixture->home);
    free(fixture);
    return 0;
}

static bool is_believed(const struct hb_stage *stage)
{
    HB_AUTO_CLOSE int journal = hb_seal_open(stage);
    return journal >= 0;
}

static void test_a_copy_is_read(void **state)
{
    struct fixture *fixture = *state;
    char text[40] = "";
    HB_AUTO_CLOSE int journal = hb_seal_open(&fixture->stage);
    assert_true(journal >= 0);
    assert_int_equal(unlinkat(fixture->stage.fd, HB_STAGE_JOURNAL, 0), 0);
    assert_int_equal(pread(journal, text, sizeof text, 0), strlen("what is to be done"));
    assert_string_equal(text, "what is to be done");
}

static void test_a_journal_that_was_changed(void **state)
{
    struct fixture *fixture = *state;
    free(scratch_write(fixture->stage.path, HB_STAGE_JOURNAL, "what is to be dome"));
    assert_false(is_believed(&fixture->stage));
    free(scratch_write(fixture->stage.path, HB_STAGE_JOURNAL, "what is to be done, and more"));
    assert_false(is_believed(&fixture->stage));
    free(scratch_write(fixture->stage.path, HB_STAGE_JOURNAL, "what is to be done"));
    assert_true(is_believed(&fixture->stage));
}

static void test_another_seal_or_none(void **state)
{
    struct fixture *fixture = *state;
    static const char nothing[32];
    free(scratch_write_bytes(fixture->stage.path, "seal", nothing, sizeof nothing));
    assert_false(is_believed(&fixture->stage));
    free(scratch_write_bytes(fixture->stage.path, "seal", nothing, sizeof nothing - 1));
    assert_false(is_believed(&fixture->stage));
    assert_int_equal(unlinkat(fixture->stage.fd, "seal", 0), 0);
    assert_false(is_believed(&fixture->stage));
}

/* A journal of another day with its seal, put into another stage. */
static void test_of_another_stage(void **state)
{
    struct fixture *fixture = *state;
    struct hb_stage other = HB_STAGE_NONE;
    struct hb_error error = {0};
    assert_int_equal(hb_stage_open(fixture->home, &other, NULL, &error), HB_OK);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? HB_STAGE_JOURNAL : "seal";
        HB_AUTO_FREE char *from = scratch_path(fixture->stage.path, name);
        free(scratch_copy(other.path, name, from, 0600));
    }
    assert_false(is_believed(&other));
    assert_true(is_believed(&fixture->stage));
    hb_stage_close(&other);
}

static void test_of_another_installation(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *other = scratch_path(fixture->scratch, "other");
    setenv("XDG_STATE_HOME", other, 1);
    assert_false(is_believed(&fixture->stage)); /* it has no key, and gets none for that */
    assert_int_not_equal(access(other, F_OK), 0);
    struct hb_stage stage = HB_STAGE_NONE;
    struct hb_error error = {0};
    assert_int_equal(hb_stage_open(fixture->home, &stage, NULL, &error), HB_OK);
    add_journal(&stage, "what is to be done");
    assert_true(is_believed(&stage));
    assert_false(is_believed(&fixture->stage));
    hb_stage_close(&stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_copy_is_read),          TEST(test_a_journal_that_was_changed),
        TEST(test_another_seal_or_none),    TEST(test_of_another_stage),
        TEST(test_of_another_installation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
