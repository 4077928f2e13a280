/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing one version. S3 removes what has a name, whatever that is; so it is looked at first.
 * Between the look and the removal somebody else could put another one there; names of archives
 * have the time and six digits of the run in them, and come only once.
 *
 * In a bucket that keeps versions it is removed by its id, so that nothing else can go, and the
 * room is free. A PUT whose answer was lost was sent again and is there twice, with one content:
 * then the other one comes to light, and goes as well. With `versions = hide` nothing is removed
 * but hidden, and rules of the bucket say how long it stays; and nothing that we can do takes an
 * archive from a bucket with a lock before its time.
 */
#include "remove.h"

#include "client.h"
#include "get.h"
#include "list.h"
#include <string.h>

enum { COPIES_MOST = 10 };

static int remove_once(struct s3 *s3, const struct object_name *name, const char *id)
{
    AUTO_CALL call = {.method = "DELETE", .name = name};
    if (*id != '\0')
        call_query(&call, "versionId", id);
    int status = call_do(s3, &call);
    if (status == HB_OK || *id == '\0' || !call_refused(&call, "AccessDenied", 403))
        return status;
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_DENIED,
                             "allow s3:DeleteObjectVersion, or set versions = hide; a lock of the "
                             "bucket may hold it, too",
                             "the service does not let this version be removed (AccessDenied)");
}

int s3_remove(void *self, const char *name, const char *version)
{
    struct s3 *s3 = self;
    struct object_name split;
    struct said said;
    bool hide = number_setting(s3->settings, VERSIONS) == VERSIONS_HIDE;
    int status = name_split(s3, name, &split);
    for (unsigned removed = 0; status == HB_OK && removed < COPIES_MOST; removed++) {
        status = get_said(s3, &split, &said);
        if (status == HB_STATUS_NOMATCH || (status == HB_OK && strcmp(said.etag, version) != 0))
            return removed > 0 ? HB_OK : HB_STATUS_NOMATCH;
        if (status == HB_OK)
            status = remove_once(s3, &split, hide ? "" : said.id);
        if (hide || *said.id == '\0')
            break;
    }
    return status;
}
