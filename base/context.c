/* Stack switching; see context.h. The sanitizers keep a shadow of every stack: they must hear of a switch
 * just before it happens and, for ASan, just after it as well. */
#include "base/context.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define CONTEXT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CONTEXT_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define CONTEXT_TSAN 1
#endif

#ifdef CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CONTEXT_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       (void)(id)
#endif

static __thread struct context *context_entering; /* the one that context_main is to run */

static void announce(struct context *from, struct context *to, int last)
{
    to->origin = from;
#ifdef CONTEXT_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->stack, to->stack_size);
#endif
#ifdef CONTEXT_TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)last;
}

/* Runs on the stack arrived at. It is how ASan tells the bounds of a thread's own stack. */
static void arrive(struct context *self)
{
#ifdef CONTEXT_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &self->origin->stack, &self->origin->stack_size);
#else
    (void)self;
#endif
}

static _Noreturn void context_main(void)
{
    struct context *self = context_entering;

    arrive(self);
    self->entry(self->arg);
    check_failed("a context's entry leaves by context_exit", __FILE__, __LINE__);
}

#if defined(__x86_64__)
/* void context_swap(void **save, void *load): System V ABI, callee-saved registers and both control words. */
void context_swap(void **save, void *load);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl context_swap\n"
        ".hidden context_swap\n"
        ".type context_swap,@function\n"
        "context_swap:\n"
        "    .cfi_startproc\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size context_swap,.-context_swap\n");

#define CONTEXT_FRAME_WORDS 9 /* control words, six registers, context_main, its absent caller */

static void set_start(struct context *context)
{
    uintptr_t top = ((uintptr_t)context->stack + context->stack_size) & ~(uintptr_t)15;
    uint64_t *frame = (uint64_t *)top - CONTEXT_FRAME_WORDS;
    uint32_t mxcsr;
    uint16_t x87_control;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(x87_control));
    memset(frame, 0, CONTEXT_FRAME_WORDS * sizeof(*frame));
    frame[0] = mxcsr | (uint64_t)x87_control << 32;
    frame[CONTEXT_FRAME_WORDS - 2] = (uintptr_t)context_main;
    context->stack_pointer = frame;
}

static void swap(struct context *from, struct context *to)
{
    context_swap(&from->stack_pointer, to->stack_pointer);
}
#else
static void set_start(struct context *context)
{
    CHECK(getcontext(&context->ucontext) == 0);
    context->ucontext.uc_stack.ss_sp = (void *)context->stack;
    context->ucontext.uc_stack.ss_size = context->stack_size;
    context->ucontext.uc_link = NULL;
    makecontext(&context->ucontext, (void (*)(void))context_main, 0);
}

static void swap(struct context *from, struct context *to)
{
    CHECK(swapcontext(&from->ucontext, &to->ucontext) == 0);
}
#endif

void context_init_thread(struct context *context)
{
    memset(context, 0, sizeof(*context));
#ifdef CONTEXT_TSAN
    context->fiber = __tsan_get_current_fiber();
#endif
}

void context_init(struct context *context, void *stack, size_t stack_size)
{
    memset(context, 0, sizeof(*context));
    context->stack = stack;
    context->stack_size = stack_size;
    context->valgrind_id = VALGRIND_STACK_REGISTER(stack, (char *)stack + stack_size);
#ifdef CONTEXT_TSAN
    context->fiber = __tsan_create_fiber(0);
#endif
}

void context_release(struct context *context)
{
    VALGRIND_STACK_DEREGISTER(context->valgrind_id);
#ifdef CONTEXT_TSAN
    __tsan_destroy_fiber(context->fiber);
#endif
}

void context_prepare(struct context *context, void (*entry)(void *arg), void *arg)
{
#ifdef CONTEXT_ASAN
    /* The frames of the run before never returned, so their red zones are still poisoned. */
    __asan_unpoison_memory_region(context->stack, context->stack_size);
#endif
    context->fake_stack = NULL;
    context->entry = entry;
    context->arg = arg;
    set_start(context);
}

void context_switch(struct context *from, struct context *to)
{
    context_entering = to;
    announce(from, to, 0);
    swap(from, to);
    arrive(from);
}

void context_exit(struct context *from, struct context *to)
{
    context_entering = to;
    announce(from, to, 1);
    swap(from, to);
    check_failed("nothing returns to a context that exited", __FILE__, __LINE__);
}
