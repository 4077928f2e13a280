/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a snapshot share: the result of an attempt, and a fresh start. */
#include "attempt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int attempt_start_over(struct attempt *attempt)
{
    bool again = attempt->written;
    attempt->result = SQLITE_OK;
    attempt->staging = attempt->held_up = false;
    attempt->message[0] = '\0';
    if (!again)
        return HB_OK;
    held_remove_sides(&attempt->staged);
    attempt->written = false;
    if (ftruncate(attempt->file.fd, 0) != 0)
        return attempt->snap->host->fail(attempt->snap->host, HB_STATUS_ENTRY,
                                         "its snapshot cannot be staged: %s", strerror(errno));
    return HB_OK;
}

void attempt_say(struct attempt *attempt, const struct connection *connection, int result)
{
    attempt->result = result;
    snprintf(attempt->message, sizeof attempt->message, "%s",
             connection_message(connection, result));
}

int attempt_refused(const struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    return host->fail(host, HB_STATUS_ENTRY, "%s; stored nothing for it", attempt->live.refusal);
}
