/* response_xml: every document whole, in AWS's element order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "compat/response_xml.h"
#include "compat/storage_class.h"

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS       " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define HEX         "5eb63bbbe01eeed093cb22bb8f5acdc3"
#define ETAG        "<ETag>&quot;" HEX "&quot;</ETag>"
#define TIME        "2026-11-22T19:54:00.000Z"
#define TIME_MS     1795377240123
#define OWNER       "<Owner><ID>id1</ID><DisplayName>admin</DisplayName></Owner>"

static const struct response_owner owner = {{"id1", 3}, {"admin", 5}};

static struct etag hello_etag(uint32_t parts)
{
    struct etag etag = {.parts = parts};

    md5_of("hello world", 11, etag.md5);
    return etag;
}

static struct checksum_value crc32_value(bool full_object)
{
    struct checksum_value value;

    assert_int_equal(checksum_parse(CHECKSUM_CRC32, BYTES("DUoRhQ=="), &value), STATUS_OK);
    value.full_object = full_object;
    return value;
}

/* Compares and releases. */
static void assert_document(struct buffer *out, enum status status, const char *expected)
{
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(out->data, expected);
    buffer_release(out);
}

static void test_buckets(void **state)
{
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_buckets_begin(&writer, &out, &owner);
    response_buckets_add(&writer, BYTES("alpha"), TIME_MS, (struct bytes){NULL, 0});
    response_buckets_add(&writer, BYTES("beta"), TIME_MS, BYTES("eu-west-1"));
    assert_document(&out, response_buckets_end(&writer, BYTES("a"), BYTES("token")),
                    DECLARATION
                    "<ListAllMyBucketsResult" XMLNS ">" OWNER "<Buckets><Bucket><Name>alpha</Name>"
                    "<CreationDate>" TIME "</CreationDate></Bucket><Bucket><Name>beta</Name><CreationDate>" TIME
                    "</CreationDate><BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets>"
                    "<ContinuationToken>token</ContinuationToken><Prefix>a</Prefix></ListAllMyBucketsResult>");

    buffer_init(&out, 4096);
    response_buckets_begin(&writer, &out, &owner);
    assert_document(&out, response_buckets_end(&writer, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}),
                    DECLARATION "<ListAllMyBucketsResult" XMLNS ">" OWNER
                                "<Buckets></Buckets></ListAllMyBucketsResult>");
}

static void test_list_v1(void **state)
{
    const struct response_list list = {
        .truncated = true,
        .bucket = BYTES("b"),
        .prefix = BYTES("p/"),
        .delimiter = BYTES("/"),
        .max_keys = 2,
        .marker = BYTES("p/0"),
        .next_marker = BYTES("p/z/"),
    };
    const struct response_object object = {
        .key = BYTES("p/a b&\x01"),
        .modified_ms = TIME_MS,
        .etag = hello_etag(0),
        .size = 11,
        .checksum = CHECKSUM_CRC64NVME,
        .checksum_full_object = true,
        .storage_class = STORAGE_ONEZONE_IA,
        .owner = &owner,
    };
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_list_begin(&writer, &out, &list);
    response_list_add(&writer, &object);
    response_list_add_prefix(&writer, BYTES("p/z/"));
    assert_document(&out, response_list_end(&writer),
                    DECLARATION
                    "<ListBucketResult" XMLNS "><Name>b</Name><Prefix>p/</Prefix><Marker>p/0</Marker>"
                    "<NextMarker>p/z/</NextMarker><MaxKeys>2</MaxKeys><Delimiter>/</Delimiter>"
                    "<IsTruncated>true</IsTruncated><Contents><Key>p/a b&amp;&#x1;</Key><LastModified>" TIME
                    "</LastModified>" ETAG "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
                    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>11</Size>" OWNER
                    "<StorageClass>ONEZONE_IA</StorageClass></Contents><CommonPrefixes><Prefix>p/z/</Prefix>"
                    "</CommonPrefixes></ListBucketResult>");
}

static void test_list_v1_empty(void **state)
{
    const struct response_list list = {.bucket = BYTES("b"), .max_keys = 1000};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_list_begin(&writer, &out, &list);
    assert_document(&out, response_list_end(&writer),
                    DECLARATION "<ListBucketResult" XMLNS "><Name>b</Name><Prefix></Prefix><Marker></Marker>"
                                "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>");
}

