/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing one version. S3 removes what has a name, whatever that is; so it is looked at first.
 * Between the look and the removal somebody else could put another one there; names of archives
 * have the time and six digits of the run in them, and come only once. In a bucket that keeps
 * versions the object is hidden, not gone: what rules the owner of the bucket made for old versions
 * says how long it stays, and nothing that we can do takes an archive from a bucket with a lock.
 */
#include "remove.h"

#include "client.h"
#include "get.h"
#include "list.h"
#include <string.h>

int s3_remove(void *self, const char *name, const char *version)
{
    struct s3 *s3 = self;
    struct object_name split;
    char etag[VERSION_BYTES];
    int status = name_split(s3, name, &split);
    if (status == HB_OK)
        status = get_version(s3, &split, etag);
    if (status != HB_OK)
        return status;
    if (strcmp(etag, version) != 0)
        return HB_STATUS_NOMATCH;
    AUTO_CALL call = {.method = "DELETE", .name = &split};
    return call_do(s3, &call);
}
