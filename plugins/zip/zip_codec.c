/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bytes of a unit depend on besides its content. The libraries promise that what they make
 * decompresses, not that it is the same in the next release, on another processor (ISA-L chooses
 * its code when it is loaded) or where a distribution has patched them. So a sample is compressed,
 * too.
 */
#include "zip_codec.h"

#include "zip_encode.h"
#include "zip_worker.h"

#include <isa-l.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_BYTES = 160 << 10, /* several blocks, and more than a window of each kind */
    FIRST_BYTES = 7000,       /* of a small file */
    PART_BYTES = 40 << 10,
    NAME_BYTES = 128
};

/* The next of a sequence that looks like chance (Knuth's MMIX generator). */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/*
 * Words, some much more often than others; then numbers in columns; then chance; then words
 * again.
 */
static void make_sample(unsigned char *sample)
{
    uint64_t seed = 1;
    char words[512][12];
    for (size_t i = 0; i < 512; i++)
        for (size_t j = 0; j < 12; j++)
            words[i][j] = (char)(j < 3 + i % 9 ? 'a' + (int)draw(&seed, 26) : j == 11 ? '.' : ' ');
    size_t at = 0;
    while (at < SAMPLE_BYTES) {
        size_t word = draw(&seed, 1 + draw(&seed, 512)), length = 4 + word % 9;
        if (length > SAMPLE_BYTES - at)
            length = SAMPLE_BYTES - at;
        memcpy(sample + at, words[word], length);
        at += length;
    }
    for (size_t i = 0; i < PART_BYTES; i++) {
        sample[PART_BYTES + i] = (unsigned char)(i % 16 < 9    ? 0
                                                 : i % 16 < 12 ? i >> 8
                                                               : i * i >> 7);
        if (i % 4 == 0)
            sample[2 * PART_BYTES + i] = (unsigned char)draw(&seed, 256);
    }
}

/* Adds what becomes of these bytes of one entry to the checksum. */
static int add_unit(struct zip *zip, struct zip_worker *worker, const unsigned char *data,
                    size_t bytes, uint32_t flags, uint32_t *checksum)
{
    struct hb_entry entry = {.size = sizeof entry,
                             .type = HB_TYPE_FILE,
                             .path = "sample",
                             .path_bytes = 6,
                             .bytes = bytes};
    struct hb_segment segment = {
        .size = sizeof segment, .flags = flags, .entry = &entry, .data = data, .bytes = bytes};
    const struct hb_segment *segments[] = {&segment};
    struct hb_unit unit = {.size = sizeof unit, .entry = &entry};
    int status = zip_encode(zip, worker, segments, 1, &unit);
    if (status == HB_OK)
        *checksum = libdeflate_crc32(*checksum, unit.data, (size_t)unit.bytes);
    zip->host->release(zip->host, (void *)(uintptr_t)unit.data);
    return status;
}

/* The sample as a whole, half of it as the first unit of several, its start as a small file. */
static int check_sample(struct zip *zip, struct zip_worker *worker, unsigned char *sample,
                        uint32_t *checksum)
{
    make_sample(sample);
    *checksum = 0;
    int status =
        add_unit(zip, worker, sample, SAMPLE_BYTES, HB_UNIT_FIRST | HB_UNIT_LAST, checksum);
    if (status == HB_OK)
        status = add_unit(zip, worker, sample, 2 * PART_BYTES, HB_UNIT_FIRST, checksum);
    if (status == HB_OK)
        status = add_unit(zip, worker, sample, FIRST_BYTES, HB_UNIT_FIRST | HB_UNIT_LAST, checksum);
    if (status != HB_OK)
        return status;
    /* What tells whether a unit is stored. */
    unsigned char packed[16 << 10];
    size_t bytes =
        libdeflate_deflate_compress(worker->sampler, sample, sizeof packed, packed, sizeof packed);
    *checksum = libdeflate_crc32(*checksum, packed, bytes);
    return HB_OK;
}

static void write_name(const struct zip *zip, uint32_t checksum, bool patch, char *name)
{
    const char *layout = patch ? "" : ", in order";
    int length = snprintf(name, NAME_BYTES, "%.4s %d ", ZIP_NOTE_MAGIC, ZIP_ASKED_BYTES);
    if (zip->level == 0)
        snprintf(name + length, NAME_BYTES - (size_t)length, "stored%s", layout);
    else if (zip->level == ZIP_LEVEL_FAST)
        snprintf(name + length, NAME_BYTES - (size_t)length,
                 "isa-l %d.%d.%d fast, libdeflate %s, sample %08x%s", ISAL_MAJOR_VERSION,
                 ISAL_MINOR_VERSION, ISAL_PATCH_VERSION, LIBDEFLATE_VERSION_STRING, checksum,
                 layout);
    else
        snprintf(name + length, NAME_BYTES - (size_t)length,
                 "libdeflate %s level %d, sample %08x%s", LIBDEFLATE_VERSION_STRING, zip->level,
                 checksum, layout);
}

const char *zip_codec_name(struct zip *zip, bool patch)
{
    if (zip->codec != NULL)
        return zip->codec;
    uint32_t checksum = 0;
    unsigned char *sample = malloc(SAMPLE_BYTES);
    char *name = malloc(NAME_BYTES);
    struct zip_worker *worker = zip_worker_create(zip);
    int status = HB_OK;
    if (sample == NULL || name == NULL)
        status = zip_no_memory(zip);
    if (status == HB_OK && worker != NULL && zip->level != 0)
        status = check_sample(zip, worker, sample, &checksum);
    if (status == HB_OK && worker != NULL) {
        write_name(zip, checksum, patch, name);
        zip->codec = name;
    } else {
        free(name);
    }
    zip_worker_destroy(zip, worker);
    free(sample);
    return zip->codec;
}
