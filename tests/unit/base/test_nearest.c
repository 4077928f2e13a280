/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"
#include "scratch.h"

#include <string.h>

static const char *next_word(const void *context, size_t index)
{
    return ((const char *const *)context)[index];
}

/* `expected` NULL: none is near enough. */
static void check(const char *word, const char *const *words, const char *expected)
{
    const char *found = hb_nearest(word, next_word, words);
    if ((found == NULL) != (expected == NULL) || (found != NULL && strcmp(found, expected) != 0))
        fail_msg("%s: %s, not %s", word, found == NULL ? "none" : found,
                 expected == NULL ? "none" : expected);
}

static void test_what_was_meant(void **state)
{
    static const char *const words[] = {"backup", "import", "list", "verify", "", NULL};
    (void)state;
    check("backup", words, "backup");
    check("bakup", words, "backup");   /* one is missing */
    check("baackup", words, "backup"); /* one too many */
    check("bacjup", words, "backup");  /* another one */
    check("bcakup", words, "backup");  /* two swapped: one step */
    check("IMPORT", words, "import");
    check("lsit", words, "list");
    check("verfiy", words, "verify");
}

static void test_what_nobody_meant(void **state)
{
    static const char *const words[] = {"backup", "import", NULL};
    static const char *const one[] = {"a", NULL};
    char longest[70];
    (void)state;
    check("", words, NULL);
    check("frobnicate", words, NULL);
    check("bxxxup", words, NULL); /* half of it is wrong */
    check("b", one, NULL);        /* nothing of it is right */
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    check(longest, words, NULL);
}

static void test_the_nearest_of_several(void **state)
{
    static const char *const words[] = {"prune-all", "prunes", "prune", "pruned", NULL};
    static const char *const equal[] = {"abcd", "abce", NULL};
    (void)state;
    check("prune", words, "prune");
    check("prunex", words, "prunes");
    check("abcx", equal, "abcd"); /* of two as near the first */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_meant),
        cmocka_unit_test(test_what_nobody_meant),
        cmocka_unit_test(test_the_nearest_of_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
