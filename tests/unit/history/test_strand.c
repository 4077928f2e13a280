/* SPDX-License-Identifier: Apache-2.0 */
#include "history/strand.h"
#include "scratch.h"

#include <hbcore/entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 9, ARCHIVES = 40, RUNS = 300 };

/* What each archive has, as nobody could get it wrong. */
struct truth {
    bool there[ARCHIVES][NAMES];
    uint64_t bytes[ARCHIVES][NAMES];
    size_t position[ARCHIVES]; /* SIZE_MAX: it is gone */
    int count;
};

struct told {
    const struct truth *truth;
    unsigned seen[ARCHIVES][NAMES]; /* by position */
    unsigned asked[NAMES];
};

static const char *const names[NAMES] = {"a", "b",   "b/c",      "d", "d/e/f",
                                         "g", "h i", "\xff\xfe", "j"};

static int number_of(const char *path)
{
    for (int i = 0; i < NAMES; i++)
        if (strcmp(names[i], path) == 0)
            return i;
    fail_msg("%s is no name", path);
    return -1;
}

static void key_of(int archive, unsigned char key[HB_HISTORY_KEY])
{
    memset(key, 0, HB_HISTORY_KEY);
    snprintf((char *)key, HB_HISTORY_KEY, "%d", archive);
}

static bool wanted(void *self, const char *path, bool directory)
{
    struct told *told = self;
    assert_false(directory);
    told->asked[number_of(path)]++;
    return strcmp(path, "g") != 0;
}

static int archive_at(const struct truth *truth, size_t position)
{
    for (int i = 0; i < truth->count; i++)
        if (truth->position[i] == position)
            return i;
    fail_msg("nothing is at %zu", position);
    return -1;
}

static void piece(void *self, const char *path, const struct hb_history_content *content,
                  size_t newest, size_t oldest)
{
    struct told *told = self;
    int name = number_of(path);
    assert_true(newest <= oldest);
    for (size_t at = newest; at <= oldest; at++) {
        int archive = archive_at(told->truth, at);
        assert_true(told->truth->there[archive][name]);
        assert_int_equal(told->truth->bytes[archive][name], content->bytes);
        told->seen[archive][name]++;
    }
}

static void compare(const struct hb_strand *strand, const struct truth *truth)
{
    struct told told = {.truth = truth};
    struct hb_strand_visitor visitor = {.self = &told, .wanted = wanted, .piece = piece};
    hb_strand_each(strand, &visitor);
    for (int i = 0; i < truth->count; i++)
        for (int name = 0; name < NAMES; name++)
            assert_int_equal(told.seen[i][name], truth->position[i] != SIZE_MAX &&
                                                     truth->there[i][name] &&
                                                     strcmp(names[name], "g") != 0);
    for (int name = 0; name < NAMES; name++)
        assert_true(told.asked[name] <= 1);
}

static void add(struct hb_strand *strand, struct truth *truth)
{
    struct hb_history_member members[NAMES];
    unsigned char key[HB_HISTORY_KEY];
    size_t count = 0;
    int at = truth->count++;
    for (int i = 0; i < NAMES; i++) {
        bool before = at > 0 && truth->there[at - 1][i];
        truth->there[at][i] = rand() % 8 == 0 ? !before : before;
        truth->bytes[at][i] =
            before && rand() % 4 != 0 ? truth->bytes[at - 1][i] : (uint64_t)(rand() % 3);
        if (truth->there[at][i])
            members[count++] = (struct hb_history_member){
                .path = names[i], .content = {.bytes = truth->bytes[at][i], .type = HB_TYPE_FILE}};
    }
    key_of(at, key);
    assert_non_null(hb_strand_add(strand, key, at % 3 == 0, members, count));
}

