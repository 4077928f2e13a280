/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a file when a killed import is completed: by what it was then and is now. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "restore/changed_since.h"
#include "restore/target.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A content plugin that answers what it is told to. */
static int answer;                     /* of since() */
static uint32_t answered;              /* the flags that it was asked with */
static unsigned char noted, *had_note; /* of note(); what since() was given */

static int fake_since(void *self, const struct hb_entry *entry, const struct hb_file *file,
                      const unsigned char *note, uint32_t flags)
{
    (void)self;
    (void)entry;
    (void)file;
    answered = flags;
    had_note = (unsigned char *)(uintptr_t)note;
    return answer;
}

static int fake_note(void *self, const struct hb_entry *entry, unsigned char note[32])
{
    (void)self;
    (void)entry;
    memset(note, noted, 32);
    return HB_OK;
}

static const char *const *fake_sidecars(void *self)
{
    static const char *const suffixes[] = {"-log", NULL};
    (void)self;
    return suffixes;
}

static const struct hb_content_ops asks = {
    .size = sizeof asks, .sidecars = fake_sidecars, .note = fake_note, .since = fake_since};
static const struct hb_content_ops notes = {
    .size = sizeof notes, .sidecars = fake_sidecars, .note = fake_note};
static const struct hb_plugin asking = {.size = sizeof asking, .ops = &asks},
                              noting = {.size = sizeof noting, .ops = &notes};

struct fixture {
    char *directory;
    struct hb_run run;
    struct hb_stage stage;
    struct hb_instance content;
    struct hb_journal_row row;
    struct hb_place place;
    struct hb_since_question question;
};

/* The file "f" is there, as it was noted; an import was killed. */
static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    hb_run_init(&fixture->run, NULL);
    assert_int_equal(hb_root_open(fixture->directory, &fixture->run.home), 0);
    free(scratch_write(fixture->directory, "f", "content"));
    free(scratch_write(fixture->directory, "m7", "staged"));
    fixture->stage = (struct hb_stage)HB_STAGE_NONE;
    fixture->stage.fd = fixture->run.home.fd; /* "m7" is staged there */
    fixture->stage.path = fixture->directory;
    assert_int_equal(hb_target_resolve(&fixture->run, "f", 0, &fixture->place), 0);
    fixture->content = (struct hb_instance){.run = &fixture->run, .plugin = &asking};
    fixture->row = (struct hb_journal_row){
        .type = HB_TYPE_FILE, .index = 7, .path = "f", .link = "", .bytes = 6};
    fixture->row.note = hb_target_note_of(&fixture->place.status, true);
    fixture->question = (struct hb_since_question){.row = &fixture->row,
                                                   .place = &fixture->place,
                                                   .again = true,
                                                   .since = fixture->place.status.st_mtim,
                                                   .stage = &fixture->stage};
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

static void expect_at(struct fixture *fixture, enum hb_fate fate, int line)
{
    int status;
    enum hb_fate found = hb_changed_since(&fixture->question, &status);
    if (found != fate)
        fail_msg("line %d: %d, not %d", line, found, fate);
}
#define EXPECT(fate) expect_at(fixture, HB_FATE_##fate, __LINE__)

static void test_files(void **state)
{
    struct fixture *fixture = *state;
    EXPECT(PUBLISH);
    fixture->place.status.st_size++;
    EXPECT(LEAVE);
    fixture->question.again = false; /* the user has agreed a moment ago: who asks says so */
    EXPECT(LEAVE);
    fixture->question.again = true;
    fixture->place.status.st_size--;
    fixture->place.exists = false;
    EXPECT(LEAVE);
    fixture->row.note = hb_target_note_of(NULL, true);
    EXPECT(PUBLISH);
    fixture->place.exists = true;
    EXPECT(LEAVE); /* it has come since */
}

/* Where times are too coarse the content is noted as well. */
static void test_content_of_files(void **state)
{
    struct fixture *fixture = *state;
    hb_note_file(fixture->place.directory_fd, "f", fixture->row.content);
    fixture->row.note.has_content = true;
    EXPECT(PUBLISH);
    fixture->row.content[0] ^= 1;
    EXPECT(LEAVE);
    fixture->question.again = false; /* only who completes one reads it */
    EXPECT(PUBLISH);
}

static void test_without_notes(void **state)
{
    struct fixture *fixture = *state;
    fixture->row.note.what = HB_NOTED_NOTHING;
    EXPECT(PUBLISH); /* not newer than the journal */
    fixture->question.since.tv_sec--;
    EXPECT(LEAVE);
    fixture->question.again = false;
    EXPECT(PUBLISH);
}

static void test_a_home_that_was_copied(void **state)
{
    struct fixture *fixture = *state;
    fixture->row.note.inode++;
    EXPECT(LEAVE);
    fixture->question.copied = true;
    EXPECT(PUBLISH);
    fixture->row.note.bytes++;
    EXPECT(LEAVE);
}

