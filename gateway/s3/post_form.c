/* The body of an upload form; see the header. */
#include "gateway/s3/post_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/multipart_form.h"
#include "gateway/s3/body.h"
#include "gateway/s3/reply.h"

#define FIELD_WIRE_BYTES 16384 /* read at a time before the file, when nobody is known yet */
#define FILE_WIRE_BYTES  65536
#define BYTES_BEFORE_MAX 65536 /* fields with all that is around them */
#define BYTES_BEHIND_MAX 65536 /* what is ignored */
#define FILE_FIELD       "file"

struct s3_form {
    struct multipart_form parser;
    struct post_fields fields;
    struct post_range range; /* what the policy allows */
    char *wire;
    size_t wire_bytes;
    struct bytes input;   /* what of `wire` was not looked at */
    uint64_t bytes_left;  /* that may be read from here on */
    enum s3_error beyond; /* what more is refused with */
};

const struct post_fields *s3_form_fields(const struct s3_form *form)
{
    return &form->fields;
}

struct header_list s3_form_as_headers(const struct exchange *exchange, struct http_header storage[POST_FIELDS_MAX])
{
    const struct post_fields *fields = s3_form_fields(exchange->form);

    for (size_t i = 0; i < fields->count; i++)
        storage[i] = (struct http_header){fields->fields[i].name, fields->fields[i].value};
    return (struct header_list){storage, fields->count};
}

void s3_form_free(struct s3_form *form)
{
    if (!form)
        return;
    multipart_form_release(&form->parser);
    post_fields_release(&form->fields);
    free(form->wire);
    free(form);
}

static enum status refuse_enclosure(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_PRECONDITION_FAILED);
    s3_error_add(&details, "Condition", BYTES("Bucket POST must be of the enclosure-type multipart/form-data"));
    return s3_fail_details(exchange, &details);
}

/* More bytes of the body; none at its end. */
static enum status read_more(struct exchange *exchange)
{
    struct s3_form *form = exchange->form;
    size_t len, wanted = form->bytes_left < form->wire_bytes ? (size_t)form->bytes_left : form->wire_bytes;

    if (wanted == 0)
        return s3_fail(exchange, form->beyond);
    enum status status = http_body_read(exchange->http, form->wire, wanted, &len);
    if (status)
        return s3_fail_status(exchange, status);
    form->bytes_left -= len;
    form->input = bytes_of(form->wire, len);
    return STATUS_OK;
}

/* The next event; a body that ends before its last boundary is refused. */
static enum status next_event(struct exchange *exchange, struct form_event *event)
{
    struct s3_form *form = exchange->form;

    for (;;) {
        enum status status = multipart_form_next(&form->parser, &form->input, event);
        if (status)
            return s3_fail(exchange, status == STATUS_LIMIT ? form->beyond : S3_MALFORMED_POST_REQUEST);
        if (event->type != FORM_NEED_INPUT)
            return STATUS_OK;
        status = read_more(exchange);
        if (status)
            return status;
        if (form->input.len == 0)
            return s3_fail(exchange, S3_MALFORMED_POST_REQUEST);
    }
}

static enum status take_field(struct exchange *exchange, const struct form_event *event)
{
    struct post_fields *fields = &exchange->form->fields;
    enum status status = STATUS_OK;

    if (event->type == FORM_PART_BEGIN)
        status = post_fields_begin(fields, event->name);
    else if (event->type == FORM_DATA)
        status = post_fields_append(fields, event->data);
    if (status == STATUS_CONFLICT)
        return s3_fail_argument(exchange, "name", event->name, "A field must not be sent more than once.");
    return status ? s3_fail(exchange, S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED) : STATUS_OK;
}

static enum status find_key(struct exchange *exchange)
{
    exchange->key = post_fields_find(&exchange->form->fields, "key");
    if (!exchange->key.data)
        return s3_fail_argument(
            exchange, "key", exchange->key,
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.");
    if (exchange->key.len == 0)
        return s3_fail_argument(exchange, "key", exchange->key, "User key must have a length greater than 0.");
    return STATUS_OK;
}

/* The file begins: its name is known, and with it the fields. */
static enum status begin_file(struct exchange *exchange, const struct form_event *event)
{
    struct s3_form *form = exchange->form;

    if (post_fields_expand(&form->fields, event->filename))
        return s3_fail(exchange, S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
    return find_key(exchange);
}

static enum status read_fields(struct exchange *exchange)
{
    struct form_event event;

