/* Refusals of the HTTP server as S3 errors; see the header. The codes are not in compat's table: no operation answers
 * with them. */
#include "gateway/front/refusal.h"

#include "base/check.h"
#include "compat/xml_writer.h"

#define REFUSAL_BYTES_MAX 1024

void gateway_refuse(struct http_request *request, const struct http_refusal *refusal)
{
    struct xml_writer writer;
    struct buffer body;

    buffer_init(&body, REFUSAL_BYTES_MAX);
    xml_writer_init(&writer, &body);
    xml_writer_open(&writer, "Error");
    xml_writer_element_str(&writer, "Code", refusal->code);
    xml_writer_element_str(&writer, "Message", refusal->message);
    xml_writer_element_str(&writer, "RequestId", request->id);
    xml_writer_element_str(&writer, "HostId", request->id);
    xml_writer_close(&writer);
    CHECK(xml_writer_finish(&writer) == STATUS_OK); /* all of it is ours */
    http_reply_header_str(request, "Content-Type", "application/xml");
    http_reply_header_str(request, "x-amz-request-id", request->id);
    http_reply_header_str(request, "x-amz-id-2", request->id);
    HTTP_LAST_REPLY(http_reply(request, refusal->status, buffer_bytes(&body)));
    buffer_release(&body);
}