/* ---- claimed ones -------------------------------------------------------------------------- */

static struct fixture *claimed(void **state, const struct hb_plugin *plugin)
{
    struct fixture *fixture = *state;
    fixture->row.flags = HB_ROW_CLAIMED;
    fixture->content.plugin = plugin;
    fixture->question.content = &fixture->content;
    return fixture;
}

static void test_what_the_plugin_says(void **state)
{
    struct fixture *fixture = claimed(state, &asking);
    int status;
    answer = HB_SINCE_AS_NOTED;
    EXPECT(PUBLISH);
    answer = HB_SINCE_AS_STAGED;
    EXPECT(DONE);
    answer = HB_SINCE_CHANGED;
    EXPECT(LEAVE);
    answer = HB_STATUS_LATER;
    EXPECT(FAILED);
    assert_int_equal(hb_changed_since(&fixture->question, &status), HB_FATE_FAILED);
    assert_int_equal(status, HB_STATUS_LATER);
    answer = HB_STATUS_NOMATCH; /* then times decide, of the file and what belongs to it */
    EXPECT(PUBLISH);
    fixture->place.status.st_mtim.tv_nsec ^= 1;
    EXPECT(LEAVE);
    fixture->place.status.st_mtim.tv_nsec ^= 1;
    free(scratch_write(fixture->directory, "f-log", "rows"));
    fixture->question.since.tv_sec += 10;
    EXPECT(PUBLISH);
    const struct timespec later[2] = {{.tv_sec = fixture->question.since.tv_sec + 1},
                                      {.tv_sec = fixture->question.since.tv_sec + 1}};
    assert_int_equal(utimensat(fixture->run.home.fd, "f-log", later, 0), 0);
    EXPECT(LEAVE);
    answer = HB_SINCE_AS_STAGED;
    fixture->question.again = false;
    EXPECT(PUBLISH); /* an import does not ask */
}

static void test_what_the_plugin_is_told(void **state)
{
    struct fixture *fixture = claimed(state, &asking);
    answer = HB_SINCE_AS_NOTED;
    EXPECT(PUBLISH);
    assert_int_equal(answered, 0);
    assert_null(had_note);
    fixture->row.note.has_content = true;
    fixture->question.begun = true;
    EXPECT(PUBLISH);
    assert_int_equal(answered, HB_SINCE_BEGUN);
    assert_ptr_equal(had_note, fixture->row.content);
    fixture->question.begun = false;
    fixture->question.copied = true;
    EXPECT(PUBLISH);
    assert_int_equal(answered, HB_SINCE_COPIED);
    assert_int_equal(unlinkat(fixture->run.home.fd, "m7", 0), 0); /* nothing is staged */
    fixture->row.note.bytes++;
    EXPECT(LEAVE);
}

/* It came, or went, and not by us. */
static void test_claimed_ones_that_come_and_go(void **state)
{
    struct fixture *fixture = claimed(state, &asking);
    answer = HB_SINCE_AS_NOTED;
    fixture->row.note = hb_target_note_of(NULL, true);
    EXPECT(LEAVE);
    fixture->question.begun = true; /* we may have made it ourselves: the plugin knows */
    EXPECT(PUBLISH);
    fixture->question.begun = false;
    fixture->place.exists = false;
    EXPECT(PUBLISH);
    fixture->row.note = hb_target_note_of(&fixture->place.status, true);
    EXPECT(LEAVE);
}

static void test_a_plugin_that_only_notes(void **state)
{
    struct fixture *fixture = claimed(state, &noting);
    memset(fixture->row.content, 5, sizeof fixture->row.content);
    noted = 5;
    fixture->row.note.has_content = true;
    EXPECT(PUBLISH);
    noted = 6;
    EXPECT(LEAVE);
    fixture->row.note.has_content = false;
    EXPECT(PUBLISH); /* by its times */
}

/* The configuration has no plugin for it any more. */
static void test_without_its_plugin(void **state)
{
    struct fixture *fixture = claimed(state, &asking);
    fixture->question.content = NULL;
    EXPECT(PUBLISH);
    fixture->question.begun = true; /* half of something may be in it */
    EXPECT(LEAVE);
    fixture->question.begun = false;
    fixture->place.status.st_size++;
    EXPECT(LEAVE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files),
        TEST(test_content_of_files),
        TEST(test_without_notes),
        TEST(test_a_home_that_was_copied),
        TEST(test_what_the_plugin_says),
        TEST(test_what_the_plugin_is_told),
        TEST(test_claimed_ones_that_come_and_go),
        TEST(test_a_plugin_that_only_notes),
        TEST(test_without_its_plugin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
