/* Patterns: texts with `*`, `?` and variables. They are taken apart once, when the policy is read. Matching goes from
 * left to right and returns to the last `*` alone: what stands between two of them has a fixed number of characters, so
 * its first place is as good as any, and the time is bounded by the pattern's length times the text's, however many `*`
 * there are, and by what is left of the decision's steps. What a variable stands for is text: a `*` in it is a
 * character. */
#include <string.h>

#include "base/check.h"
#include "compat/policy_internal.h"
#include "compat/utf8.h"

static bool begins_variable(struct bytes text, unsigned what)
{
    return (what & POLICY_VARIABLES) && text.len >= 2 && text.data[0] == '$' && text.data[1] == '{';
}

static bool is_special(struct bytes text, unsigned what)
{
    return ((what & POLICY_WILDCARDS) && (text.data[0] == '*' || text.data[0] == '?')) || begins_variable(text, what);
}

static struct bytes without_first(struct bytes text, size_t len)
{
    return bytes_of(text.data + len, text.len - len);
}

/* Cuts one piece off the text, which is not empty. */
static enum status next_piece(struct policy_parser *parser, struct bytes *rest, unsigned what,
                              struct policy_piece *piece)
{
    size_t len = 0;

    *piece = (struct policy_piece){.kind = POLICY_PIECE_TEXT};
    if (begins_variable(*rest, what))
        return policy_variable_parse(parser, rest, piece);
    if (is_special(*rest, what)) {
        piece->kind = rest->data[0] == '*' ? POLICY_PIECE_ANY : POLICY_PIECE_ONE;
        do
            *rest = without_first(*rest, 1);
        while (piece->kind == POLICY_PIECE_ANY && rest->len > 0 && rest->data[0] == '*');
        return STATUS_OK;
    }
    while (len < rest->len && !is_special(without_first(*rest, len), what))
        len++;
    piece->text = bytes_of(rest->data, len);
    *rest = without_first(*rest, len);
    return STATUS_OK;
}

enum status policy_pattern_parse(struct policy_parser *parser, struct bytes text, unsigned what,
                                 struct policy_pattern *pattern)
{
    struct bytes rest = text;
    struct policy_piece piece, *pieces;
    unsigned variables = 0;

    *pattern = (struct policy_pattern){0};
    for (; rest.len > 0; pattern->count++)
        if (next_piece(parser, &rest, what, &piece))
            return STATUS_INVALID;
    pieces = policy_alloc(parser->policy, pattern->count * sizeof(*pieces));
    pattern->pieces = pieces;
    for (rest = text; rest.len > 0; pieces++) {
        if (next_piece(parser, &rest, what, pieces))
            return STATUS_INVALID;
        if (pieces->kind != POLICY_PIECE_VARIABLE)
            continue;
        if (variables == POLICY_VARIABLES_MAX)
            return policy_fail(parser, "More than %d variables in one value", POLICY_VARIABLES_MAX);
        pieces->variable = variables++;
    }
    return STATUS_OK;
}

/* How long the part is that the text begins with: up to a colon that is within no variable. */
static size_t arn_part_len(struct bytes text, unsigned what)
{
    size_t at = 0;

    while (at < text.len && text.data[at] != ':') {
        struct bytes rest = without_first(text, at);
        const char *end = begins_variable(rest, what) ? memchr(rest.data, '}', rest.len) : NULL;
        at += end ? (size_t)(end - rest.data) + 1 : 1;
    }
    return at;
}

static bool is_text(const struct policy_pattern *pattern)
{
    return pattern->count == 0 || (pattern->count == 1 && pattern->pieces[0].kind == POLICY_PIECE_TEXT);
}

static unsigned colons(struct bytes text)
{
    unsigned count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == ':';
    return count;
}

enum status policy_arn_parse(struct policy_parser *parser, struct bytes text, unsigned what, bool everywhere,
                             struct policy_arn *arn)
{
    const char *begin = text.data;
    bool more = true, texts = true;

    *arn = (struct policy_arn){0};
    while (more) {
        bool last = arn->count == POLICY_ARN_PARTS - 1;
        size_t len = last ? text.len : arn_part_len(text, what);
        unsigned of_part = last || everywhere ? what : what & ~POLICY_VARIABLES;
        if (last && texts && colons(bytes_of(begin, (size_t)(text.data - begin))) == POLICY_ARN_PARTS - 1)
            arn->front = bytes_of(begin, (size_t)(text.data - begin));
        if (policy_pattern_parse(parser, bytes_of(text.data, len), of_part, &arn->parts[arn->count++]))
            return STATUS_INVALID;
        texts = texts && is_text(&arn->parts[arn->count - 1]);
        more = len < text.len;
        text = without_first(text, more ? len + 1 : len);
    }
    return STATUS_OK;
}

bool policy_pattern_ends_with_any(const struct policy_pattern *pattern)
{
    return pattern->count > 0 && pattern->pieces[pattern->count - 1].kind == POLICY_PIECE_ANY;
}

static char ascii_folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool begins_with(struct bytes text, struct bytes with, bool nocase)
{
    size_t i = 0;

    if (!nocase || text.len < with.len || memcmp(text.data, with.data, with.len) == 0)
        return bytes_starts_with(text, with);
    while (i < with.len && ascii_folded(text.data[i]) == ascii_folded(with.data[i]))
        i++;
    return i == with.len;
}

