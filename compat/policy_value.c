/* Values of conditions; see the header. */
#include "compat/policy_value.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#define EPOCH_SECONDS_MAX UINT64_C(253402300799) /* the end of the year 9999 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cuts the digits off that the text begins with. */
static struct bytes cut_digits(struct bytes *text)
{
    struct bytes digits = bytes_of(text->data, 0);

    while (digits.len < text->len && is_digit(text->data[digits.len]))
        digits.len++;
    *text = bytes_of(text->data + digits.len, text->len - digits.len);
    return digits;
}

static bool cut_char(struct bytes *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    *text = bytes_of(text->data + 1, text->len - 1);
    return true;
}

enum status policy_number_parse(struct bytes text, struct policy_number *number)
{
    *number = (struct policy_number){.negative = cut_char(&text, '-')};
    if (!number->negative)
        cut_char(&text, '+');
    number->whole = cut_digits(&text);
    if (number->whole.len == 0)
        return STATUS_INVALID;
    if (cut_char(&text, '.')) {
        number->fraction = cut_digits(&text);
        if (number->fraction.len == 0)
            return STATUS_INVALID;
    }
    while (cut_char(&number->whole, '0'))
        ;
    while (number->fraction.len > 0 && number->fraction.data[number->fraction.len - 1] == '0')
        number->fraction.len--;
    if (number->whole.len == 0 && number->fraction.len == 0)
        number->negative = false;
    return text.len == 0 ? STATUS_OK : STATUS_INVALID;
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

int policy_number_compare(const struct policy_number *a, const struct policy_number *b)
{
    int order;

    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    if (a->whole.len != b->whole.len)
        order = a->whole.len < b->whole.len ? -1 : 1;
    else
        order = sign(bytes_compare(a->whole, b->whole));
    if (order == 0)
        order = sign(bytes_compare(a->fraction, b->fraction));
    return a->negative ? -order : order;
}

/* So many digits, no more: their number is between the two. */
static bool cut_number(struct bytes *text, size_t digits, int least, int most, int *value)
{
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text->len == 0 || !is_digit(text->data[0]))
            return false;
        *value = *value * 10 + (text->data[0] - '0');
        *text = bytes_of(text->data + 1, text->len - 1);
    }
    return *value >= least && *value <= most;
}

/* Z, or what the local time is ahead of UTC. */
static bool cut_zone(struct bytes *text, int *minutes)
{
    int hour, minute;

    *minutes = 0;
    if (cut_char(text, 'Z'))
        return true;
    bool behind = cut_char(text, '-');
    if ((!behind && !cut_char(text, '+')) || !cut_number(text, 2, 0, 23, &hour))
        return false;
    cut_char(text, ':');
    if (!cut_number(text, 2, 0, 59, &minute))
        return false;
    *minutes = (behind ? -1 : 1) * (hour * 60 + minute);
    return true;
}

static bool cut_fraction(struct bytes *text, int *milliseconds)
{
    int scale = 100;

    *milliseconds = 0;
    if (!cut_char(text, '.'))
        return true;
    struct bytes digits = cut_digits(text);
    for (size_t i = 0; i < digits.len; i++, scale /= 10)
        *milliseconds += (digits.data[i] - '0') * scale;
    return digits.len > 0;
}

static bool cut_day(struct bytes *text, struct tm *tm)
{
    if (!cut_number(text, 4, 0, 9999, &tm->tm_year) || !cut_char(text, '-') ||
        !cut_number(text, 2, 1, 12, &tm->tm_mon) || !cut_char(text, '-') || !cut_number(text, 2, 1, 31, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

static bool cut_time(struct bytes *text, struct tm *tm, int *milliseconds, int *zone_minutes)
{
    *milliseconds = *zone_minutes = 0;
    if (text->len == 0)
        return true;
    if (!cut_char(text, 'T') || !cut_number(text, 2, 0, 23, &tm->tm_hour) || !cut_char(text, ':') ||
        !cut_number(text, 2, 0, 59, &tm->tm_min))
        return false;
    if (cut_char(text, ':') && (!cut_number(text, 2, 0, 59, &tm->tm_sec) || !cut_fraction(text, milliseconds)))
        return false;
    return cut_zone(text, zone_minutes);
}

enum status policy_date_parse(struct bytes text, int64_t *ms)
{
    struct tm tm = {0};
    uint64_t seconds;
    int milliseconds, zone_minutes;

    if (bytes_parse_u64(text, EPOCH_SECONDS_MAX, &seconds) == STATUS_OK) {
        *ms = (int64_t)seconds * 1000;
        return STATUS_OK;
    }
    if (!cut_day(&text, &tm) || !cut_time(&text, &tm, &milliseconds, &zone_minutes) || text.len > 0)
        return STATUS_INVALID;
    int day = tm.tm_mday, month = tm.tm_mon;
    time_t time = timegm(&tm);
    if (tm.tm_mday != day || tm.tm_mon != month) /* the 31st of a shorter month */
        return STATUS_INVALID;
    *ms = ((int64_t)time - zone_minutes * INT64_C(60)) * 1000 + milliseconds;
    return STATUS_OK;
}

static void as_ipv4(struct policy_ip_range *range)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (range->len != 16 || range->bits < 96 || memcmp(range->address, mapped, sizeof(mapped)) != 0)
        return;
    memmove(range->address, range->address + sizeof(mapped), 4);
    range->len = 4;
    range->bits -= 96;
}

enum status policy_ip_range_parse(struct bytes text, struct policy_ip_range *range)
{
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct bytes address = slash ? bytes_of(text.data, (size_t)(slash - text.data)) : text;
    char copy[INET6_ADDRSTRLEN];
    uint64_t bits;

    *range = (struct policy_ip_range){0};
    if (address.len == 0 || address.len >= sizeof(copy) || memchr(address.data, '\0', address.len))
        return STATUS_INVALID;
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    if (inet_pton(AF_INET, copy, range->address) == 1)
        range->len = 4;
    else if (inet_pton(AF_INET6, copy, range->address) == 1)
        range->len = 16;
    else
        return STATUS_INVALID;
    bits = range->len * 8;
    if (slash && bytes_parse_u64(bytes_of(slash + 1, text.len - address.len - 1), bits, &bits))
        return STATUS_INVALID;
    range->bits = (unsigned)bits;
    as_ipv4(range);
    return STATUS_OK;
}

bool policy_ip_range_has(const struct policy_ip_range *range, const struct policy_ip_range *address)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;

    if (range->len != address->len || memcmp(range->address, address->address, whole) != 0)
        return false;
    return rest == 0 || (range->address[whole] ^ address->address[whole]) >> (8 - rest) == 0;
}

enum status policy_bool_parse(struct bytes text, bool *value)
{
    *value = bytes_equal_nocase(text, "true");
    return *value || bytes_equal_nocase(text, "false") ? STATUS_OK : STATUS_INVALID;
}