static void test_list_v2(void **state)
{
    const struct response_list list = {
        .v2 = true,
        .url_encode = true,
        .truncated = true,
        .bucket = BYTES("b"),
        .prefix = BYTES("p +"),
        .delimiter = BYTES("~"),
        .max_keys = 1,
        .continuation_token = BYTES("one+two="),
        .next_continuation_token = BYTES("three/="),
        .start_after = BYTES("s&"),
        .key_count = 2,
    };
    const struct response_object object = {
        .key = BYTES("p +\xc3\xbc"), .modified_ms = TIME_MS, .etag = hello_etag(3), .size = 0};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_list_begin(&writer, &out, &list);
    response_list_add(&writer, &object);
    response_list_add_prefix(&writer, BYTES("p +x~"));
    assert_document(&out, response_list_end(&writer),
                    DECLARATION
                    "<ListBucketResult" XMLNS "><Name>b</Name><Prefix>p%20%2B</Prefix>"
                    "<StartAfter>s%26</StartAfter><ContinuationToken>one+two=</ContinuationToken>"
                    "<NextContinuationToken>three/=</NextContinuationToken><KeyCount>2</KeyCount>"
                    "<MaxKeys>1</MaxKeys><Delimiter>%7E</Delimiter><EncodingType>url</EncodingType>"
                    "<IsTruncated>true</IsTruncated><Contents><Key>p%20%2B%C3%BC</Key><LastModified>" TIME
                    "</LastModified><ETag>&quot;" HEX "-3&quot;</ETag><Size>0</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents><CommonPrefixes><Prefix>p%20%2Bx%7E</Prefix>"
                    "</CommonPrefixes></ListBucketResult>");
}

static void test_versions(void **state)
{
    const struct response_versions list = {
        .truncated = true,
        .bucket = BYTES("b"),
        .max_keys = 2,
        .key_marker = BYTES("k0"),
        .version_id_marker = BYTES("v0"),
        .next_key_marker = BYTES("k"),
        .next_version_id_marker = BYTES("v1"),
    };
    struct response_version version = {
        .object = {.key = BYTES("k"),
                   .modified_ms = TIME_MS,
                   .etag = hello_etag(0),
                   .size = 11,
                   .storage_class = STORAGE_GLACIER_IR,
                   .owner = &owner},
        .version_id = BYTES("v2"),
        .is_latest = true,
        .delete_marker = true,
    };
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_versions_begin(&writer, &out, &list);
    response_versions_add(&writer, &version);
    version.is_latest = version.delete_marker = false;
    version.version_id = BYTES("v1");
    response_versions_add(&writer, &version);
    assert_document(&out, response_versions_end(&writer),
                    DECLARATION
                    "<ListVersionsResult" XMLNS "><Name>b</Name><Prefix></Prefix><KeyMarker>k0</KeyMarker>"
                    "<VersionIdMarker>v0</VersionIdMarker><NextKeyMarker>k</NextKeyMarker>"
                    "<NextVersionIdMarker>v1</NextVersionIdMarker><MaxKeys>2</MaxKeys>"
                    "<IsTruncated>true</IsTruncated><DeleteMarker><Key>k</Key><VersionId>v2</VersionId>"
                    "<IsLatest>true</IsLatest><LastModified>" TIME "</LastModified>" OWNER "</DeleteMarker>"
                    "<Version><Key>k</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><LastModified>" TIME
                    "</LastModified>" ETAG "<Size>11</Size>" OWNER "<StorageClass>GLACIER_IR</StorageClass></Version>"
                    "</ListVersionsResult>");
}

