/* The values that conditions compare: numbers, dates, addresses. */
#ifndef TERCET_COMPAT_POLICY_VALUE_H
#define TERCET_COMPAT_POLICY_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Decimal, of any length, exact: digits without zeros at the outer ends, which point into the text. Zero is not
 * negative. */
struct policy_number {
    bool negative;
    struct bytes whole, fraction;
};
/* [+-]digits[.digits]; no exponent. */
enum status policy_number_parse(struct bytes text, struct policy_number *number);
int policy_number_compare(const struct policy_number *a, const struct policy_number *b);

/* Seconds since 1970, or a date of ISO 8601 with or without time (`2026-11-29`, `2026-11-29T20:00Z`,
 * `2026-11-29T20:00:00.5+01:00`). What is below a millisecond is cut off. */
enum status policy_date_parse(struct bytes text, int64_t *ms);

/* An address, or a range of them by its prefix. An IPv4 address that is written as an IPv6 one is an IPv4 address. */
struct policy_ip_range {
    uint8_t address[16];
    unsigned len;  /* of the address, in bytes: 4 or 16 */
    unsigned bits; /* of the prefix */
};
enum status policy_ip_range_parse(struct bytes text, struct policy_ip_range *range);
/* Is the address, which is a range of one, within the range? */
bool policy_ip_range_has(const struct policy_ip_range *range, const struct policy_ip_range *address);

/* `true` or `false`, in any case. */
enum status policy_bool_parse(struct bytes text, bool *value);

#endif
