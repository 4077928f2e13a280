/* SPDX-License-Identifier: Apache-2.0 */
/* Which members of an archive are restored, and under which path: the rules, by tables. */
#include "base/memory.h"
#include "config/config_load.h"
#include "import/select.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

/* ---- an archive of so many names, and what becomes of them ----------------------------------- */

/*
 * A member a text: "f PATH" a file, "d PATH" a directory, "s PATH" a symbolic link, "h PATH ->
 * PATH" a hard link, "p PATH" a device.
 */
struct fixture {
    char *directory;
    struct hb_config *config;
    struct hb_run run;
    struct hb_archive archive;
    struct hb_chain filters, contents;
    struct hb_restore_plan plan;
    struct hb_error error;
    bool missed; /* something typed matched nothing */
    uint64_t newly;
};

static void begin(struct fixture *fixture, const char *const *sets)
{
    struct caught caught = {0};
    *fixture = (struct fixture){.directory = scratch_new()};
    HB_AUTO_FREE char *path = scratch_write(fixture->directory, "x.ini", "");
    if (hb_config_load(path, sets, catch_error, &caught, &fixture->config) != HB_OK)
        fail_msg("%s", caught.errors[0].text);
    hb_run_init(&fixture->run, fixture->config);
    fixture->archive = (struct hb_archive){.run = &fixture->run, .fd = -1, .shown = "the archive"};
}

static void end(struct fixture *fixture)
{
    hb_restore_plan_clear(&fixture->plan);
    hb_catalog_clear(&fixture->archive.catalog);
    hb_run_clear(&fixture->run);
    hb_config_free(fixture->config);
    scratch_remove(fixture->directory);
}

static void add(struct fixture *fixture, const char *text)
{
    HB_AUTO_FREE char *path = hb_copy_text(text + 2);
    char *arrow = strstr(path, " -> ");
    struct hb_entry entry = {.size = sizeof entry,
                             .type = *text == 'f'   ? HB_TYPE_FILE
                                     : *text == 'd' ? HB_TYPE_DIRECTORY
                                     : *text == 's' ? HB_TYPE_SYMLINK
                                     : *text == 'h' ? HB_TYPE_HARDLINK
                                                    : HB_TYPE_SPECIAL,
                             .bytes = *text == 'f' ? 10 : 0};
    if (arrow != NULL) {
        *arrow = '\0';
        entry.link = arrow + 4;
    }
    entry.path = path;
    entry.path_bytes = strlen(path);
    hb_catalog_add(&fixture->archive.catalog, &entry, NULL);
}

/* What somebody types, each list ended by NULL. */
struct typed {
    const char *const *include, *const *exclude;
};

static int choose(struct fixture *fixture, const char *const *members, const struct typed *typed)
{
    struct hb_choice choice = HB_CHOICE_NONE;
    choice.compares = true;
    for (const char *const *at = typed == NULL ? NULL : typed->include; at != NULL && *at; at++)
        hb_choice_include(&choice, *at);
    for (const char *const *at = typed == NULL ? NULL : typed->exclude; at != NULL && *at; at++)
        hb_choice_exclude(&choice, *at);
    for (; *members != NULL; members++)
        add(fixture, *members);
    fixture->plan.catalog = &fixture->archive.catalog;
    int status = hb_select(&fixture->archive, &fixture->filters, &fixture->contents,
                           typed == NULL ? NULL : &choice, &fixture->plan, &fixture->error);
    fixture->missed = choice.missed;
    fixture->newly = choice.newly_excluded;
    hb_choice_clear(&choice);
    return status;
}

/* "+" restored, "x" refused, "r" replaced, "o" replaced and yet needed, "-" not wanted, "k" kept.
 */