static void test_uploads(void **state)
{
    const struct response_uploads list = {
        .url_encode = true,
        .bucket = BYTES("b"),
        .prefix = BYTES("p"),
        .next_key_marker = BYTES("k 1"),
        .next_upload_id_marker = BYTES("u1"),
        .max_uploads = 1000,
    };
    const struct response_upload upload = {
        .key = BYTES("k 1"),
        .upload_id = BYTES("u1"),
        .initiated_ms = TIME_MS,
        .storage_class = STORAGE_STANDARD_IA,
        .owner = &owner,
        .checksum = CHECKSUM_SHA256,
    };
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_uploads_begin(&writer, &out, &list);
    response_uploads_add(&writer, &upload);
    assert_document(&out, response_uploads_end(&writer),
                    DECLARATION
                    "<ListMultipartUploadsResult" XMLNS "><Bucket>b</Bucket><KeyMarker></KeyMarker>"
                    "<UploadIdMarker></UploadIdMarker><NextKeyMarker>k%201</NextKeyMarker>"
                    "<NextUploadIdMarker>u1</NextUploadIdMarker><Prefix>p</Prefix><EncodingType>url</EncodingType>"
                    "<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated><Upload><Key>k%201</Key>"
                    "<UploadId>u1</UploadId><Initiator><ID>id1</ID><DisplayName>admin</DisplayName></Initiator>" OWNER
                    "<StorageClass>STANDARD_IA</StorageClass><Initiated>" TIME "</Initiated>"
                    "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType></Upload>"
                    "</ListMultipartUploadsResult>");
}

static void test_parts(void **state)
{
    const struct response_parts list = {
        .truncated = true,
        .bucket = BYTES("b"),
        .key = BYTES("k"),
        .upload_id = BYTES("u"),
        .storage_class = STORAGE_REDUCED_REDUNDANCY,
        .owner = &owner,
        .part_number_marker = 0,
        .next_part_number_marker = 7,
        .max_parts = 1,
        .checksum = CHECKSUM_CRC32,
        .checksum_full_object = true,
    };
    const struct response_part part = {
        .number = 7, .modified_ms = TIME_MS, .etag = hello_etag(0), .size = 5242880, .checksum = crc32_value(true)};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_parts_begin(&writer, &out, &list);
    response_parts_add(&writer, &part);
    assert_document(&out, response_parts_end(&writer),
                    DECLARATION
                    "<ListPartsResult" XMLNS "><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
                    "<Initiator><ID>id1</ID><DisplayName>admin</DisplayName></Initiator>" OWNER
                    "<StorageClass>REDUCED_REDUNDANCY</StorageClass><PartNumberMarker>0</PartNumberMarker>"
                    "<NextPartNumberMarker>7</NextPartNumberMarker><MaxParts>1</MaxParts>"
                    "<IsTruncated>true</IsTruncated><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
                    "<ChecksumType>FULL_OBJECT</ChecksumType><Part><PartNumber>7</PartNumber><LastModified>" TIME
                    "</LastModified>" ETAG "<Size>5242880</Size><ChecksumCRC32>DUoRhQ==</ChecksumCRC32></Part>"
                    "</ListPartsResult>");
}

static void test_annotations(void **state)
{
    struct response_annotations list = {.bucket = BYTES("b"), .key = BYTES("k&"), .max = 1, .count = 1};
    struct response_annotation annotation = {
        .name = BYTES("a.b"), .modified_ms = 1751547600000, .size = 7, .checksum = CHECKSUM_CRC32};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_annotations_begin(&writer, &out, &list);
    assert_document(&out, response_annotations_end(&writer),
                    DECLARATION "<ListObjectAnnotationsOutput" XMLNS "><Bucket>b</Bucket><Key>k&amp;</Key>"
                                "<MaxAnnotationResults>1</MaxAnnotationResults><AnnotationCount>1</AnnotationCount>"
                                "<Annotations></Annotations></ListObjectAnnotationsOutput>");
    list.prefix = BYTES("a.");
    list.continuation_token = BYTES("61");
    list.next_continuation_token = BYTES("62");
    buffer_init(&out, 4096);
    response_annotations_begin(&writer, &out, &list);
    response_annotations_add(&writer, &annotation);
    assert_document(&out, response_annotations_end(&writer),
                    DECLARATION
                    "<ListObjectAnnotationsOutput" XMLNS "><Bucket>b</Bucket><Key>k&amp;</Key>"
                    "<AnnotationPrefix>a.</AnnotationPrefix><MaxAnnotationResults>1</MaxAnnotationResults>"
                    "<AnnotationCount>1</AnnotationCount><ContinuationToken>61</ContinuationToken>"
                    "<NextContinuationToken>62</NextContinuationToken><Annotations><AnnotationEntry>"
                    "<AnnotationName>a.b</AnnotationName><LastModified>2025-07-03T13:00:00.000Z</LastModified>"
                    "<ETag>&quot;00000000000000000000000000000000&quot;</ETag>"
                    "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>7</Size></AnnotationEntry></Annotations>"
                    "</ListObjectAnnotationsOutput>");
    buffer_init(&out, 4096);
    assert_document(&out, response_annotation_put(&out, BYTES("k"), BYTES("a")),
                    DECLARATION "<PutObjectAnnotationOutput" XMLNS "><Key>k</Key><AnnotationName>a</AnnotationName>"
                                "</PutObjectAnnotationOutput>");
}

