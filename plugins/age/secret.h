/* SPDX-License-Identifier: Apache-2.0 */
/* A passphrase, asked for when it is needed first, and kept in locked memory for the archives that
 * follow. */
#ifndef AGE_SECRET_H
#define AGE_SECRET_H

#include "locked.h"
#include <hbcore/transform.h>
#include <stdbool.h>

struct secret {
    struct locked text;
};

/*
 * That of the option `which`, which is set. `twice`: something will be sealed with it, so that what
 * is typed is typed twice. HB_OK, or HB_STATUS_FATAL or HB_STATUS_CANCELLED, told.
 */
int secret_ask(const struct hb_host *host, const struct hb_settings *settings, int which,
               bool twice, struct secret *secret);

#endif
