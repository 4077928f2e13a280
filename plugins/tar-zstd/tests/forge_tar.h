/* SPDX-License-Identifier: Apache-2.0 */
/* A tar, packed or not, whose checksums are right, with anything inside: from the bytes of a
 * fuzzer. */
#ifndef FORGE_TAR_H
#define FORGE_TAR_H

#include <stddef.h>
#include <stdint.h>

/* To be freed by the caller. */
uint8_t *forge_tar(const uint8_t *script, size_t bytes, size_t *made);

#endif