static void test_delete_result(void **state)
{
    struct s3_error_details error = {.code = S3_NO_SUCH_VERSION};
    struct response_deleted deleted = {.key = BYTES("a&b")};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    response_delete_begin(&writer, &out);
    response_delete_add(&writer, &deleted);
    deleted =
        (struct response_deleted){.key = BYTES("c"), .delete_marker = true, .delete_marker_version_id = BYTES("m1")};
    response_delete_add(&writer, &deleted);
    response_delete_add_error(&writer, BYTES("d"), BYTES("v9"), &error);
    assert_document(&out, response_delete_end(&writer),
                    DECLARATION
                    "<DeleteResult" XMLNS "><Deleted><Key>a&amp;b</Key></Deleted><Deleted><Key>c</Key>"
                    "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m1</DeleteMarkerVersionId></Deleted>"
                    "<Error><Key>d</Key><VersionId>v9</VersionId><Code>NoSuchVersion</Code>"
                    "<Message>The specified version does not exist.</Message></Error></DeleteResult>");
}

static void test_small_documents(void **state)
{
    const struct etag etag = hello_etag(0);
    const struct tag tag = {BYTES("a"), BYTES("<b>")};
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_document(&out, response_location(&out, BYTES("")),
                    DECLARATION "<LocationConstraint" XMLNS "></LocationConstraint>");
    assert_document(&out, response_location(&out, BYTES("eu-west-1")),
                    DECLARATION "<LocationConstraint" XMLNS ">eu-west-1</LocationConstraint>");
    assert_document(&out, response_initiate(&out, BYTES("b"), BYTES("k"), BYTES("u")),
                    DECLARATION "<InitiateMultipartUploadResult" XMLNS "><Bucket>b</Bucket><Key>k</Key>"
                                "<UploadId>u</UploadId></InitiateMultipartUploadResult>");
    assert_document(&out, response_post(&out, BYTES("http://h/b/k"), BYTES("b"), BYTES("k"), &etag),
                    DECLARATION "<PostResponse><Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k</Key>" ETAG
                                "</PostResponse>");
    assert_document(&out, response_versioning(&out, NULL),
                    DECLARATION "<VersioningConfiguration" XMLNS "></VersioningConfiguration>");
    assert_document(&out, response_versioning(&out, "Suspended"),
                    DECLARATION "<VersioningConfiguration" XMLNS "><Status>Suspended</Status>"
                                "</VersioningConfiguration>");
    assert_document(&out, response_tagging(&out, &tag, 1),
                    DECLARATION "<Tagging" XMLNS "><TagSet><Tag><Key>a</Key><Value>&lt;b&gt;</Value></Tag></TagSet>"
                                "</Tagging>");
}

static void test_complete(void **state)
{
    struct response_complete complete = {
        .location = BYTES("http://h/b/k"), .bucket = BYTES("b"), .key = BYTES("k"), .etag = hello_etag(2)};
    const char *const head = DECLARATION "<CompleteMultipartUploadResult" XMLNS "><Location>http://h/b/k</Location>"
                                         "<Bucket>b</Bucket><Key>k</Key><ETag>&quot;" HEX "-2&quot;</ETag>";
    char expected[1024];
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    snprintf(expected, sizeof(expected), "%s</CompleteMultipartUploadResult>", head);
    assert_document(&out, response_complete(&out, &complete), expected);

    complete.checksum = crc32_value(false);
    snprintf(expected, sizeof(expected),
             "%s<ChecksumCRC32>DUoRhQ==-2</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>"
             "</CompleteMultipartUploadResult>",
             head);
    assert_document(&out, response_complete(&out, &complete), expected);

    complete.checksum = crc32_value(true);
    snprintf(expected, sizeof(expected),
             "%s<ChecksumCRC32>DUoRhQ==</ChecksumCRC32><ChecksumType>FULL_OBJECT</ChecksumType>"
             "</CompleteMultipartUploadResult>",
             head);
    assert_document(&out, response_complete(&out, &complete), expected);
}

