/* xml_reader and request_xml: the bodies that clients really send, and what must be refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "compat/compat.h"
#include "compat/request_xml.h"
#include "compat/xml_reader.h"

#define S3_NS "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* ---- DeleteObjects ---- */

static void assert_delete(const char *document, bool quiet, const char *first, const char *second)
{
    struct delete_request request;

    assert_int_equal(delete_request_parse(bytes_from_str(document), &request), STATUS_OK);
    assert_int_equal(request.quiet, quiet);
    assert_int_equal(request.count, second ? 2 : 1);
    assert_true(bytes_equal_str(request.objects[0].key, first));
    if (second)
        assert_true(bytes_equal_str(request.objects[1].key, second));
    delete_request_release(&request);
}

static void test_delete_of_clients(void **state)
{
    (void)state;
    /* boto3 1.43 */
    assert_delete("<Delete " S3_NS "><Object><Key>a</Key></Object><Object><Key>b &amp; \xc3\xbc</Key></Object>"
                  "</Delete>",
                  false, "a", "b & \xc3\xbc");
    /* minio-js 8: no namespace, pretty-printed */
    assert_delete("<Delete>\n  <Quiet>true</Quiet>\n  <Object>\n    <Key>a</Key>\n  </Object>\n  <Object>\n"
                  "    <Key>b &amp; c</Key>\n  </Object>\n</Delete>",
                  true, "a", "b & c");
    /* s3cmd 2.3 */
    assert_delete("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete><Object><Key>sy/1</Key></Object><Object>"
                  "<Key>sy/2 \xc3\xbc+%</Key></Object></Delete>",
                  false, "sy/1", "sy/2 \xc3\xbc+%");
    /* AWS SDK for JavaScript v3: Quiet last */
    assert_delete("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete " S3_NS "><Object><Key>a</Key></Object><Object>"
                  "<Key>b &amp; c</Key></Object><Quiet>true</Quiet></Delete>",
                  true, "a", "b & c");
}

static void test_delete_variants(void **state)
{
    (void)state;
    assert_delete("<Delete><Quiet> FALSE </Quiet><Object><Key>k</Key></Object></Delete>", false, "k", NULL);
    assert_delete("<x:Delete xmlns:x=\"https://s3.amazonaws.com/doc/2006-03-01/\"><x:Object><x:Key>k</x:Key>"
                  "</x:Object></x:Delete>",
                  false, "k", NULL);
    assert_delete("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01\"><Object><Key>k</Key></Object></Delete>",
                  false, "k", NULL);
    /* white space is part of a key */
    assert_delete("<Delete><Object><Key> k \n</Key></Object></Delete>", false, " k \n", NULL);
    assert_delete("<Delete><Object><Key>a&#10;&#x9;&#xD;&lt;&quot;&apos;</Key></Object></Delete>", false, "a\n\t\r<\"'",
                  NULL);
    assert_delete("<Delete><Object><Key><![CDATA[<a&b>]]></Key></Object></Delete>", false, "<a&b>", NULL);
    assert_delete("<Delete><Object><Key>a<!-- no -->b</Key></Object></Delete>", false, "ab", NULL);
    /* elements of other namespaces */
    assert_delete("<Delete><Object><y:Deep xmlns:y=\"urn:y\"><Key>x</Key></y:Deep><Key>k</Key></Object>"
                  "<y:Object xmlns:y=\"urn:y\"><Key>x</Key></y:Object></Delete>",
                  false, "k", NULL);
    /* a declared encoding does not count: it is UTF-8 */
    assert_delete("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Delete><Object><Key>\xc3\xbc</Key></Object>"
                  "</Delete>",
                  false, "\xc3\xbc", NULL);
}

