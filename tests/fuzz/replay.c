/* SPDX-License-Identifier: Apache-2.0 */
/* Without libFuzzer: every file that is named goes through the target, once. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int replay(const char *path)
{
    static char buffer[1 << 20];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t bytes = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    /* Exactly as large as it is, so that the sanitizer sees a read beyond the end. */
    HB_AUTO_FREE uint8_t *copy = hb_alloc(bytes);
    memcpy(copy, buffer, bytes);
    return LLVMFuzzerTestOneInput(copy, bytes);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != 0)
            return 1;
    return argc > 1 ? 0 : 1; /* nothing to replay is a mistake */
}