/* A byte that begins no character counts as one. */
static size_t character_len(struct bytes text)
{
    uint32_t c;

    if ((unsigned char)text.data[0] < 0x80)
        return 1;
    size_t len = utf8_decode(text, &c);

    return len > 0 ? len : 1;
}

/* Does the text begin with what the piece stands for, which is no ANY? */
static bool piece_match(const struct policy_piece *piece, const struct bytes *values, struct bytes text, bool nocase,
                        size_t *len)
{
    struct bytes with = piece->kind == POLICY_PIECE_VARIABLE ? values[piece->variable] : piece->text;

    if (piece->kind == POLICY_PIECE_ONE) {
        *len = text.len > 0 ? character_len(text) : 0;
        return text.len > 0;
    }
    *len = with.len;
    return begins_with(text, with, nocase);
}

/* A variable whose value cannot be said stands for whatever there is. */
static bool is_any(const struct policy_piece *piece, const struct bytes *values)
{
    return piece->kind == POLICY_PIECE_ANY || (piece->kind == POLICY_PIECE_VARIABLE && !values[piece->variable].data);
}

/* Of looking at the piece where so many bytes are left. Sixteen bytes that are compared as they are count as one. */
static size_t piece_steps(const struct policy_piece *piece, const struct bytes *values, size_t left, bool nocase)
{
    size_t len = 0;

    if (piece && piece->kind == POLICY_PIECE_TEXT)
        len = piece->text.len;
    else if (piece && piece->kind == POLICY_PIECE_VARIABLE)
        len = values[piece->variable].len;
    return len <= left ? 1 + len / (nocase ? 1 : 16) : 1;
}

/* False also when the steps are used up. */
static bool pieces_match(const struct policy_pattern *pattern, const struct policy_context *context,
                         const struct bytes *values, struct bytes text, bool nocase)
{
    size_t at = 0, len, after_any = 0, any_from = 0; /* after_any 0: there was none */

    for (size_t i = 0;;) {
        const struct policy_piece *piece = i < pattern->count ? &pattern->pieces[i] : NULL;
        if (!policy_spend(context, piece_steps(piece, values, text.len - at, nocase)))
            return false;
        if (piece && is_any(piece, values)) {
            after_any = ++i;
            any_from = at;
            if (i == pattern->count)
                return true;
        } else if (piece && piece_match(piece, values, without_first(text, at), nocase, &len)) {
            at += len;
            i++;
        } else if (!piece && at == text.len) {
            return true;
        } else if (after_any > 0 && any_from < text.len) {
            any_from += character_len(without_first(text, any_from));
            at = any_from;
            i = after_any;
        } else {
            return false;
        }
    }
}

/* Most patterns begin with text, and that is enough to see that most of them are about something else. */
static bool begins_otherwise(const struct policy_pattern *pattern, struct bytes text, bool nocase)
{
    const struct policy_piece *first = pattern->pieces;

    return pattern->count > 0 && first->kind == POLICY_PIECE_TEXT && !begins_with(text, first->text, nocase);
}

enum policy_match policy_pattern_match(const struct policy_pattern *pattern, const struct policy_context *context,
                                       struct bytes text, bool nocase)
{
    struct bytes values[POLICY_VARIABLES_MAX];
    enum policy_match worst = POLICY_MATCH_YES;

    if (!text.data)
        text.data = "";
    if (!policy_spend(context, 1 + pattern->count))
        return POLICY_MATCH_UNKNOWN;
    if (begins_otherwise(pattern, text, nocase))
        return policy_spend(context, piece_steps(pattern->pieces, NULL, text.len, nocase)) ? POLICY_MATCH_NO
                                                                                           : POLICY_MATCH_UNKNOWN;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct policy_piece *piece = &pattern->pieces[i];
        if (piece->kind == POLICY_PIECE_VARIABLE) {
            struct bytes *value = &values[piece->variable];
            enum policy_match match = policy_variable_value(piece, context, value);
            worst = match > worst ? match : worst;
            if (match != POLICY_MATCH_YES)
                *value = bytes_of(NULL, 0);
            else if (!value->data)
                value->data = "";
        }
    }
    bool match = pieces_match(pattern, context, values, text, nocase);
    if (policy_is_spent(context))
        return POLICY_MATCH_UNKNOWN;
    return match ? worst : POLICY_MATCH_NO;
}

enum policy_match policy_arn_match(const struct policy_arn *arn, const struct policy_context *context,
                                   struct bytes text)
{
    enum policy_match worst = POLICY_MATCH_YES;

    if (arn->front.data) { /* what is equal has as many colons */
        if (!policy_spend(context, 1 + arn->front.len / 16))
            return POLICY_MATCH_UNKNOWN;
        if (!bytes_starts_with(text, arn->front))
            return POLICY_MATCH_NO;
        text = without_first(text, arn->front.len);
        return policy_pattern_match(&arn->parts[POLICY_ARN_PARTS - 1], context, text, false);
    }
    for (unsigned i = 0; i < arn->count; i++) {
        bool last = i + 1 == arn->count;
        const char *colon = text.len > 0 && !last ? memchr(text.data, ':', text.len) : NULL;
        size_t len = colon ? (size_t)(colon - text.data) : text.len;
        if (!last && !colon)
            return POLICY_MATCH_NO;
        enum policy_match match = policy_pattern_match(&arn->parts[i], context, bytes_of(text.data, len), false);
        if (match == POLICY_MATCH_NO)
            return match;
        worst = match > worst ? match : worst;
        text = last ? text : without_first(text, len + 1);
    }
    return worst;
}
