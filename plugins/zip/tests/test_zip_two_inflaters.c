/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large members are inflated by ISA-L, and by zlib where ISA-L gives up. Here it gives up wherever
 * the test wants it to (by the linker's --wrap), or gives other bytes first.
 */
#include "zip_isal.h"
#include "zip_test.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 5 << 20 };

enum zip_inflating __real_zip_isal_inflate(struct inflate_state *state, struct zip_inflow *flow);
enum zip_inflating __wrap_zip_isal_inflate(struct inflate_state *state, struct zip_inflow *flow);

static unsigned calls, gives_up_at; /* 0: never */
static bool lies;

enum zip_inflating __wrap_zip_isal_inflate(struct inflate_state *state, struct zip_inflow *flow)
{
    unsigned char *out = flow->out;
    enum zip_inflating result = __real_zip_isal_inflate(state, flow);
    calls++;
    if (lies && calls == 1)
        out[100]++;
    return calls == gives_up_at ? ZIP_INFLATE_REFUSED : result;
}

static void read_with(unsigned at, bool with_lies, struct found_list *list, struct sample *sample)
{
    struct memory memory = {0};
    assert_int_equal(zip_test_write(&memory, true, 6, sample, 1, NULL, 0), HB_OK);
    calls = 0;
    gives_up_at = at;
    lies = with_lies;
    zip_test_read(&memory, list);
    assert_true(calls >= at);
    memory_free(&memory);
}

static void sound(unsigned at)
{
    unsigned char *content = zip_test_text(BYTES);
    struct sample sample = zip_test_file("large", content, BYTES);
    struct found_list list;
    read_with(at, false, &list, &sample);
    zip_test_same(&sample, 1, &list);
    zip_test_free(&list);
    free(content);
}

static void refused(unsigned at)
{
    unsigned char *content = zip_test_text(BYTES);
    struct sample sample = zip_test_file("large", content, BYTES);
    struct found_list list;
    read_with(at, true, &list, &sample);
    assert_int_equal(list.status, HB_STATUS_FATAL);
    zip_test_free(&list);
    free(content);
}

static void test_gives_up(void **state)
{
    (void)state;
    sound(0);
    for (unsigned at = 1; at < 8; at++)
        sound(at);
}

/* Nothing of what it made up before it gave up is called right. */
static void test_lies(void **state)
{
    (void)state;
    refused(0);
    refused(2);
    refused(7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