    for (;;) {
        enum status status = next_event(exchange, &event);
        if (status)
            return status;
        if (event.type == FORM_END)
            return s3_fail(exchange, S3_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST);
        if (event.type == FORM_PART_BEGIN && bytes_equal_nocase(event.name, FILE_FIELD))
            return begin_file(exchange, &event);
        status = take_field(exchange, &event);
        if (status)
            return status;
    }
}

enum status s3_form_read(struct exchange *exchange)
{
    struct s3_form *form = mem_zalloc(sizeof(*form));

    if (multipart_form_init(&form->parser, http_request_header(exchange->http, "Content-Type"))) {
        free(form);
        return refuse_enclosure(exchange);
    }
    exchange->form = form;
    post_fields_init(&form->fields);
    form->range = (struct post_range){0, UINT64_MAX};
    form->wire_bytes = FIELD_WIRE_BYTES;
    form->wire = mem_alloc(FIELD_WIRE_BYTES);
    form->bytes_left = BYTES_BEFORE_MAX;
    form->beyond = S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED;
    return read_fields(exchange);
}

enum status s3_form_check_policy(struct exchange *exchange)
{
    const struct post_upload upload = {&exchange->form->fields, exchange->bucket_name, clock_wall_ms()};
    struct s3_error_details details = {0};

    if (exchange->credentials.type == AUTH_ANONYMOUS)
        return STATUS_OK;
    if (post_policy_check(exchange->credentials.policy, &upload, &exchange->form->range, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

static enum status too_large(struct exchange *exchange, uint64_t size, uint64_t size_max)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_ENTITY_TOO_LARGE);
    s3_error_add_u64(&details, "ProposedSize", size);
    s3_error_add_u64(&details, "MaxSizeAllowed", size_max);
    return s3_fail_details(exchange, &details);
}

static enum status too_small(struct exchange *exchange, uint64_t size, uint64_t size_min)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_ENTITY_TOO_SMALL);
    s3_error_add_u64(&details, "ProposedSize", size);
    s3_error_add_u64(&details, "MinSizeAllowed", size_min);
    return s3_fail_details(exchange, &details);
}

static enum status receive_file(struct exchange *exchange, struct ingest *ingest)
{
    const struct post_range *range = &exchange->form->range;
    uint64_t size_max = range->max < S3_OBJECT_BYTES_MAX ? range->max : S3_OBJECT_BYTES_MAX;
    struct form_event event;

    for (;;) {
        enum status status = next_event(exchange, &event);
        if (status)
            return status;
        if (event.type != FORM_DATA)
            break;
        if (ingest->size + event.data.len > size_max)
            return too_large(exchange, ingest->size + event.data.len, size_max);
        status = ingest_write(ingest, event.data);
        if (status)
            return s3_fail_status(exchange, status);
    }
    return ingest->size < range->min ? too_small(exchange, ingest->size, range->min) : STATUS_OK;
}

/* Other fields up to the last boundary, and what a body has behind it. */
static enum status pass_over_rest(struct exchange *exchange)
{
    struct s3_form *form = exchange->form;
    struct form_event event = {.type = FORM_PART_END};
    enum status status = STATUS_OK;

    form->bytes_left = BYTES_BEHIND_MAX;
    form->beyond = S3_MAX_MESSAGE_LENGTH_EXCEEDED;
    while (!status && event.type != FORM_END)
        status = next_event(exchange, &event);
    do {
        if (!status)
            status = read_more(exchange);
    } while (!status && form->input.len > 0);
    return status;
}

/* By now there is a place for the upload, and it is worth larger pieces. What was read already is looked at first. */
static void widen_wire(struct s3_form *form)
{
    char *wire = mem_alloc(FILE_WIRE_BYTES);

    if (form->input.len > 0)
        memcpy(wire, form->input.data, form->input.len);
    form->input.data = wire;
    free(form->wire);
    form->wire = wire;
    form->wire_bytes = FILE_WIRE_BYTES;
    form->bytes_left = UINT64_MAX; /* the file has bounds of its own */
}

enum status s3_form_to_ingest(struct exchange *exchange, struct ingest *ingest)
{
    enum status status;

    widen_wire(exchange->form);
    status = receive_file(exchange, ingest);
    if (!status)
        status = pass_over_rest(exchange);
    if (!status)
        ingest_seal(ingest);
    return status;
}
