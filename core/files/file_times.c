/* SPDX-License-Identifier: Apache-2.0 */
#include "files/file_times.h"

#include "files/system_kind.h"

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool hb_write_would_show(const struct stat *status, const struct timespec *now)
{
    enum { COARSE_SECONDS = 2 };
    struct timespec latest = status->st_ctim;
    bool coarse = latest.tv_nsec == 0 && status->st_mtim.tv_nsec == 0;
    if (is_before(&latest, &status->st_mtim))
        latest = status->st_mtim;
    if (latest.tv_sec > now->tv_sec + COARSE_SECONDS)
        return true;
    return coarse ? latest.tv_sec + COARSE_SECONDS <= now->tv_sec : is_before(&latest, now);
}

bool hb_may_be_put_back(const struct stat *before, const struct stat *now, int descriptor)
{
    bool same_time = now->st_ctim.tv_sec == before->st_ctim.tv_sec &&
                     now->st_ctim.tv_nsec == before->st_ctim.tv_nsec;
    return !same_time && now->st_nlink == before->st_nlink && now->st_mode == before->st_mode &&
           now->st_uid == before->st_uid && now->st_gid == before->st_gid &&
           hb_change_time_tells(hb_change_times_of(descriptor), now);
}
