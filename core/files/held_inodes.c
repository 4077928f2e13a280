/* SPDX-License-Identifier: Apache-2.0 */
#include "files/held_inodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

void hb_held_init(struct hb_held_inodes *held)
{
    pthread_mutex_init(&held->lock, NULL);
    pthread_cond_init(&held->left, NULL);
    held->first = NULL;
}

void hb_held_clear(struct hb_held_inodes *held)
{
    pthread_cond_destroy(&held->left);
    pthread_mutex_destroy(&held->lock);
}

void hb_held_enter(struct hb_held_inodes *held, struct hb_held_inode *one,
                   const struct stat *status)
{
    pthread_mutex_lock(&held->lock);
    *one = (struct hb_held_inode){status->st_dev, status->st_ino, held->first};
    held->first = one;
    pthread_mutex_unlock(&held->lock);
}

void hb_held_leave(struct hb_held_inodes *held, struct hb_held_inode *one)
{
    pthread_mutex_lock(&held->lock);
    struct hb_held_inode **link = &held->first;
    while (*link != one)
        link = &(*link)->next;
    *link = one->next;
    pthread_cond_broadcast(&held->left);
    pthread_mutex_unlock(&held->lock);
}

static bool is_held(const struct hb_held_inodes *held, const struct stat *status)
{
    for (const struct hb_held_inode *one = held->first; one != NULL; one = one->next)
        if (one->device == status->st_dev && one->inode == status->st_ino)
            return true;
    return false;
}

void hb_held_close(struct hb_held_inodes *held, int fd, const struct stat *status)
{
    pthread_mutex_lock(&held->lock);
    while (is_held(held, status))
        pthread_cond_wait(&held->left, &held->lock);
    close(fd); /* under the lock, so that no plugin begins in between */
    pthread_mutex_unlock(&held->lock);
}