static void test_delete_members(void **state)
{
    struct delete_request request;

    (void)state;
    assert_int_equal(
        delete_request_parse(BYTES("<Delete><Object><VersionId> v1 </VersionId><Size>12</Size><Key>k</Key>"
                                   "<ETag>&quot;e&quot;</ETag><LastModifiedTime>Sun, 22 Nov 2026 19:54:00 GMT"
                                   "</LastModifiedTime></Object><Object><Key>l</Key></Object></Delete>"),
                             &request),
        STATUS_OK);
    assert_int_equal(request.count, 2);
    assert_true(bytes_equal_str(request.objects[0].version_id, "v1"));
    assert_true(bytes_equal_str(request.objects[0].size, "12"));
    assert_true(bytes_equal_str(request.objects[0].etag, "\"e\""));
    assert_true(bytes_equal_str(request.objects[0].last_modified, "Sun, 22 Nov 2026 19:54:00 GMT"));
    assert_null(request.objects[1].version_id.data);
    assert_null(request.objects[1].etag.data);
    assert_null(request.objects[1].size.data);
    assert_null(request.objects[1].last_modified.data);
    delete_request_release(&request);
}

static void test_delete_refusals(void **state)
{
    static const char *const documents[] = {
        "",
        " ",
        "not xml",
        "<Delete/>",
        "<Delete>",
        "<Delete></Other>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key/></Object></Delete>",
        "<Delete><Object><VersionId>v</VersionId></Object></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        /* unknown: it may be a condition */
        "<Delete><Object><Key>a</Key><IfUnmodifiedSince>t</IfUnmodifiedSince></Object></Delete>",
        "<Delete><Object><Key>a</Key><New/></Object></Delete>",
        "<Delete><Object><New><Key>x</Key></New><Key>a</Key></Object></Delete>",
        "<Delete><New>x</New><Object><Key>a</Key></Object></Delete>",
        "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
        "<Delete><Object><Key>a</Key></Object></Delete>trailing",
        "<delete><Object><Key>a</Key></Object></delete>",
        "<Delete xmlns=\"urn:other\"><Object><Key>a</Key></Object></Delete>",
        "<Delete><Object><Key>&undefined;</Key></Object></Delete>",
        "<Delete><Object><Key>&#0;</Key></Object></Delete>",
        "<Delete><Object><Key>&#x1;</Key></Object></Delete>",
        "<Delete><Object><Key>\x01</Key></Object></Delete>",
        "<Delete><Object><Key>\xff</Key></Object></Delete>",
        "<Delete><Object><Key a=1>a</Key></Object></Delete>",
        /* any DOCTYPE */
        "<!DOCTYPE Delete><Delete><Object><Key>a</Key></Object></Delete>",
        "<!DOCTYPE Delete [<!ENTITY e \"x\">]><Delete><Object><Key>&e;</Key></Object></Delete>",
        /* the parser was stopped by the byte before, and makes a document for the declaration all the same */
        "<!DOCTYPE Delete\xdc[<!ENTITY e \"~\"\">]><\xb4\x9a\x93\x9a\x8b\x9a\xc1\xc3Object><K>]>"
        "<\xb4\x9a\x93\x9a\x8b\x9a\xc1\xc3Object><Key>&ete>",
        "<!DOCTYPE Delete SYSTEM \"file:///etc/passwd\"><Delete><Object><Key>a</Key></Object></Delete>",
        "<!DOCTYPE Delete [<!ENTITY e SYSTEM \"file:///etc/hostname\">]><Delete><Object><Key>&e;</Key></Object>"
        "</Delete>",
        "<!DOCTYPE Delete [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\"> %p;]><Delete><Object><Key>a</Key></Object>"
        "</Delete>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct delete_request request;

        assert_int_equal(delete_request_parse(bytes_from_str(documents[i]), &request), STATUS_INVALID);
        assert_null(request.objects);
        assert_null(request.storage);
    }
}

static void delete_document(struct buffer *out, unsigned objects)
{
    buffer_init(out, 4 * 1024 * 1024);
    (void)buffer_append_str(out, "<Delete>");
    for (unsigned i = 0; i < objects; i++)
        (void)buffer_printf(out, "<Object><Key>k%u</Key></Object>", i);
    (void)buffer_append_str(out, "</Delete>");
}

