/* SPDX-License-Identifier: Apache-2.0 */
#include "base/in_order.h"

#include "base/memory.h"
#include <pthread.h>
#include <stdlib.h>

struct hb_in_order {
    void (*each)(void *context, size_t number);
    void *context;
    size_t count;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t done;
    unsigned waiting;
    bool stopped;
};

static void *work(void *argument)
{
    struct hb_in_order *order = argument;
    bool on = true;
    for (size_t i = 0; on && i < order->count; i++) {
        order->each(order->context, i);
        pthread_mutex_lock(&order->lock);
        order->done = i + 1;
        on = !order->stopped;
        if (order->waiting > 0)
            pthread_cond_broadcast(&order->changed);
        pthread_mutex_unlock(&order->lock);
    }
    return NULL;
}

struct hb_in_order *hb_in_order_begin(size_t count, void (*each)(void *context, size_t number),
                                      void *context)
{
    struct hb_in_order *order = hb_alloc(sizeof *order);
    order->each = each;
    order->context = context;
    order->count = count;
    pthread_mutex_init(&order->lock, NULL);
    pthread_cond_init(&order->changed, NULL);
    if (pthread_create(&order->thread, NULL, work, order) == 0)
        return order;
    work(order);
    pthread_cond_destroy(&order->changed);
    pthread_mutex_destroy(&order->lock);
    free(order);
    return NULL;
}

void hb_in_order_wait(struct hb_in_order *order, size_t number)
{
    if (order == NULL)
        return;
    pthread_mutex_lock(&order->lock);
    order->waiting++;
    while (order->done <= number)
        pthread_cond_wait(&order->changed, &order->lock);
    order->waiting--;
    pthread_mutex_unlock(&order->lock);
}

void hb_in_order_end(struct hb_in_order *order, bool all)
{
    if (order == NULL)
        return;
    pthread_mutex_lock(&order->lock);
    order->stopped = !all;
    pthread_mutex_unlock(&order->lock);
    pthread_join(order->thread, NULL);
    pthread_cond_destroy(&order->changed);
    pthread_mutex_destroy(&order->lock);
    free(order);
}
