/* Conditional requests. Reads are decided here; writes are only parsed, since only the committer can hold
 * them against the state without a race. */
#include "compat/conditions.h"

#include "base/clock.h"

#define CONDITION_SIZE "x-amz-if-match-size"
#define CONDITION_TIME "x-amz-if-match-last-modified-time"

static int64_t condition_whole_seconds(int64_t wall_ms)
{
    int64_t below_second = wall_ms % 1000;

    return wall_ms - (below_second < 0 ? below_second + 1000 : below_second);
}

/* False for an absent, malformed or future date. */
static bool condition_date(struct bytes text, int64_t now_ms, int64_t *wall_ms)
{
    return text.data && clock_parse_http(text, wall_ms) == STATUS_OK && *wall_ms <= now_ms;
}

static enum status condition_not_held(struct s3_error_details *error, const char *condition)
{
    s3_error_set(error, S3_PRECONDITION_FAILED);
    s3_error_add(error, "Condition", bytes_from_str(condition));
    return STATUS_PRECONDITION;
}

enum status conditions_check_read(struct header_list headers, const struct condition_target *target,
                                  struct s3_error_details *error)
{
    struct bytes match = header_list_find(headers, "If-Match");
    struct bytes none_match = header_list_find(headers, "If-None-Match");
    int64_t modified_ms = condition_whole_seconds(target->modified_ms), date_ms;

    if (match.data) {
        if (!etag_list_matches(match, &target->etag, false))
            return condition_not_held(error, "If-Match");
    } else if (condition_date(header_list_find(headers, "If-Unmodified-Since"), target->now_ms, &date_ms) &&
               modified_ms > date_ms) {
        return condition_not_held(error, "If-Unmodified-Since");
    }
    if (none_match.data) {
        if (!etag_list_matches(none_match, &target->etag, true))
            return STATUS_OK;
    } else if (!condition_date(header_list_find(headers, "If-Modified-Since"), target->now_ms, &date_ms) ||
               modified_ms > date_ms) {
        return STATUS_OK;
    }
    s3_error_set(error, S3_NOT_MODIFIED);
    return STATUS_PRECONDITION;
}

bool conditions_range_counts(struct header_list headers, const struct condition_target *target)
{
    struct bytes said = header_list_find(headers, "If-Range");
    struct etag etag;
    int64_t date_ms;

    if (!said.data)
        return true;
    if (clock_parse_http(said, &date_ms) == STATUS_OK)
        return condition_whole_seconds(target->modified_ms) == date_ms;
    return etag_parse(said, &etag) == STATUS_OK && etag_equal(&etag, &target->etag); /* W/ never matches */
}

enum status conditions_check_copy_source(struct header_list headers, const struct condition_target *source,
                                         struct s3_error_details *error)
{
    struct bytes match = header_list_find(headers, "x-amz-copy-source-if-match");
    struct bytes none_match = header_list_find(headers, "x-amz-copy-source-if-none-match");
    struct bytes unmodified = header_list_find(headers, "x-amz-copy-source-if-unmodified-since");
    struct bytes modified = header_list_find(headers, "x-amz-copy-source-if-modified-since");
    int64_t modified_ms = condition_whole_seconds(source->modified_ms), date_ms;

    if (match.data) {
        if (!etag_list_matches(match, &source->etag, false))
            return condition_not_held(error, "x-amz-copy-source-If-Match");
    } else if (condition_date(unmodified, source->now_ms, &date_ms) && modified_ms > date_ms) {
        return condition_not_held(error, "x-amz-copy-source-If-Unmodified-Since");
    }
    if (none_match.data) {
        if (etag_list_matches(none_match, &source->etag, true))
            return condition_not_held(error, "x-amz-copy-source-If-None-Match");
    } else if (condition_date(modified, source->now_ms, &date_ms) && modified_ms <= date_ms) {
        return condition_not_held(error, "x-amz-copy-source-If-Modified-Since");
    }
    return STATUS_OK;
}

struct condition_names {
    const char *match, *none_match, *modified, *unmodified;
};

static enum status check_renamed(struct header_list headers, const struct condition_names *names,
                                 const struct condition_target *target, struct s3_error_details *error)
{
    struct bytes match = header_list_find(headers, names->match);
    struct bytes none_match = header_list_find(headers, names->none_match);
    int64_t modified_ms = target ? condition_whole_seconds(target->modified_ms) : 0;
    int64_t now_ms = target ? target->now_ms : clock_wall_ms(), date_ms;

    if (match.data) {
        if (!target || !etag_list_matches(match, &target->etag, false))
            return condition_not_held(error, names->match);
    } else if (target && condition_date(header_list_find(headers, names->unmodified), now_ms, &date_ms) &&
               modified_ms > date_ms) {
        return condition_not_held(error, names->unmodified);
    }
    if (none_match.data) {
        if (target && etag_list_matches(none_match, &target->etag, true))
            return condition_not_held(error, names->none_match);
    } else if (condition_date(header_list_find(headers, names->modified), now_ms, &date_ms) &&
               (!target || modified_ms <= date_ms)) {
        return condition_not_held(error, names->modified);
    }
    return STATUS_OK;
}