static void test_delete_bounds(void **state)
{
    struct delete_request request;
    struct buffer document;

    (void)state;
    delete_document(&document, DELETE_OBJECTS_MAX);
    assert_int_equal(delete_request_parse(buffer_bytes(&document), &request), STATUS_OK);
    assert_int_equal(request.count, 1000);
    assert_true(bytes_equal_str(request.objects[0].key, "k0"));
    assert_true(bytes_equal_str(request.objects[999].key, "k999"));
    delete_request_release(&request);
    buffer_release(&document);

    delete_document(&document, DELETE_OBJECTS_MAX + 1);
    assert_int_equal(delete_request_parse(buffer_bytes(&document), &request), STATUS_LIMIT);
    buffer_release(&document);

    delete_document(&document, 1);
    while (document.len <= REQUEST_XML_LARGE_BYTES_MAX)
        (void)buffer_append_str(&document, "                                                                ");
    assert_int_equal(delete_request_parse(buffer_bytes(&document), &request), STATUS_LIMIT);
    buffer_release(&document);
}

static void test_depth_is_bounded(void **state)
{
    struct delete_request request;
    struct buffer document;

    (void)state;
    buffer_init(&document, 1024 * 1024);
    (void)buffer_append_str(&document, "<Delete>");
    for (unsigned i = 0; i < 10000; i++)
        (void)buffer_append_str(&document, "<a>");
    for (unsigned i = 0; i < 10000; i++)
        (void)buffer_append_str(&document, "</a>");
    (void)buffer_append_str(&document, "<Object><Key>k</Key></Object></Delete>");
    assert_int_equal(delete_request_parse(buffer_bytes(&document), &request), STATUS_INVALID);
    buffer_release(&document);
}

/* ---- CompleteMultipartUpload ---- */

static void assert_complete(const char *document, const char *first_etag, const char *first_checksum,
                            uint32_t last_number, size_t count)
{
    struct complete_request request;
    char text[CHECKSUM_TEXT_MAX];

    assert_int_equal(complete_request_parse(bytes_from_str(document), &request), STATUS_OK);
    assert_int_equal(request.count, count);
    assert_int_equal(request.parts[0].number, 1);
    assert_int_equal(request.parts[count - 1].number, last_number);
    etag_text_unquoted(&request.parts[0].etag, text);
    assert_string_equal(text, first_etag);
    assert_int_equal(request.parts[0].checksum.algorithm, first_checksum ? CHECKSUM_CRC32 : CHECKSUM_NONE);
    if (first_checksum) {
        checksum_text(&request.parts[0].checksum, 0, text);
        assert_string_equal(text, first_checksum);
    }
    complete_request_release(&request);
}