/* Some are gone; of those that stay the later one is the newer one, but now and then not. */
static void place(struct hb_strand *strand, struct truth *truth)
{
    size_t position = 0;
    unsigned char key[HB_HISTORY_KEY];
    for (int i = truth->count; i-- > 0;) {
        key_of(i, key);
        struct hb_strand_archive *archive = hb_strand_find(strand, key);
        truth->position[i] = archive == NULL || rand() % 6 == 0 ? SIZE_MAX : position++;
        position += rand() % 9 == 0; /* one that cannot be read stands between */
        if (archive != NULL)
            archive->position = truth->position[i];
    }
    for (int i = 0; i + 1 < truth->count && rand() % 3 == 0; i++) {
        size_t other = truth->position[i];
        if (other == SIZE_MAX || truth->position[i + 1] == SIZE_MAX)
            continue;
        truth->position[i] = truth->position[i + 1];
        truth->position[i + 1] = other;
        key_of(i, key);
        hb_strand_find(strand, key)->position = truth->position[i];
        key_of(i + 1, key);
        hb_strand_find(strand, key)->position = other;
    }
}

/* As a file would give it back. */
static struct hb_strand *copy_of(struct hb_strand *strand)
{
    struct hb_strand *copy = hb_strand_new(strand->home);
    uint64_t checksum = hb_strand_checksum(strand, "place");
    uint32_t *numbers = calloc(strand->name_count + 1, sizeof *numbers);
    copy->next = strand->next;
    for (size_t i = 0; i < strand->archive_count; i++)
        hb_strand_put_archive(copy, &strand->archives[i]);
    for (size_t i = 0; i < strand->name_count; i++)
        if (strand->names[i].used) {
            numbers[i] = (uint32_t)copy->name_count;
            hb_strand_put_name(copy, strand->names[i].path, strlen(strand->names[i].path),
                               strand->names[i].id);
        }
    for (size_t i = 0; i < strand->span_count; i++)
        if (!strand->spans[i].gone) {
            struct hb_span span = strand->spans[i];
            span.name = numbers[span.name];
            hb_strand_put_span(copy, &span);
        }
    free(numbers);
    assert_true(hb_strand_checksum(copy, "place") == checksum);
    assert_false(hb_strand_checksum(copy, "elsewhere") == checksum);
    hb_strand_free(strand);
    return copy;
}

static void test_whatever_comes_and_goes(void **state)
{
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        struct truth *truth = calloc(1, sizeof *truth);
        struct hb_strand *strand = hb_strand_new("home");
        srand(run);
        while (truth->count < ARCHIVES) {
            for (int i = rand() % 6; i >= 0 && truth->count < ARCHIVES; i--)
                add(strand, truth);
            place(strand, truth);
            compare(strand, truth);
            if (rand() % 2 == 0)
                hb_strand_forget(strand);
            compare(strand, truth);
            if (rand() % 2 == 0)
                strand = copy_of(strand);
            compare(strand, truth);
        }
        hb_strand_free(strand);
        free(truth);
    }
}

/* Then all are as they were. */
static void test_a_name_twice(void **state)
{
    struct hb_history_member members[] = {{.path = "new"}, {.path = "twice"}, {.path = "twice"}};
    unsigned char key[HB_HISTORY_KEY] = {1};
    (void)state;
    struct hb_strand *strand = hb_strand_new("");
    uint64_t before = hb_strand_checksum(strand, "");
    assert_null(hb_strand_add(strand, key, false, members, 3));
    assert_true(hb_strand_checksum(strand, "") == before);
    assert_false(strand->changed);
    assert_non_null(hb_strand_add(strand, key, false, members, 2));
    assert_int_equal(strand->span_count, 2);
    hb_strand_free(strand);
}

static void test_too_many(void **state)
{
    struct hb_history_member *members = calloc(HB_STRAND_MOST_MEMBERS + 1, sizeof *members);
    unsigned char key[HB_HISTORY_KEY] = {1};
    (void)state;
    struct hb_strand *strand = hb_strand_new("");
    assert_null(hb_strand_add(strand, key, false, members, HB_STRAND_MOST_MEMBERS + 1));
    hb_strand_free(strand);
    free(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_comes_and_goes),
        cmocka_unit_test(test_a_name_twice),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
