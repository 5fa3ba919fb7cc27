/* Answers of the Query API; see the header. */
#include "compat/iam_response.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/uri.h"

static const struct {
    const char *name, *version, *xmlns;
} services[QUERY_SERVICE_COUNT] = {
    [QUERY_IAM] = {"iam", "2010-05-08", "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\""},
    [QUERY_STS] = {"sts", "2011-06-15", "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\""},
};

const char *query_service_name(enum query_service service)
{
    return services[service].name;
}

const char *query_service_version(enum query_service service)
{
    return services[service].version;
}

void iam_response_begin(struct iam_response *response, struct buffer *out, enum query_service service,
                        const char *action, bool has_result)
{
    CHECK(strlen(action) <= IAM_ACTION_BYTES_MAX);
    snprintf(response->root, sizeof(response->root), "%sResponse", action);
    snprintf(response->result, sizeof(response->result), "%sResult", action);
    response->has_result = has_result;
    xml_writer_init(&response->xml, out);
    xml_writer_open_with(&response->xml, response->root, services[service].xmlns);
    if (has_result)
        xml_writer_open(&response->xml, response->result);
}

enum status iam_response_end(struct iam_response *response, struct bytes request_id)
{
    if (response->has_result)
        xml_writer_close(&response->xml);
    xml_writer_open(&response->xml, "ResponseMetadata");
    xml_writer_element(&response->xml, "RequestId", request_id);
    xml_writer_close(&response->xml);
    xml_writer_close(&response->xml);
    return xml_writer_finish(&response->xml);
}

void iam_element_time(struct xml_writer *writer, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];
    char *dot;

    clock_format_iso8601_ms(wall_ms, text);
    dot = strchr(text, '.');
    if (dot)
        memcpy(dot, "Z", 2);
    xml_writer_element_str(writer, name, text);
}

void iam_element_document(struct xml_writer *writer, const char *name, struct bytes document)
{
    struct buffer encoded;

    buffer_init(&encoded, 3 * document.len + 1);
    if (uri_encode(document, false, &encoded) == STATUS_OK)
        xml_writer_element(writer, name, buffer_bytes(&encoded));
    buffer_release(&encoded);
}

void iam_element_tags(struct xml_writer *writer, const struct tag *tags, size_t count)
{
    xml_writer_open(writer, "Tags");
    for (size_t i = 0; i < count; i++) {
        xml_writer_open(writer, "member");
        xml_writer_element(writer, "Key", tags[i].key);
        xml_writer_element(writer, "Value", tags[i].value);
        xml_writer_close(writer);
    }
    xml_writer_close(writer);
}

enum status iam_error_render(struct buffer *out, enum query_service service, const struct iam_error *error,
                             struct bytes request_id)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_with(&writer, "ErrorResponse", services[service].xmlns);
    xml_writer_open(&writer, "Error");
    xml_writer_element_str(&writer, "Type", iam_error_http_status(error->code) < 500 ? "Sender" : "Receiver");
    xml_writer_element_str(&writer, "Code", iam_error_name(error->code));
    xml_writer_element_str(&writer, "Message", error->message);
    xml_writer_close(&writer);
    xml_writer_element(&writer, "RequestId", request_id);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
