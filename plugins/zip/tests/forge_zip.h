/* SPDX-License-Identifier: Apache-2.0 */
/* A zip whose records agree, with anything inside: from the bytes of a fuzzer. */
#ifndef FORGE_ZIP_H
#define FORGE_ZIP_H

#include <stddef.h>
#include <stdint.h>

/* To be freed by the caller. */
uint8_t *forge_zip(const uint8_t *script, size_t bytes, size_t *made);

#endif
