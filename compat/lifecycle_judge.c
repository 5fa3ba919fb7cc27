/* What the rules of a lifecycle say of one version; see the header. */
#include "compat/lifecycle.h"

#define MINIMUM_BYTES (128u * 1024) /* what is smaller makes no transition by default */

static bool has_tag(const struct lifecycle_version *version, const struct tag *wanted)
{
    for (size_t i = 0; version->tags && i < version->tags->count; i++)
        if (bytes_equal(version->tags->tags[i].key, wanted->key))
            return bytes_equal(version->tags->tags[i].value, wanted->value);
    return false;
}

/* A delete marker has no bytes and no tags. */
static bool matches(const struct lifecycle_configuration *configuration, const struct lifecycle_rule *rule,
                    const struct lifecycle_version *version)
{
    if (!rule->enabled || !bytes_starts_with(version->key, rule->prefix))
        return false;
    if ((rule->has_greater && version->size <= rule->greater) || (rule->has_less && version->size >= rule->less))
        return false;
    if (version->tags_unknown && !version->delete_marker)
        return true;
    for (size_t i = 0; i < rule->tags_count; i++)
        if (!has_tag(version, &configuration->tags[rule->tags_first + i]))
            return false;
    return true;
}

/* So many days after, at midnight. INT64_MAX: not in this age of the world. */
static int64_t days_after(int64_t since_ms, int64_t days, int64_t day_ms)
{
    int64_t at_ms;

    if (__builtin_mul_overflow(days, day_ms, &at_ms) || __builtin_add_overflow(at_ms, since_ms, &at_ms))
        return INT64_MAX;
    int64_t over_ms = at_ms % day_ms;
    if (over_ms == 0)
        return at_ms;
    return __builtin_add_overflow(at_ms, day_ms - over_ms, &at_ms) ? INT64_MAX : at_ms;
}

static int64_t time_after(const struct lifecycle_time *time, int64_t since_ms, int64_t day_ms)
{
    return time->by_date ? time->date_ms : days_after(since_ms, time->days, day_ms);
}

static void take_earlier(struct lifecycle_verdict *verdict, enum lifecycle_action action,
                         const struct lifecycle_rule *rule, int64_t due_ms)
{
    if (verdict->action == LIFECYCLE_NOTHING || due_ms < verdict->due_ms)
        *verdict = (struct lifecycle_verdict){.action = action, .rule = rule, .due_ms = due_ms};
}

/* The end of a version, whenever it is. */
static struct lifecycle_verdict judge_end(const struct lifecycle_configuration *configuration,
                                          const struct lifecycle_version *version, int64_t day_ms)
{
    struct lifecycle_verdict verdict = {0};

    for (size_t i = 0; i < configuration->count; i++) {
        const struct lifecycle_rule *rule = &configuration->rules[i];
        bool ends = rule->has_expiration && !rule->has_marker;
        if (!matches(configuration, rule, version))
            continue;
        if (!version->current) {
            if (rule->has_noncurrent && (!rule->has_newer || version->newer >= (uint64_t)rule->newer))
                take_earlier(&verdict, LIFECYCLE_REMOVE, rule,
                             days_after(version->noncurrent_ms, rule->noncurrent_days, day_ms));
        } else if (!version->delete_marker) {
            if (ends)
                take_earlier(&verdict, LIFECYCLE_EXPIRE, rule,
                             time_after(&rule->expiration, version->modified_ms, day_ms));
        } else if (version->alone && (ends || rule->expired_marker)) {
            /* a marker that hides nothing goes at once, or, by a rule that expires objects, when it is as old */
            take_earlier(&verdict, LIFECYCLE_REMOVE_MARKER, rule,
                         ends ? time_after(&rule->expiration, version->modified_ms, day_ms) : version->modified_ms);
        }
    }
    return verdict;
}

