/* SPDX-License-Identifier: Apache-2.0 */
#include "base/in_order.h"
#include "scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { COUNT = 20000, WAITERS = 3 };

struct work {
    struct hb_in_order *order;
    size_t next;
    bool wrong;
    unsigned char done[COUNT]; /* not atomic: whoever has waited for one sees it */
    atomic_bool go;
};

static void do_one(void *context, size_t number)
{
    struct work *work = context;
    while (!atomic_load(&work->go))
        sched_yield();
    work->wrong = work->wrong || number != work->next++;
    work->done[number] = 1;
}

static void *wait_for_some(void *argument)
{
    struct work *work = argument;
    bool all = true;
    for (size_t i = 0; i < COUNT; i += 7) {
        hb_in_order_wait(work->order, i);
        all = all && work->done[i] == 1 && work->done[i / 2] == 1;
    }
    return all ? work : NULL;
}

static void test_others_wait(void **state)
{
    struct work work = {.order = NULL};
    pthread_t threads[WAITERS];
    void *well;
    (void)state;
    work.order = hb_in_order_begin(COUNT, do_one, &work);
    for (size_t i = 0; i < WAITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_some, &work), 0);
    atomic_store(&work.go, true);
    for (size_t i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], &well);
        assert_ptr_equal(well, &work);
    }
    hb_in_order_end(work.order, true);
    assert_false(work.wrong);
    assert_int_equal(work.next, COUNT);
}

static void test_ends(void **state)
{
    struct work work = {.order = NULL};
    (void)state;
    atomic_store(&work.go, true);
    hb_in_order_end(hb_in_order_begin(COUNT, do_one, &work), true); /* all, though nobody waited */
    assert_int_equal(work.next, COUNT);
    hb_in_order_end(hb_in_order_begin(0, do_one, &work), true);
    hb_in_order_wait(NULL, 5);
    hb_in_order_end(NULL, true);
    memset(&work, 0, sizeof work);
    work.order = hb_in_order_begin(COUNT, do_one, &work);
    atomic_store(&work.go, true);
    hb_in_order_wait(work.order, 5);
    hb_in_order_end(work.order, false);
    assert_in_range(work.next, 6, COUNT);
    assert_false(work.wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_others_wait),
                                       cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
