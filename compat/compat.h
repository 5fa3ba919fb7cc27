/* What the whole folder needs once per process. */
#ifndef TERCET_COMPAT_COMPAT_H
#define TERCET_COMPAT_COMPAT_H

/* Initialises libxml2; before any thread reads XML. Idempotent. */
void compat_init(void);

#endif