static char verdict_of(const struct fixture *fixture, size_t index)
{
    static const char letters[] = {
        [HB_UNDECIDED] = '?', [HB_SELECTED] = '+', [HB_DROPPED] = 'x',  [HB_KEPT_BACK] = 'k',
        [HB_REPLACED] = 'r',  [HB_ORIGIN] = 'o',   [HB_UNWANTED] = '-',
    };
    return letters[fixture->plan.rows[index].action];
}

static const char *path_of(const struct fixture *fixture, size_t index)
{
    return hb_planned_path(&fixture->plan, index);
}

/* All above knows what select.h calls things; what follows does not. */

/* The verdicts, a letter a member. */
static void expect_with(const char *const *sets, const char *const *members,
                        const struct typed *typed, const char *verdicts, int line)
{
    struct fixture fixture;
    begin(&fixture, sets);
    int status = choose(&fixture, members, typed);
    if (status != HB_OK)
        fail_msg("line %d: %s", line, fixture.error.text);
    for (size_t i = 0; members[i] != NULL; i++)
        if (verdict_of(&fixture, i) != verdicts[i])
            fail_msg("line %d: %s: %c, not %c", line, members[i], verdict_of(&fixture, i),
                     verdicts[i]);
    end(&fixture);
}
#define MEMBERS(...)          ((const char *const[]){__VA_ARGS__, NULL})
#define EXPECT(verdicts, ...) expect_with(NULL, MEMBERS(__VA_ARGS__), NULL, verdicts, __LINE__)

static void expect_refused(const char *const *sets, const char *const *members, const char *why)
{
    struct fixture fixture;
    begin(&fixture, sets);
    assert_int_equal(choose(&fixture, members, NULL), HB_STATUS_FATAL);
    assert_contains(fixture.error.text, why);
    end(&fixture);
}

/* ---- the rules ---------------------------------------------------------------------------------
 */

static void test_paths_that_cannot_be(void **state)
{
    (void)state;
    EXPECT("xxxxxx+", "f ../a", "f a/../b", "f /etc/passwd", "f a//../b", "f a/.", "f a/..", "f a");
    EXPECT("r+", "d .", "f a"); /* the archive's own root */
    EXPECT("r+", "d ./", "f a");
    EXPECT("rrr+", "d /", "d //", "d /.", "f a");
    EXPECT("xx+", "d /a", "f /", "f a");
    EXPECT("x+", "f a//.hbcore-stage-0123456789abcdef", "f a");
    EXPECT("+rr+", "d a", "f a//b", "f a/./b", "f ./a/b"); /* one path */
    EXPECT("xx+", "f .hbcore-stage-0123456789abcdef/journal", "f a/.hbcore-stage-0123456789abcdef",
           "f a/.hbcore-stage-0123456789abcde");
    EXPECT("x+", "p pipe", "f a");
    EXPECT("x+", "s link", "f a");
    static const char *const links[] = {"import.links=restore", NULL};
    expect_with(links, MEMBERS("s link", "s to -> a", "s ../out -> a", "f a"), NULL, "x+x+",
                __LINE__);
    static const char *const shallow[] = {"import.max-depth=2", NULL};
    expect_with(shallow, MEMBERS("f a/b/c", "f a/b"), NULL, "x+", __LINE__);
}

static void test_leading_dots_go(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture, NULL);
    assert_int_equal(choose(&fixture, MEMBERS("f ./a", "f .//./b/c"), NULL), HB_OK);
    assert_string_equal(path_of(&fixture, 0), "a");
    assert_string_equal(path_of(&fixture, 1), "b/c");
    end(&fixture);
}

/* `expected` NULL: it stays. */
static void wrapper(const char *const *members, const char *path, const char *expected, int line)
{
    static const char *const sets[] = {"import.wrappers=.hermes hermes", NULL};
    struct fixture fixture;
    begin(&fixture, sets);
    assert_int_equal(choose(&fixture, members, NULL), HB_OK);
    size_t last = 0;
    while (members[last + 1] != NULL)
        last++;
    if (strcmp(path_of(&fixture, last), expected == NULL ? path : expected) != 0)
        fail_msg("line %d: %s", line, path_of(&fixture, last));
    end(&fixture);
}

