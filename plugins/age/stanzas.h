/* SPDX-License-Identifier: Apache-2.0 */
/* The stanzas of a header together. */
#ifndef AGE_STANZAS_H
#define AGE_STANZAS_H

#include "header.h"

/*
 * Whether those that are known here are as they must be, whoever they are for. NULL, or what is
 * wrong, a sentence.
 */
const char *stanzas_problem(const struct header *header);
size_t stanzas_count(const struct header *header, const char *type);

#endif
