/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to look into the home. */
#ifndef HERMES_HOME_H
#define HERMES_HOME_H

#include <hbcore/hook.h>

/*
 * Opens what lies below the home to read it, also through links that end below the home. A
 * descriptor, or -errno: EXDEV where a link leads outside.
 */
int hermes_open(const struct hb_host *host, const char *path, int flags);

/* Why hermes_open() failed. */
const char *hermes_reason(int error);

#endif
