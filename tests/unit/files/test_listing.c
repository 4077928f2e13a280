/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "files/listing.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>

static void test_names_are_sorted_by_bytes(void **state)
{
    static const char *const names[] = {"b", "B", "a-", "a", "\xFF", ".hidden", "a.b"};
    static const char *const sorted[] = {".hidden", "B", "a", "a-", "a.b", "b", "\xFF"};
    struct hb_listing listing;
    for (size_t i = 0; i < 7; i++)
        free(scratch_write(*state, names[i], ""));
    HB_AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int twice = 0; twice < 2; twice++) { /* the descriptor can be used again */
        assert_int_equal(hb_listing_read(fd, &listing), 0);
        assert_int_equal(listing.count, 7);
        for (size_t i = 0; i < 7; i++) {
            assert_string_equal(listing.names[i], sorted[i]);
            assert_int_equal(hb_listing_find(&listing, sorted[i]), i);
        }
        assert_true(hb_listing_find(&listing, "c") == SIZE_MAX);
        assert_true(hb_listing_find(&listing, ".") == SIZE_MAX);
        hb_listing_free(&listing);
    }
    assert_int_equal(hb_listing_read(-1, &listing), -EBADF);
    assert_true(hb_listing_find(&listing, "a") == SIZE_MAX);
    hb_listing_free(&listing);
}

static int remove_it(void *context, const char *name)
{
    return unlinkat(*(int *)context, name, 0) == 0 ? 0 : 1;
}

static int stop_at_third(void *context, const char *name)
{
    (void)name;
    return ++*(int *)context == 3 ? 42 : 0;
}

/* More than fit into one buffer; each may be removed as it comes. */
static void test_one_by_one(void **state)
{
    struct hb_listing listing;
    char name[80];
    int count = 0;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "%060d", i);
        free(scratch_write(*state, name, ""));
    }
    HB_AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hb_listing_each(fd, stop_at_third, &count), 42);
    assert_int_equal(count, 3);
    assert_int_equal(hb_listing_each(fd, remove_it, &fd), 0);
    assert_int_equal(hb_listing_read(fd, &listing), 0);
    assert_int_equal(listing.count, 0);
    hb_listing_free(&listing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_names_are_sorted_by_bytes),
        scratch_test(test_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
