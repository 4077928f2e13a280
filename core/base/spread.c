/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spread.h"

#include "base/memory.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TOGETHER = 8 /* numbers that a thread takes at once; fewer are not worth a thread */ };

struct spread {
    void (*each)(void *context, size_t number);
    void *context;
    size_t count;
    atomic_size_t next;
};

static void *take(void *argument)
{
    struct spread *spread = argument;
    size_t first;
    while ((first = atomic_fetch_add(&spread->next, TOGETHER)) < spread->count) {
        size_t left = spread->count - first;
        for (size_t i = 0; i < (left < TOGETHER ? left : TOGETHER); i++)
            spread->each(spread->context, first + i);
    }
    return NULL;
}

void hb_spread(unsigned workers, size_t count, void (*each)(void *context, size_t number),
               void *context)
{
    struct spread spread = {.each = each, .context = context, .count = count};
    size_t worth = count / TOGETHER, started = 0, more = workers > 1 ? workers - 1 : 0;
    if (more > worth)
        more = worth;
    HB_AUTO_FREE pthread_t *threads = hb_alloc((more + 1) * sizeof *threads);
    while (started < more && pthread_create(&threads[started], NULL, take, &spread) == 0)
        started++;
    take(&spread);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}
