/* SPDX-License-Identifier: Apache-2.0 */
#include "files/root.h"

#include <stdlib.h>
#include <unistd.h>

void hb_root_close(struct hb_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    free(root->path);
    root->fd = -1;
    root->path = NULL;
}

struct hb_rights hb_root_reading(const struct hb_root *root)
{
    return root->read_as_root ? (struct hb_rights){.other = false} : root->rights;
}
