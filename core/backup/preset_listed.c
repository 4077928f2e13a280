/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_listed.h"

#include "base/memory.h"
#include "base/url.h"
#include <errno.h>
#include <string.h>

char *hb_preset_archive_path(const struct hb_preset_archives *archives, size_t row)
{
    const char *directory = archives->directory;
    bool slash = directory[strlen(directory) - 1] == '/';
    return hb_text("%s%s%s", directory, slash ? "" : "/", archives->rows[row].kept.name);
}

char *hb_preset_object_name(const struct hb_preset_archives *archives, const char *name)
{
    if (archives->store == &archives->local.store)
        return hb_copy_text(name);
    const char *above = hb_url_name(archives->directory);
    return hb_text("%s%s%s", above, *above == '\0' ? "" : "/", name);
}

bool hb_preset_is_gone(const struct hb_preset_archives *archives, const char *archive)
{
    struct hb_opened opened;
    if (archives->store == &archives->local.store)
        return hb_local_still(&archives->local, archive, "") == -ENOENT;
    HB_AUTO_FREE char *name = hb_preset_object_name(archives, archive);
    int status = hb_store_open_name(archives->store, name, NULL, &opened);
    if (status == HB_OK)
        hb_opened_close(&opened);
    return status == HB_STATUS_NOMATCH;
}