enum status conditions_check_rename(struct header_list headers, const struct condition_target *source,
                                    const struct condition_target *target, struct s3_error_details *error)
{
    static const struct condition_names of_target = {"If-Match", "If-None-Match", "If-Modified-Since",
                                                     "If-Unmodified-Since"};
    static const struct condition_names of_source = {
        "x-amz-rename-source-if-match", "x-amz-rename-source-if-none-match", "x-amz-rename-source-if-modified-since",
        "x-amz-rename-source-if-unmodified-since"};
    enum status status = check_renamed(headers, &of_source, source, error);

    return status ? status : check_renamed(headers, &of_target, target, error);
}

static enum status condition_not_implemented(struct s3_error_details *error, const char *header)
{
    s3_error_set(error, S3_NOT_IMPLEMENTED);
    s3_error_add(error, "Header", bytes_from_str(header));
    return STATUS_INVALID;
}

static void condition_take_etag(struct bytes text, struct condition_write *condition)
{
    condition->must_match = true;
    if (etag_parse(text, &condition->etag))
        condition->etag = ETAG_NONE;
}

enum status conditions_parse_write(struct header_list headers, struct condition_write *condition,
                                   struct s3_error_details *error)
{
    struct bytes match = header_list_find(headers, "If-Match");
    struct bytes none_match = header_list_find(headers, "If-None-Match");

    *condition = (struct condition_write){.must_be_absent = false};
    if (none_match.data) {
        if (match.data || !bytes_equal_str(none_match, "*")) {
            STATUS_IGNORE(condition_not_implemented(error, match.data ? "If-Match,If-None-Match" : "If-None-Match"),
                          "the caller returns the refusal");
            s3_error_add(error, "additionalMessage",
                         match.data ? BYTES("Multiple conditional request headers present in the request")
                                    : BYTES("We don't accept the provided value of If-None-Match header for this API"));
            return STATUS_INVALID;
        }
        condition->must_be_absent = true;
    } else if (match.data) {
        if (bytes_equal_str(match, "*")) {
            STATUS_IGNORE(condition_not_implemented(error, "If-Match"), "the caller returns the refusal");
            s3_error_add(error, "additionalMessage",
                         BYTES("We don't accept the provided value of If-Match header for this API"));
            return STATUS_INVALID;
        }
        condition_take_etag(match, condition);
    }
    return STATUS_OK;
}

bool condition_needs_object(const struct condition_write *condition)
{
    return condition->must_match || condition->must_exist || condition->must_have_size || condition->must_have_time;
}

bool condition_tells_object(const struct condition_write *condition)
{
    return condition->must_match || condition->must_have_size || condition->must_have_time;
}

/* A date as a header has it, or as a listing shows it. */
static bool condition_take_date(struct bytes text, int64_t *seconds)
{
    int64_t wall_ms;

    if (clock_parse_http(text, &wall_ms) && clock_parse_iso8601(text, &wall_ms))
        return false;
    *seconds = condition_whole_seconds(wall_ms) / 1000;
    return true;
}

enum status conditions_make_delete(const struct condition_delete *said, struct condition_write *condition,
                                   struct s3_error_details *error)
{
    *condition = (struct condition_write){.must_exist = bytes_equal_str(said->etag, "*"),
                                          .must_have_size = said->size.data != NULL,
                                          .must_have_time = said->modified.data != NULL};
    if (said->etag.data && !condition->must_exist)
        condition_take_etag(said->etag, condition);
    if (condition->must_have_size && bytes_parse_u64(said->size, INT64_MAX, &condition->size)) {
        s3_error_argument(error, bytes_from_str(said->size_name), said->size, "The size is not a number of bytes.");
        return STATUS_INVALID;
    }
    if (condition->must_have_time && !condition_take_date(said->modified, &condition->modified_s)) {
        s3_error_argument(error, bytes_from_str(said->modified_name), said->modified, "The time is not a date.");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status conditions_parse_delete(struct header_list headers, struct condition_write *condition,
                                    struct s3_error_details *error)
{
    struct condition_delete said = {.etag = header_list_find(headers, "If-Match"),
                                    .size = header_list_find(headers, CONDITION_SIZE),
                                    .modified = header_list_find(headers, CONDITION_TIME),
                                    .size_name = CONDITION_SIZE,
                                    .modified_name = CONDITION_TIME};

    if (header_list_find(headers, "If-None-Match").len > 0)
        return condition_not_implemented(error, "If-None-Match");
    if (said.size.len == 0)
        said.size = (struct bytes){0};
    if (said.modified.len == 0)
        said.modified = (struct bytes){0};
    return conditions_make_delete(&said, condition, error);
}

void conditions_failed(const struct condition_write *condition, struct s3_error_details *error)
{
    bool by_etag = condition->must_match || condition->must_exist;
    const char *name = condition->must_be_absent               ? "If-None-Match"
                       : !by_etag && condition->must_have_size ? CONDITION_SIZE
                       : !by_etag && condition->must_have_time ? CONDITION_TIME
                                                               : "If-Match";

    STATUS_IGNORE(condition_not_held(error, name), "the commit has refused already");
}