static void test_the_directory_around_all(void **state)
{
    (void)state;
    wrapper(MEMBERS("f hermes/a", "f hermes/b"), "hermes/b", "b", __LINE__);
    wrapper(MEMBERS("d .hermes", "f .hermes/a/b"), ".hermes/a/b", "a/b", __LINE__);
    wrapper(MEMBERS("f hermes/hermes/a"), "hermes/hermes/a", "hermes/a", __LINE__); /* once */
    wrapper(MEMBERS("f hermes/a", "f b"), "b", NULL, __LINE__);
    wrapper(MEMBERS("f b", "f hermes/a"), "hermes/a", NULL, __LINE__);
    wrapper(MEMBERS("f hermes/a", "f hermes2/b"), "hermes2/b", NULL, __LINE__);
    wrapper(MEMBERS("f hermes/a", "f hermes2/b", "f hermes/c"), "hermes/c", NULL, __LINE__);
    wrapper(MEMBERS("f hermes/a", "f .hermes/b"), ".hermes/b", NULL, __LINE__);
    wrapper(MEMBERS("f other/a"), "other/a", NULL, __LINE__);
    wrapper(MEMBERS("d other", "f hermes/a"), "hermes/a", "a", __LINE__); /* files decide */
}

static void test_what_an_archive_must_hold(void **state)
{
    static const char *const sets[] = {"import.markers=config.yaml .env", NULL};
    (void)state;
    expect_with(sets, MEMBERS("f x/y/.env", "f a"), NULL, "++", __LINE__);
    expect_refused(sets, MEMBERS("f a", "f config.yaml2", "f config.yaml/b"), "config.yaml");
    expect_refused(sets, MEMBERS("d config.yaml", "f a"), "config.yaml");
    expect_refused(NULL, (const char *const[]){NULL}, "empty");
}

static void test_the_last_of_one_name(void **state)
{
    struct fixture fixture;
    (void)state;
    EXPECT("r+", "f a", "f a");
    EXPECT("rr+", "f a", "f ./a", "f a");
    EXPECT("r+", "f a", "d a");
    begin(&fixture, NULL);
    assert_int_equal(choose(&fixture, MEMBERS("f a", "f a", "d b", "d b"), NULL), HB_OK);
    assert_int_equal(fixture.run.report.kinds[HB_FOUND_NOTE], 1); /* of directories nobody cares */
    end(&fixture);
}

static void test_hard_links(void **state)
{
    (void)state;
    EXPECT("++", "f a", "h b -> a");
    EXPECT("++", "f ./a", "h b -> ./a");
    EXPECT("+x", "f a", "h b -> c");
    EXPECT("+x", "f a", "h b -> ../a");
    EXPECT("+x", "f a", "h b -> b");
    EXPECT("+x", "d a", "h b -> a");
    EXPECT("+++", "f a", "h b -> a", "h c -> b");
    EXPECT("++", "h b -> a", "f a");              /* behind it */
    EXPECT("xx+", "h a -> b", "h b -> a", "f c"); /* a circle has no data */
    EXPECT("o++", "f a", "h b -> a", "f a");      /* the data of the one that was there then */
    EXPECT("+ro+++", "f a", "h b -> a", "f x", "h c -> x", "f x", "f b");
}

/* A directory is worth more than the file that has its name. */
static void test_files_against_directories(void **state)
{
    (void)state;
    EXPECT("r+", "f x", "f x/y");
    EXPECT("+r", "f x/y", "f x");
    EXPECT("++r", "d x", "f x/y", "f x"); /* the directory comes back */
    EXPECT("r++", "f a/b", "f a/b/c/d", "f a/b.c");
    EXPECT("rr+", "f x", "f x/y", "f x/y/z");
    EXPECT("++++", "f x", "f x.a", "f x-a", "f x0/a");
    EXPECT("o++", "f x", "h h -> x", "f x/y"); /* a link still has its data */
    EXPECT("+x", "f x", "f x/../y");           /* what is refused needs no directory */
}

