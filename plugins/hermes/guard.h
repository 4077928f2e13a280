/* SPDX-License-Identifier: Apache-2.0 */
/* The guard command. */
#ifndef HERMES_GUARD_H
#define HERMES_GUARD_H

#include "hermes.h"

/* Compares the live jobs with those of the snapshot, and puts back what is lost. */
int hermes_guard(const struct hermes *hermes, const struct hb_invocation *invocation);

#endif