static void test_complete_of_clients(void **state)
{
    (void)state;
    /* boto3 1.43: raw quotes */
    assert_complete("<CompleteMultipartUpload " S3_NS "><Part><ETag>\"49b2666e23255fa87ebaecf53f29cfff\"</ETag>"
                    "<PartNumber>1</PartNumber><ChecksumCRC32>sWywbw==</ChecksumCRC32></Part><Part>"
                    "<ETag>\"c0a6f7113df1ef4603efbb35f1810028\"</ETag><PartNumber>3</PartNumber>"
                    "<ChecksumCRC32>dPpAYQ==</ChecksumCRC32></Part></CompleteMultipartUpload>",
                    "49b2666e23255fa87ebaecf53f29cfff", "sWywbw==", 3, 2);
    /* s3cmd 2.3: no quotes, number first */
    assert_complete("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                    "<ETag>a5f4bef29907431972088b2f35291dd7</ETag></Part><Part><PartNumber>2</PartNumber>"
                    "<ETag>f5c72844814e523517b0bcbc17eb638b</ETag></Part></CompleteMultipartUpload>",
                    "a5f4bef29907431972088b2f35291dd7", NULL, 2, 2);
    /* rclone 1.60: &#34; */
    assert_complete("<CompleteMultipartUpload " S3_NS "><Part><ETag>&#34;f5c72844814e523517b0bcbc17eb638b&#34;"
                    "</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
                    "f5c72844814e523517b0bcbc17eb638b", NULL, 1, 1);
    /* AWS SDK for JavaScript v3: &quot; */
    assert_complete("<?xml version=\"1.0\" encoding=\"UTF-8\"?><CompleteMultipartUpload " S3_NS "><Part>"
                    "<ETag>&quot;3f3b308e88c90df28a2f243a5c39cd0d&quot;</ETag><ChecksumCRC32>6ojAvA==</ChecksumCRC32>"
                    "<PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
                    "3f3b308e88c90df28a2f243a5c39cd0d", "6ojAvA==", 1, 1);
    /* s3fs 1.90 and minio-js 8: pretty-printed */
    assert_complete("<CompleteMultipartUpload>\n<Part>\n  <PartNumber>1</PartNumber>\n"
                    "  <ETag>\"f5c72844814e523517b0bcbc17eb638b\"</ETag>\n</Part>\n<Part>\n"
                    "  <PartNumber>2</PartNumber>\n  <ETag>\n\"f5c72844814e523517b0bcbc17eb638b\"\n</ETag>\n</Part>\n"
                    "</CompleteMultipartUpload>\n",
                    "f5c72844814e523517b0bcbc17eb638b", NULL, 2, 2);
}