static void test_what_cannot_be_decoded(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture, NULL);
    for (size_t i = 0; i < 3; i++)
        add(&fixture, i < 2 ? "f a" : "f c/d");
    hb_catalog_set_unreadable(&fixture.archive.catalog, 1, "is sealed");
    hb_catalog_set_unreadable(&fixture.archive.catalog, 2, NULL);
    assert_int_equal(choose(&fixture, MEMBERS("h b -> a", "f e"), NULL), HB_OK);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(verdict_of(&fixture, i), "rxxx+"[i]);
    assert_int_equal(fixture.run.report.kinds[HB_FOUND_SKIPPED], 3);
    assert_contains(fixture.run.report.findings[1].reason, "is sealed");
    end(&fixture);
}

static void test_patterns(void **state)
{
    static const char *const a[] = {"a", NULL}, *const star[] = {"a/*", NULL},
                             *const between[] = {"a*c", NULL}, *const deep[] = {"a/b/c", NULL},
                             *const none[] = {"nothing", NULL};
    struct fixture fixture;
    (void)state;
    expect_with(NULL, MEMBERS("f a", "f b", "f ab"), &(struct typed){a, NULL}, "+--", __LINE__);
    expect_with(NULL, MEMBERS("d a", "f a/x", "f b"), &(struct typed){a, NULL}, "++-", __LINE__);
    expect_with(NULL, MEMBERS("d a", "f a/x", "f b"), &(struct typed){NULL, a}, "--+", __LINE__);
    expect_with(NULL, MEMBERS("f a/x", "f a/y/z", "f b"), &(struct typed){star, NULL}, "++-",
                __LINE__);
    expect_with(NULL, MEMBERS("d a", "d a/b", "f a/b/c", "f a/d"), &(struct typed){deep, NULL},
                "+++-", __LINE__); /* with its parents */
    expect_with(NULL, MEMBERS("f a/b/c", "f a/d"), &(struct typed){a, deep}, "-+", __LINE__);
    expect_with(NULL, MEMBERS("f a", "h b -> a", "f c"), &(struct typed){NULL, a}, "o++",
                __LINE__); /* its data are needed */
    expect_with(NULL, MEMBERS("f a/c", "f abc"), &(struct typed){between, NULL}, "-+", __LINE__);
    begin(&fixture, NULL);
    assert_int_equal(choose(&fixture, MEMBERS("f a"), &(struct typed){none, NULL}),
                     HB_STATUS_FATAL);
    assert_contains(fixture.error.text, "matches");
    assert_false(fixture.missed);
    end(&fixture);
    expect_with(NULL, MEMBERS("f x/a", "d y/a", "f y/a/b", "f z"), &(struct typed){a, NULL}, "+++-",
                __LINE__); /* at any depth */
    expect_with(NULL, MEMBERS("f a", "f x/a", "f x/b"),
                &(struct typed){NULL, (const char *const[]){"/a", NULL}}, "-++", __LINE__);
    expect_with(NULL, MEMBERS("f a", "d b/a", "f b/a/x"),
                &(struct typed){NULL, (const char *const[]){"a/", NULL}}, "+--", __LINE__);
    expect_with(NULL, MEMBERS("f c/x", "f c/i/x", "f d"),
                &(struct typed){NULL, (const char *const[]){"c/*", "!c/i", NULL}}, "-++", __LINE__);
    expect_with(NULL, MEMBERS("f c/x", "f c/i/x", "f d"),
                &(struct typed){NULL, (const char *const[]){"c", "!c/i", NULL}}, "--+", __LINE__);
    expect_with(NULL, MEMBERS("f c/x", "f c/i/x", "f d"),
                &(struct typed){(const char *const[]){"c", "!c/i", NULL}, NULL}, "+--", __LINE__);
    expect_with(NULL, MEMBERS("p x", "s y", "f a"),
                &(struct typed){NULL, (const char *const[]){"x", "y", NULL}}, "--+",
                __LINE__); /* what is excluded is not refused */
}

