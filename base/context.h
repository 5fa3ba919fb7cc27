/* Stack switching for tasks. A context is a stopped line of execution: a stack and the registers to go on
 * with. On x86-64 the switch is a few instructions that save what the ABI says a callee keeps; elsewhere it
 * is ucontext, which costs two system calls more. Address and thread sanitizer and valgrind are told about
 * every stack. A context is used by one thread only. */
#ifndef TERCET_BASE_CONTEXT_H
#define TERCET_BASE_CONTEXT_H

#include <stddef.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

struct context {
#if defined(__x86_64__)
    void *stack_pointer;
#else
    ucontext_t ucontext;
#endif
    void (*entry)(void *arg);
    void *arg;
    struct context *origin; /* who switched here last */
    const void *stack;      /* lowest address */
    size_t stack_size;
    void *fake_stack; /* address sanitizer */
    void *fiber;      /* thread sanitizer */
    unsigned valgrind_id;
};

/* The context of the calling thread, for switching back to. */
void context_init_thread(struct context *context);
/* A context on the stack given. Freed by context_release, also when it never ran. */
void context_init(struct context *context, void *stack, size_t stack_size);
void context_release(struct context *context);
/* Makes the next switch start entry(arg), which must leave by context_exit. May be called again after that.
 */
void context_prepare(struct context *context, void (*entry)(void *arg), void *arg);

/* Leaves `from`, the running context, for `to`; returns when somebody switches back. */
void context_switch(struct context *from, struct context *to);
/* The same for the last time: nothing returns to `from`, whose stack may then be used again. */
_Noreturn void context_exit(struct context *from, struct context *to);

#endif
