/* SPDX-License-Identifier: Apache-2.0 */
#include "base/numbers.h"

#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8, LONGEST = 10 /* bytes of a number */ };

/* Differences in both directions are near zero: 0, -1, 1, -2, … as 0, 1, 2, 3, … */
static uint64_t folded(uint64_t difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static uint64_t unfolded(uint64_t number)
{
    return number >> 1 ^ (0 - (number & 1));
}

static unsigned char *put(unsigned char *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (unsigned char)(number | 0x80);
    *to++ = (unsigned char)number;
    return to;
}

static const unsigned char *get(const unsigned char *from, uint64_t *number)
{
    uint64_t value = *from & 0x7f;
    for (unsigned shift = 7; (*from++ & 0x80) != 0; shift += 7)
        value |= (uint64_t)(*from & 0x7f) << shift;
    *number = value;
    return from;
}

void hb_numbers_add(struct hb_numbers *numbers, const uint64_t *row)
{
    size_t most = numbers->columns * LONGEST, block = numbers->count / BLOCK;
    if (numbers->capacity - numbers->used < most) {
        numbers->capacity += numbers->capacity / 2 + 4096;
        numbers->bytes = hb_resize(numbers->bytes, numbers->capacity, 1);
    }
    if (numbers->count % BLOCK == 0) {
        if (block == numbers->block_capacity) {
            numbers->block_capacity += numbers->block_capacity / 2 + 64;
            numbers->blocks =
                hb_resize(numbers->blocks, numbers->block_capacity, sizeof *numbers->blocks);
        }
        numbers->blocks[block] = numbers->used;
        memset(numbers->last, 0, sizeof numbers->last);
    }
    unsigned char *end = numbers->bytes + numbers->used;
    for (size_t i = 0; i < numbers->columns; i++)
        end = put(end, folded(row[i] - numbers->last[i]));
    memcpy(numbers->last, row, numbers->columns * sizeof *row);
    numbers->used = (size_t)(end - numbers->bytes);
    numbers->count++;
}

void hb_numbers_get(const struct hb_numbers *numbers, size_t index, uint64_t *row)
{
    size_t start = numbers->blocks[index / BLOCK];
    const unsigned char *at = numbers->bytes + start;
    if (start < numbers->given_back) {
        fputs("hbcore: a row that was given back is asked for: this is a defect of hbcore\n",
              stderr);
        abort();
    }
    memset(row, 0, numbers->columns * sizeof *row);
    for (size_t left = index % BLOCK + 1; left > 0; left--)
        for (size_t i = 0; i < numbers->columns; i++) {
            uint64_t difference;
            at = get(at, &difference);
            row[i] += unfolded(difference);
        }
}

void hb_numbers_give_back(struct hb_numbers *numbers, size_t index)
{
    if (index / BLOCK >= (numbers->count + BLOCK - 1) / BLOCK)
        return;
    size_t done = numbers->given_back;
    hb_give_back(numbers->bytes, &done, numbers->blocks[index / BLOCK]);
    numbers->given_back = done;
}

void hb_numbers_clear(struct hb_numbers *numbers)
{
    free(numbers->bytes);
    free(numbers->blocks);
    *numbers = (struct hb_numbers){.columns = numbers->columns};
}