static void test_copy(void **state)
{
    struct response_copy copy = {.modified_ms = TIME_MS, .etag = hello_etag(0), .checksum = crc32_value(true)};
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_document(&out, response_copy(&out, &copy),
                    DECLARATION "<CopyObjectResult" XMLNS "><LastModified>" TIME "</LastModified>" ETAG
                                "<ChecksumCRC32>DUoRhQ==</ChecksumCRC32><ChecksumType>FULL_OBJECT</ChecksumType>"
                                "</CopyObjectResult>");
    copy.part = true;
    assert_document(&out, response_copy(&out, &copy),
                    DECLARATION "<CopyPartResult" XMLNS "><LastModified>" TIME "</LastModified>" ETAG
                                "<ChecksumCRC32>DUoRhQ==</ChecksumCRC32></CopyPartResult>");
}

static void test_attributes(void **state)
{
    const struct response_part part = {.number = 1, .size = 11, .checksum = crc32_value(true)};
    struct response_attributes attributes = {
        .with_etag = true,
        .with_checksum = true,
        .with_parts = true,
        .with_storage_class = true,
        .storage_class = STORAGE_INTELLIGENT_TIERING,
        .with_size = true,
        .etag = hello_etag(1),
        .checksum = crc32_value(false),
        .size = 11,
        .parts_count = 1,
        .next_part_number_marker = 1,
        .max_parts = 1000,
        .parts = &part,
        .parts_len = 1,
    };
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_document(
        &out, response_attributes(&out, &attributes),
        DECLARATION
        "<GetObjectAttributesResponse" XMLNS "><ETag>" HEX "-1</ETag><Checksum>"
        "<ChecksumCRC32>DUoRhQ==</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType></Checksum>"
        "<ObjectParts><PartsCount>1</PartsCount><PartNumberMarker>0</PartNumberMarker>"
        "<NextPartNumberMarker>1</NextPartNumberMarker><MaxParts>1000</MaxParts>"
        "<IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><Size>11</Size>"
        "<ChecksumCRC32>DUoRhQ==</ChecksumCRC32></Part></ObjectParts>"
        "<StorageClass>INTELLIGENT_TIERING</StorageClass><ObjectSize>11</ObjectSize></GetObjectAttributesResponse>");

    attributes.checksum.full_object = true; /* parts are listed for COMPOSITE only */
    attributes.with_etag = attributes.with_checksum = attributes.with_storage_class = false;
    assert_document(&out, response_attributes(&out, &attributes),
                    DECLARATION "<GetObjectAttributesResponse" XMLNS "><ObjectParts><PartsCount>1</PartsCount>"
                                "</ObjectParts><ObjectSize>11</ObjectSize></GetObjectAttributesResponse>");

    attributes.parts_count = 0;
    attributes.with_size = false;
    attributes.with_checksum = true;
    attributes.checksum.algorithm = CHECKSUM_NONE;
    assert_document(&out, response_attributes(&out, &attributes),
                    DECLARATION "<GetObjectAttributesResponse" XMLNS "></GetObjectAttributesResponse>");
}

static void test_full_buffer(void **state)
{
    const struct response_list list = {.bucket = BYTES("b"), .max_keys = 1000};
    const struct response_object object = {.key = BYTES("k"), .etag = hello_etag(0)};
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 1000);
    response_list_begin(&writer, &out, &list);
    for (unsigned i = 0; i < 1000; i++)
        response_list_add(&writer, &object);
    assert_int_equal(response_list_end(&writer), STATUS_LIMIT);
    assert_true(out.len <= 1000);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets),       cmocka_unit_test(test_list_v1),
        cmocka_unit_test(test_list_v1_empty), cmocka_unit_test(test_list_v2),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_parts),         cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_delete_result), cmocka_unit_test(test_small_documents),
        cmocka_unit_test(test_complete),      cmocka_unit_test(test_copy),
        cmocka_unit_test(test_attributes),    cmocka_unit_test(test_full_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
