/* SPDX-License-Identifier: Apache-2.0 */
/* Facts come back as they were; what is cut, changed or made up is refused or not believed. */
#include "archive/facts.h"
#include "base/memory.h"
#include "scratch.h"

#include <string.h>

static const unsigned char key[HB_SEAL_BYTES] = "a key of this installation";
static const unsigned char other[HB_SEAL_BYTES] = "a key of another one";

static struct hb_facts example(void)
{
    struct hb_facts facts = {
        .home = "0123456789abcdef0123456789abcdef",
        .run = "00ff",
        .stamp = "2026-11-29-120000",
        .sequence = 7,
        .length = 123456,
        .reasons = 2,
        .files = 10,
        .directories = 3,
        .databases = 1,
        .bytes = 99,
        .started = 1700000000000000001,
        .ended = 1700000000000000002,
    };
    hb_facts_place(facts.home, "/home/somebody", facts.place);
    hb_facts_head("PK", 2, facts.head);
    return facts;
}

static void test_there_and_back(void **state)
{
    struct hb_facts facts = example(), back;
    (void)state;
    HB_AUTO_FREE char *text = hb_facts_text(&facts, "n.zip", key);
    assert_true(strlen(text) < HB_FACTS_MOST / 2);
    assert_true(hb_facts_parse(text, strlen(text), &back));
    assert_memory_equal(&facts, &back, sizeof facts);
    assert_null(strstr(text, "somebody"));
    assert_true(hb_facts_are_sealed(text, strlen(text), "n.zip", key));
    assert_false(hb_facts_are_sealed(text, strlen(text), "n.zip", other));
    assert_false(hb_facts_are_sealed(text, strlen(text), "m.zip", key));
    assert_false(hb_facts_are_sealed(text, strlen(text), "", key));
    HB_AUTO_FREE char *bare = hb_facts_text(&facts, "n.zip", NULL);
    assert_true(hb_facts_parse(bare, strlen(bare), &back));
    assert_false(hb_facts_are_sealed(bare, strlen(bare), "n.zip", key));
}

/* Each byte in turn: it is refused, or the seal does not hold. */
static void test_every_change_is_noticed(void **state)
{
    struct hb_facts facts = example(), back;
    (void)state;
    HB_AUTO_FREE char *text = hb_facts_text(&facts, "n.zip", key);
    size_t bytes = strlen(text);
    for (size_t i = 0; i + 1 < bytes; i++) { /* the last one ends the line */
        char before = text[i];
        text[i] = before == '0' ? '1' : '0';
        assert_false(hb_facts_parse(text, bytes, &back) &&
                     hb_facts_are_sealed(text, bytes, "n.zip", key));
        text[i] = before;
        assert_false(hb_facts_parse(text, i, &back));
    }
}

static void test_what_is_none(void **state)
{
    static const char *const none[] = {
        "",
        "{}",
        "[]",
        "PK\3\4",
        "{\"version\":2}",
        "{\"version\":1}",
        "{\"version\":1,\"home\":\"../../etc\"}",
    };
    struct hb_facts facts;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(hb_facts_parse(none[i], strlen(none[i]), &facts));
    facts = example();
    facts.sequence = UINT64_C(1) << 60; /* no number would be above it */
    HB_AUTO_FREE char *text = hb_facts_text(&facts, "n.zip", NULL);
    assert_false(hb_facts_parse(text, strlen(text), &facts));
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(hb_facts_stem("a.zip.facts"), 5);
    assert_int_equal(hb_facts_stem("a.zip"), 0);
    assert_int_equal(hb_facts_stem(".facts"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_every_change_is_noticed),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
