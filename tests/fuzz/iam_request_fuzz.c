/* Fuzzes the forms of the Query API: no parameter twice, all of it UTF-8, each found by its name, lists without gaps.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_request.h"
#include "compat/iam_response.h"
#include "compat/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parameters(const struct iam_request *request)
{
    char name[IAM_NAME_BYTES_MAX + 1];

    for (size_t i = 0; i < request->count; i++) {
        const struct iam_parameter *parameter = &request->parameters[i];
        CHECK(utf8_is_valid(parameter->name) && utf8_is_valid(parameter->value));
        memcpy(name, parameter->name.data, parameter->name.len);
        name[parameter->name.len] = '\0';
        CHECK(iam_request_value(request, name).data == parameter->value.data);
        CHECK(i == 0 || bytes_compare(request->parameters[i - 1].name, parameter->name) < 0);
    }
}

static void check_lists(const struct iam_request *request)
{
    static const char *const known[] = {"Tags", "TagKeys", NULL};
    struct bytes values[IAM_LIST_MAX];
    struct tag tags[IAM_TAGS_MAX];
    struct iam_error error = {0};
    size_t count;

    if (iam_request_list(request, "TagKeys", IAM_LIST_MAX, values, &count, &error) == STATUS_OK)
        for (size_t i = 0; i < count; i++)
            CHECK(values[i].data);
    if (iam_request_tags(request, tags, &count, &error) == STATUS_OK)
        for (size_t i = 0; i < count; i++)
            CHECK(tags[i].key.len > 0 && tags[i].value.data);
    struct bytes unknown = iam_request_unknown(request, known);
    CHECK(!unknown.data || !bytes_starts_with(unknown, BYTES("Tags.member.")));
}

static void check_error(const struct iam_error *error)
{
    struct buffer out;

    CHECK(error->code != IAM_ERROR_NONE);
    buffer_init(&out, IAM_ERROR_BYTES_MAX);
    CHECK(iam_error_render(&out, QUERY_IAM, error, BYTES("id")) == STATUS_OK);
    buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct iam_request request;
    struct iam_error error = {0};

    if (iam_request_parse(text, &request, &error) == STATUS_OK) {
        check_parameters(&request);
        check_lists(&request);
        iam_request_release(&request);
    } else {
        check_error(&error);
    }
    return 0;
}