/* An --exclude that matches nothing is a slip; not one that only matches what others do. */
static void test_slips(void **state)
{
    static const struct {
        const char *exclude[4];
        bool missed;
        uint64_t newly;
    } cases[] = {
        {{"x.db", "*.db"}, false, 1}, {{"*.db", "x.db"}, false, 1}, {{"sub", "sub/y.db"}, false, 0},
        {{"*.dbx"}, true, 0},         {{"/y.db"}, true, 0},         {{"sub/y.db", "nope"}, true, 0},
        {{"*.db", "!z.db"}, true, 1}, {{"sub/y.db/"}, true, 0},     {{"sub/"}, false, 0},
        {{"SUB"}, true, 0},           {{"y.db"}, false, 1},         {{"/sub"}, false, 0},
        {{"evil"}, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        begin(&fixture, NULL);
        int status =
            choose(&fixture, MEMBERS("f x.db", "f sub/y.db", "f sub/x", "f c", "f ../evil"),
                   &(struct typed){NULL, cases[i].exclude});
        if (fixture.missed != cases[i].missed ||
            status != (cases[i].missed ? HB_STATUS_FATAL : HB_OK) ||
            (!cases[i].missed && fixture.newly != cases[i].newly))
            fail_msg("%s: status %d, missed %d, newly %d: %s", cases[i].exclude[0], status,
                     fixture.missed, (int)fixture.newly, fixture.error.text);
        end(&fixture);
    }
}

static void test_what_is_counted(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture, NULL);
    assert_int_equal(
        choose(&fixture, MEMBERS("f a", "d b", "f b/c", "f ../x", "h d -> a", "f a"), NULL), HB_OK);
    assert_int_equal(fixture.plan.members, 5); /* files and hard links */
    assert_int_equal(fixture.plan.files, 3);
    assert_int_equal(fixture.plan.bytes, 30);    /* the link's are copied */
    assert_int_equal(fixture.plan.unpacked, 30); /* those of the first one are, for the link */
    end(&fixture);
}

static void test_modes(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture, NULL);
    assert_int_equal(choose(&fixture, MEMBERS("f a", "d b", "f c"), NULL), HB_OK);
    struct hb_interned *commons = &fixture.archive.catalog.commons;
    const struct hb_catalog_common has_mode = {.mode = 04751, .entry_flags = HB_ENTRY_HAS_MODE};
    fixture.archive.catalog.members[2].common =
        hb_intern(commons, &has_mode, sizeof has_mode) & (HB_CATALOG_MOST_COMMONS - 1);
    assert_int_equal(hb_planned_mode(&fixture.plan, 0, 027), 0640);
    assert_int_equal(hb_planned_mode(&fixture.plan, 1, 027), 0750);
    assert_int_equal(hb_planned_mode(&fixture.plan, 2, 027), 0751); /* never setuid */
    fixture.plan.rows[2].mode = 04600;
    assert_int_equal(hb_planned_mode(&fixture.plan, 2, 027), 0600);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_that_cannot_be),
        cmocka_unit_test(test_leading_dots_go),
        cmocka_unit_test(test_the_directory_around_all),
        cmocka_unit_test(test_what_an_archive_must_hold),
        cmocka_unit_test(test_the_last_of_one_name),
        cmocka_unit_test(test_hard_links),
        cmocka_unit_test(test_files_against_directories),
        cmocka_unit_test(test_what_cannot_be_decoded),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_what_is_counted),
        cmocka_unit_test(test_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
