/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include <nettle/base64.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>

void put_encryption(const struct s3 *s3, struct call *call)
{
    const char *kms_key = text_setting(s3->settings, KMS_KEY);
    int64_t encryption = number_setting(s3->settings, ENCRYPTION);
    if (encryption == ENCRYPT_AES256)
        call_header(call, "x-amz-server-side-encryption", "AES256");
    if (encryption == ENCRYPT_KMS)
        call_header(call, "x-amz-server-side-encryption", "aws:kms");
    if (encryption == ENCRYPT_KMS && *kms_key != '\0')
        call_header(call, "x-amz-server-side-encryption-aws-kms-key-id", kms_key);
    call->flags |= CALL_ENCRYPTED;
}

void put_headers(const struct s3 *s3, const struct put *put, struct call *call)
{
    const char *class = text_setting(s3->settings, STORAGE_CLASS);
    call_header(call, "content-type", "application/octet-stream");
    call_header(call, RUN_HEADER, put->run);
    if (*class != '\0')
        call_header(call, "x-amz-storage-class", class);
    put_encryption(s3, call);
}

void put_conditions(const struct put *put, struct call *call)
{
    if (put->fresh)
        call_header(call, "if-none-match", "*");
    else if (put->replaces != NULL)
        call_header(call, "if-match", put->replaces);
}

void put_checksum(const struct s3 *s3, struct call *call, char checksum[CHECKSUM_BYTES])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    checksum[0] = '\0';
    if (number_setting(s3->settings, CHECKSUM) != CHECKSUM_SHA256)
        return;
    sha256_init(&context);
    sha256_update(&context, call->body_bytes, call->body);
    sha256_digest(&context, sizeof digest, digest);
    base64_encode_raw(checksum, sizeof digest, digest);
    checksum[BASE64_ENCODE_RAW_LENGTH(sizeof digest)] = '\0';
    call_header(call, "x-amz-checksum-sha256", checksum);
}

void md5_of(const void *data, size_t bytes, char base64[32])
{
    struct md5_ctx context;
    uint8_t digest[MD5_DIGEST_SIZE];
    md5_init(&context);
    md5_update(&context, bytes, data);
    md5_digest(&context, sizeof digest, digest);
    base64_encode_raw(base64, sizeof digest, digest);
    base64[BASE64_ENCODE_RAW_LENGTH(sizeof digest)] = '\0';
}