static void test_complete_checksums(void **state)
{
    static const struct {
        const char *element;
        enum checksum_algorithm algorithm;
    } rows[] = {
        {"<ChecksumCRC32>DUoRhQ==</ChecksumCRC32>", CHECKSUM_CRC32},
        {"<ChecksumCRC32C>yZRlqg==</ChecksumCRC32C>", CHECKSUM_CRC32C},
        {"<ChecksumCRC64NVME>jSnVw/bqjr4=</ChecksumCRC64NVME>", CHECKSUM_CRC64NVME},
        {"<ChecksumSHA1>Kq5sNclPz7QV2+lfQIuc6R7oRu0=</ChecksumSHA1>", CHECKSUM_SHA1},
        {"<ChecksumSHA256>uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=</ChecksumSHA256>", CHECKSUM_SHA256},
        {"<ChecksumXXHASH64>RatnNLIeaWg=</ChecksumXXHASH64>", CHECKSUM_XXHASH64},
        {"<ChecksumSHA384>AAAA</ChecksumSHA384>", CHECKSUM_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct complete_request request;
        char document[512];

        snprintf(document, sizeof(document),
                 "<CompleteMultipartUpload><Part><PartNumber>7</PartNumber>%s<ETag>x</ETag></Part>"
                 "</CompleteMultipartUpload>",
                 rows[i].element);
        assert_int_equal(complete_request_parse(bytes_from_str(document), &request), STATUS_OK);
        assert_int_equal(request.parts[0].checksum.algorithm, rows[i].algorithm);
        assert_int_equal(request.parts[0].etag.parts, UINT32_MAX); /* an ETag that is none of ours */
        complete_request_release(&request);
    }
}

static void test_complete_refusals(void **state)
{
    static const char *const parts[] = {
        "",
        "<Part/>",
        "<Part><PartNumber>1</PartNumber></Part>",
        "<Part><ETag>e</ETag></Part>",
        "<Part><PartNumber>-1</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>one</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>4294967296</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>e</ETag></Part>",
        "<Part><PartNumber>1</PartNumber><ETag>e</ETag><ETag>f</ETag></Part>",
        "<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumCRC32>!</ChecksumCRC32></Part>",
        ("<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumCRC32>DUoRhQ==</ChecksumCRC32>"
         "<ChecksumCRC32C>yZRlqg==</ChecksumCRC32C></Part>"),
        "<Part><Sub><PartNumber>1</PartNumber><ETag>e</ETag></Sub></Part>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct complete_request request;
        char document[512];

        snprintf(document, sizeof(document), "<CompleteMultipartUpload>%s</CompleteMultipartUpload>", parts[i]);
        assert_int_equal(complete_request_parse(bytes_from_str(document), &request), STATUS_INVALID);
        assert_null(request.parts);
    }
}

static void test_complete_bounds(void **state)
{
    struct complete_request request;
    struct buffer document;

    (void)state;
    for (unsigned extra = 0; extra <= 1; extra++) {
        buffer_init(&document, 4 * 1024 * 1024);
        (void)buffer_append_str(&document, "<CompleteMultipartUpload>");
        for (unsigned i = 1; i <= COMPLETE_PARTS_MAX + extra; i++)
            (void)buffer_printf(&document,
                                "<Part><ETag>&quot;f5c72844814e523517b0bcbc17eb638b&quot;</ETag>"
                                "<ChecksumCRC32>6ojAvA==</ChecksumCRC32><PartNumber>%u</PartNumber></Part>",
                                i);
        (void)buffer_append_str(&document, "</CompleteMultipartUpload>");
        assert_int_equal(complete_request_parse(buffer_bytes(&document), &request), extra ? STATUS_LIMIT : STATUS_OK);
        if (!extra) {
            assert_int_equal(request.count, 10000);
            assert_int_equal(request.parts[9999].number, 10000);
            complete_request_release(&request);
        }
        buffer_release(&document);
    }
}

/* ---- bucket configurations ---- */

static void test_create_bucket(void **state)
{
    static const struct {
        const char *document, *location;
        enum status status;
        size_t tags;
        bool has_others;
    } rows[] = {
        {"", "", STATUS_OK, 0, false},
        {"<CreateBucketConfiguration/>", "", STATUS_OK, 0, false},
        {"<CreateBucketConfiguration " S3_NS "><LocationConstraint>eu-west-1</LocationConstraint>"
         "</CreateBucketConfiguration>",
         "eu-west-1", STATUS_OK, 0, false},
        {"<CreateBucketConfiguration><LocationConstraint/><Bucket><Type>x</Type></Bucket>"
         "</CreateBucketConfiguration>",
         "", STATUS_OK, 0, true},
        {"<CreateBucketConfiguration><Tags><Tag><Key>k</Key><Value/></Tag></Tags></CreateBucketConfiguration>", "",
         STATUS_OK, 1, false},
        {"<CreateBucketConfiguration><Tags> </Tags><Bucket/></CreateBucketConfiguration>", "", STATUS_OK, 0, false},
        {"<CreateBucketConfiguration><NextYear>x</NextYear></CreateBucketConfiguration>", "", STATUS_OK, 0, true},
        {"<CreateBucketConfiguration><LocationConstraint>\n EU \n</LocationConstraint></CreateBucketConfiguration>",
         "EU", STATUS_OK, 0, false},
        {"<CreateBucketConfiguration><LocationConstraint>a</LocationConstraint><LocationConstraint>b"
         "</LocationConstraint></CreateBucketConfiguration>",
         NULL, STATUS_INVALID, 0, false},
        {"<CreateBucketConfiguration><LocationConstraint>12345678901234567890123456789012</LocationConstraint>"
         "</CreateBucketConfiguration>",
         NULL, STATUS_LIMIT, 0, false},
        {"<CreateBucketConfiguration><Tags><Tag><Key>k</Key></Tag></Tags></CreateBucketConfiguration>", NULL,
         STATUS_INVALID, 0, false},
        {"<CreateBucketConfiguration><Tags/><Tags/></CreateBucketConfiguration>", NULL, STATUS_INVALID, 0, false},
        {"<Other/>", NULL, STATUS_INVALID, 0, false},
        {"x", NULL, STATUS_INVALID, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct create_bucket_request request;

        assert_int_equal(create_bucket_request_parse(bytes_from_str(rows[i].document), &request), rows[i].status);
        if (!rows[i].location)
            continue;
        assert_string_equal(request.region, rows[i].location);
        assert_int_equal(request.tags.count, rows[i].tags);
        assert_int_equal(request.has_others, rows[i].has_others);
        create_bucket_request_release(&request);
    }
}

static void test_versioning(void **state)
{
    static const struct {
        const char *document;
        enum status status;
        enum versioning_status versioning;
        bool mfa_delete;
    } rows[] = {
        {"<VersioningConfiguration " S3_NS "><Status>Enabled</Status></VersioningConfiguration>", STATUS_OK,
         VERSIONING_ENABLED, false},
        {"<VersioningConfiguration><Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>"
         "</VersioningConfiguration>",
         STATUS_OK, VERSIONING_SUSPENDED, false},
        {"<VersioningConfiguration/>", STATUS_OK, VERSIONING_ABSENT, false},
        {"<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>", STATUS_INVALID,
         VERSIONING_ABSENT, false},
        {"<VersioningConfiguration><MfaDelete>Enabled</MfaDelete><Status>Enabled</Status></VersioningConfiguration>",
         STATUS_OK, VERSIONING_ENABLED, true},
        {"<VersioningConfiguration><MfaDelete>on</MfaDelete></VersioningConfiguration>", STATUS_INVALID,
         VERSIONING_ABSENT, false},
        {"<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>",
         STATUS_INVALID, VERSIONING_ABSENT, false},
        {"<VersioningConfiguration><Status/></VersioningConfiguration>", STATUS_INVALID, VERSIONING_ABSENT, false},
        {"", STATUS_INVALID, VERSIONING_ABSENT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct versioning_configuration configuration;

        assert_int_equal(versioning_configuration_parse(bytes_from_str(rows[i].document), &configuration),
                         rows[i].status);
        assert_int_equal(configuration.status, rows[i].versioning);
        assert_int_equal(configuration.mfa_delete, rows[i].mfa_delete);
    }
}

/* ---- the reader itself ---- */

static enum status refuse_open(void *arg, unsigned depth, const char *name)
{
    (void)arg, (void)name;
    return depth == 1 ? STATUS_CONFLICT : STATUS_OK;
}

static enum status count_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    (void)depth, (void)name, (void)text;
    ++*(unsigned *)arg;
    return STATUS_OK;
}

static void test_handler_ends_the_reading(void **state)
{
    static const struct xml_handler handler = {refuse_open, count_close};
    unsigned closed = 0;

    (void)state;
    assert_int_equal(xml_read(BYTES("<r><a/><b/></r>"), 100, "r", &handler, &closed), STATUS_CONFLICT);
    assert_int_equal(closed, 0);
    assert_int_equal(xml_read(BYTES("<r></r>"), 100, "r", &handler, &closed), STATUS_OK);
    assert_int_equal(closed, 1);
    assert_int_equal(xml_read(BYTES("<r></r>"), 6, "r", &handler, &closed), STATUS_LIMIT);
}

static void *parse_many(void *arg)
{
    size_t *good = arg;

    for (unsigned i = 0; i < 200; i++) {
        struct delete_request request;
        bool malformed = i % 2;
        struct bytes document =
            malformed ? BYTES("<Delete><Object>") : BYTES("<Delete><Object><Key>k</Key></Object></Delete>");
        enum status status = delete_request_parse(document, &request);

        *good += status == (malformed ? STATUS_INVALID : STATUS_OK);
        if (!status)
            delete_request_release(&request);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    size_t good[4] = {0};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_many, &good[i]), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(good[i], 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete_of_clients),
        cmocka_unit_test(test_delete_variants),
        cmocka_unit_test(test_delete_members),
        cmocka_unit_test(test_delete_refusals),
        cmocka_unit_test(test_delete_bounds),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_complete_of_clients),
        cmocka_unit_test(test_complete_checksums),
        cmocka_unit_test(test_complete_refusals),
        cmocka_unit_test(test_complete_bounds),
        cmocka_unit_test(test_create_bucket),
        cmocka_unit_test(test_versioning),
        cmocka_unit_test(test_handler_ends_the_reading),
        cmocka_unit_test(test_threads),
    };

    compat_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
