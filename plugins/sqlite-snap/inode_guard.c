/* SPDX-License-Identifier: Apache-2.0 */
#include "inode_guard.h"

#include <stdbool.h>
#include <stddef.h>

void inode_guard_init(struct inode_guard *guard)
{
    pthread_mutex_init(&guard->mutex, NULL);
    pthread_cond_init(&guard->left, NULL);
    guard->holders = NULL;
}

void inode_guard_destroy(struct inode_guard *guard)
{
    pthread_cond_destroy(&guard->left);
    pthread_mutex_destroy(&guard->mutex);
}

static bool is_held(const struct inode_guard *guard, dev_t device, ino_t inode)
{
    for (const struct inode_holder *held = guard->holders; held != NULL; held = held->next)
        if (held->device == device && held->inode == inode)
            return true;
    return false;
}

void inode_guard_enter(struct inode_guard *guard, struct inode_holder *holder, dev_t device,
                       ino_t inode)
{
    pthread_mutex_lock(&guard->mutex);
    while (is_held(guard, device, inode))
        pthread_cond_wait(&guard->left, &guard->mutex);
    *holder = (struct inode_holder){device, inode, guard->holders};
    guard->holders = holder;
    pthread_mutex_unlock(&guard->mutex);
}

void inode_guard_leave(struct inode_guard *guard, struct inode_holder *holder)
{
    pthread_mutex_lock(&guard->mutex);
    struct inode_holder **link = &guard->holders;
    while (*link != holder)
        link = &(*link)->next;
    *link = holder->next;
    pthread_cond_broadcast(&guard->left);
    pthread_mutex_unlock(&guard->mutex);
}