/* How cold a class is: AWS lets versions go down this list, never up. */
static unsigned coldness(enum storage_class storage_class)
{
    switch (storage_class) {
    case STORAGE_STANDARD_IA:
        return 1;
    case STORAGE_INTELLIGENT_TIERING:
        return 2;
    case STORAGE_ONEZONE_IA:
        return 3;
    case STORAGE_GLACIER_IR:
        return 4;
    default:
        return 0;
    }
}

static bool may_go(enum storage_class from, enum storage_class to)
{
    /* from one zone only to classes that are archives */
    return coldness(to) > coldness(from) && !(from == STORAGE_ONEZONE_IA && to == STORAGE_GLACIER_IR);
}

/* The transition that is due, to the coldest class of all that are. */
static struct lifecycle_verdict judge_transition(const struct lifecycle_configuration *configuration,
                                                 const struct lifecycle_version *version, int64_t now_ms,
                                                 int64_t day_ms)
{
    struct lifecycle_verdict verdict = {.storage_class = version->storage_class};
    int64_t since_ms = version->current ? version->modified_ms : version->noncurrent_ms;

    for (size_t i = 0; i < configuration->count && !version->delete_marker; i++) {
        const struct lifecycle_rule *rule = &configuration->rules[i];
        bool sized = rule->has_greater || rule->has_less;
        if (!matches(configuration, rule, version) || (version->size < MINIMUM_BYTES && !sized))
            continue;
        for (size_t j = 0; j < rule->transitions_count; j++) {
            const struct lifecycle_transition *transition = &configuration->transitions[rule->transitions_first + j];
            int64_t due_ms = time_after(&transition->time, since_ms, day_ms);
            if (transition->noncurrent == version->current || due_ms > now_ms ||
                !may_go(version->storage_class, transition->storage_class) ||
                coldness(transition->storage_class) <= coldness(verdict.storage_class) ||
                (transition->has_newer && version->newer < (uint64_t)transition->newer))
                continue;
            verdict = (struct lifecycle_verdict){LIFECYCLE_TRANSITION, rule, transition->storage_class, due_ms};
        }
    }
    return verdict;
}

struct lifecycle_verdict lifecycle_judge(const struct lifecycle_configuration *configuration,
                                         const struct lifecycle_version *version, int64_t now_ms, int64_t day_ms)
{
    struct lifecycle_verdict end = judge_end(configuration, version, day_ms);
    bool ends = end.action != LIFECYCLE_NOTHING && end.due_ms <= now_ms;
    bool for_good = ends && (end.action != LIFECYCLE_EXPIRE || !version->versioned);

    if (for_good)
        return end;
    struct lifecycle_verdict transition = judge_transition(configuration, version, now_ms, day_ms);
    if (transition.action != LIFECYCLE_NOTHING)
        return transition;
    return ends ? end : (struct lifecycle_verdict){0};
}

bool lifecycle_expiration(const struct lifecycle_configuration *configuration, const struct lifecycle_version *version,
                          int64_t day_ms, struct lifecycle_verdict *verdict)
{
    if (!version->current || version->delete_marker)
        return false;
    *verdict = judge_end(configuration, version, day_ms);
    return verdict->action != LIFECYCLE_NOTHING && verdict->due_ms < INT64_MAX;
}

bool lifecycle_abortion(const struct lifecycle_configuration *configuration, struct bytes key, int64_t begun_ms,
                        int64_t day_ms, struct lifecycle_verdict *verdict)
{
    *verdict = (struct lifecycle_verdict){0};
    for (size_t i = 0; i < configuration->count; i++) {
        const struct lifecycle_rule *rule = &configuration->rules[i];
        if (rule->enabled && rule->has_abort && bytes_starts_with(key, rule->prefix))
            take_earlier(verdict, LIFECYCLE_REMOVE, rule, days_after(begun_ms, rule->abort_days, day_ms));
    }
    return verdict->action != LIFECYCLE_NOTHING && verdict->due_ms < INT64_MAX;
}
