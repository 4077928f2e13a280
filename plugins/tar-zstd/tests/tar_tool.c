/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the judges: packs a directory's worth of entries that standard input describes, or prints
 * what is in an archive.
 *
 *     tar_tool pack FILE [SETTING…] <entries      tar_tool walk|pipe|list FILE >entries
 *
 * An entry is a line: type mode seconds nanoseconds path link content, the last three in
 * hexadecimal
 * ("-" for none).
 */
#include "fixture.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static char *from_hex(const char *text, size_t *bytes)
{
    size_t length = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    char *out = calloc(1, length + 1);
    for (size_t i = 0; i < length; i++) {
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            abort();
        out[i] = (char)((high - digits) * 16 + (low - digits));
    }
    *bytes = length;
    return out;
}

static void print_hex(const unsigned char *data, size_t bytes)
{
    char *text = malloc(2 * bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * bytes] = '\0';
    printf(" %s", bytes == 0 ? "-" : text);
    free(text);
}

static bool read_line(char *line, struct sample *sample)
{
    char *save = NULL, *fields[7];
    for (int i = 0; i < 7; i++)
        fields[i] = strtok_r(i == 0 ? line : NULL, " \n", &save);
    if (fields[6] == NULL)
        return false;
    size_t bytes, link_bytes;
    *sample = sample_file(from_hex(fields[4], &bytes), NULL, 0);
    sample->entry.path_bytes = bytes;
    char *link = from_hex(fields[5], &link_bytes);
    sample->data = from_hex(fields[6], &bytes);
    sample->entry.type = (uint32_t)strtoul(fields[0], NULL, 10);
    sample->entry.mode = (uint32_t)strtoul(fields[1], NULL, 8);
    sample->entry.mtime.tv_sec = strtoll(fields[2], NULL, 10);
    sample->entry.mtime.tv_nsec = strtol(fields[3], NULL, 10);
    sample->entry.bytes = sample->entry.type == HB_TYPE_FILE ? bytes : 0;
    if (link_bytes > 0)
        sample->entry.link = link;
    else
        free(link);
    return true;
}

static int pack(struct fake_host *fake, const char *file, const char *settings)
{
    struct sample *samples = NULL;
    size_t count = 0, capacity = 0;
    char *line = NULL;
    struct memory memory;
    memory_init(&memory, true);
    for (bool more = true; more;) {
        struct sample *grown = realloc(samples, (count + 1) * sizeof *samples);
        if (grown == NULL)
            abort();
        samples = grown;
        more = getline(&line, &capacity, stdin) > 0 && read_line(line, &samples[count]);
        count += more;
    }
    int status = write_archive(fake, settings, &memory, samples, count, "TRAILER", 7);
    FILE *out = fopen(file, "wb");
    if (status == HB_OK &&
        (out == NULL || fwrite(memory.data, 1, memory.bytes, out) != memory.bytes))
        status = HB_STATUS_FATAL;
    if (out == NULL || fclose(out) != 0)
        status = HB_STATUS_FATAL;
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)samples[i].entry.path);
        free((void *)(uintptr_t)samples[i].entry.link);
        free((void *)(uintptr_t)samples[i].data);
    }
    free(samples);
    free(line);
    memory_free(&memory);
    return status;
}

static int print(struct fake_host *fake, const char *how, const char *file)
{
    struct memory memory;
    struct content content = {0};
    static char block[65536];
    memory_init(&memory, true);
    FILE *in = fopen(file, "rb");
    if (in == NULL)
        return HB_STATUS_FATAL;
    for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;)
        memory.sink.write(&memory.sink, block, got);
    fclose(in);
    int status = strcmp(how, "list") == 0
                     ? read_by_list(fake, &memory, &content)
                     : read_by_walk(fake, &memory, strcmp(how, "walk") == 0, &content);
    for (size_t i = 0; i < content.count; i++) {
        const struct hb_entry *entry = &content.items[i].entry;
        printf("%u %o %lld %ld", entry->type, entry->mode, (long long)entry->mtime.tv_sec,
               entry->mtime.tv_nsec);
        print_hex((const unsigned char *)entry->path, strlen(entry->path));
        print_hex((const unsigned char *)entry->link,
                  entry->link != NULL ? strlen(entry->link) : 0);
        print_hex(content.items[i].data, content.items[i].bytes);
        putchar('\n');
    }
    content_free(&content);
    memory_free(&memory);
    return status;
}

int main(int argc, char **argv)
{
    struct fake_host fake;
    int status = HB_STATUS_FATAL;
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 3)
        return 2;
    fake_host_init(&fake);
    if (strcmp(argv[1], "pack") == 0)
        status = pack(&fake, argv[2], argc > 3 ? argv[3] : "");
    else
        status = print(&fake, argv[1], argv[2]);
    if (status != HB_OK)
        fprintf(stderr, "%d: %s\n", status, fake.message);
    fake_host_finish(&fake);
    return status == HB_OK ? 0 : 1;
}
