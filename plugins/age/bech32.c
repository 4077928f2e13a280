/* SPDX-License-Identifier: Apache-2.0 */
#include "bech32.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

enum {
    CHECKSUM = 6, /* characters */
    DATA = 52,    /* that 32 bytes need, with 4 bits to spare */
    OUT_BYTES = 32
};

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t step(uint32_t sum, unsigned value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    uint32_t top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (int i = 0; i < 5; i++)
        if (((top >> i) & 1) != 0)
            sum ^= generator[i];
    return sum;
}

/* The checksum is over lower case. */
static uint32_t sum_of_prefix(const char *prefix)
{
    uint32_t sum = 1;
    for (const char *at = prefix; *at != '\0'; at++)
        sum = step(sum, (unsigned)tolower((unsigned char)*at) >> 5);
    sum = step(sum, 0);
    for (const char *at = prefix; *at != '\0'; at++)
        sum = step(sum, (unsigned)tolower((unsigned char)*at) & 31);
    return sum;
}

/* -1: no character of the alphabet in that case. */
static int value_of(char character, bool upper)
{
    if (upper ? islower((unsigned char)character) : isupper((unsigned char)character))
        return -1;
    int lower = tolower((unsigned char)character);
    const char *found = lower == '\0' ? NULL : strchr(alphabet, lower);
    return found == NULL ? -1 : (int)(found - alphabet);
}

/* Five bits each into eight each. False: the bits to spare are not zero. */
static bool pack(const unsigned char *values, unsigned char *out)
{
    uint32_t bits = 0;
    int count = 0;
    size_t at = 0;
    for (size_t i = 0; i < DATA; i++) {
        bits = (bits << 5 | values[i]) & 0xfff;
        count += 5;
        if (count >= 8) {
            count -= 8;
            out[at++] = (unsigned char)(bits >> count);
        }
    }
    return (bits & ((1u << count) - 1)) == 0;
}

const char *bech32_decode(const char *text, size_t characters, const char *prefix,
                          unsigned char *out)
{
    size_t length = strlen(prefix);
    bool upper = isupper((unsigned char)*prefix) != 0;
    unsigned char values[DATA + CHECKSUM];
    const char *wrong = NULL;
    if (characters <= length || memcmp(text, prefix, length) != 0 || text[length] != '1')
        return "does not begin as a key does";
    if (characters != length + 1 + sizeof values)
        return "is too short or too long for a key";
    uint32_t sum = sum_of_prefix(prefix);
    for (size_t i = 0; i < sizeof values && wrong == NULL; i++) {
        int value = value_of(text[length + 1 + i], upper);
        if (value < 0)
            wrong = "has a character that no key has";
        values[i] = (unsigned char)(value & 31);
        sum = step(sum, values[i]);
    }
    if (wrong == NULL && (sum != 1 || !pack(values, out)))
        wrong = "is mistyped: its checksum is wrong";
    if (wrong != NULL)
        sodium_memzero(out, OUT_BYTES);
    sodium_memzero(values, sizeof values);
    return wrong;
}
