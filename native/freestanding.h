/*
 * What the static programs share: system calls without a C library, the entry point, text, numbers and one way to start a command.
 *
 * A C library costs more at start than all of our work (its CPU probing traps in virtual machines) and more memory than all of our data,
 * so there is none: <linux/…> headers only, nothing is ever allocated. With -DHOSTED (sanitizers, gcov) the C library provides main()
 * and the memory functions, and the rest stays as it is. This file must never know what a particular program does.
 */
#ifndef FREESTANDING_H
#define FREESTANDING_H

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <linux/wait.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef VERSION
#define VERSION "0.0.0"
#endif

#if defined(__x86_64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return number;
}
#define ENTRY "xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start_in_c\n"
/* clone(rdi flags, rsi top of the child's stack, rdx function): the child calls the function there and never returns. */
#define CLONE_ON_STACK \
    "mov %rdx, %r9\n xor %edx, %edx\n xor %r10d, %r10d\n xor %r8d, %r8d\n mov $56, %eax\n syscall\n" \
    "test %eax, %eax\n jnz 1f\n xor %ebp, %ebp\n call *%r9\n hlt\n 1: ret\n"
#elif defined(__aarch64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#define ENTRY "mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n bl start_in_c\n"
#define CLONE_ON_STACK \
    "mov x9, x2\n mov x2, #0\n mov x3, #0\n mov x4, #0\n mov x8, #220\n svc 0\n cbnz x0, 1f\n mov x29, #0\n blr x9\n brk #1\n 1: ret\n"
#elif defined(__riscv) && __riscv_xlen == 64
static inline long system_call(long number, long a, long b, long c, long d, long e, long f) {
    register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return a0;
}
#define ENTRY ".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n mv a0, sp\n andi sp, sp, -16\n call start_in_c\n"
#define CLONE_ON_STACK "mv t0, a2\n li a2, 0\n li a3, 0\n li a4, 0\n li a7, 220\n ecall\n bnez a0, 1f\n jalr t0\n ebreak\n 1: ret\n"
#else
#error "no system calls known for this architecture"
#endif

#define SIX_ARGUMENTS(a, b, c, d, e, f, ...) (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)
#define SYSCALL(name, ...) system_call(__NR_##name, SIX_ARGUMENTS(__VA_ARGS__, 0, 0, 0, 0, 0, 0))

static int program(int argc, char **argv, char **environment);

#ifdef HOSTED
#ifdef COVERAGE
void __gcov_dump(void);
#endif
int main(int argc, char **argv, char **environment) { return program(argc, argv, environment); }
void *memset(void *to, int byte, size_t length);
void *memcpy(void *to, const void *from, size_t length);
#else
__attribute__((used, noreturn)) static void start_in_c(long *stack) {
    char **argv = (char **)(stack + 1);
    int code = program((int)stack[0], argv, argv + stack[0] + 1);
    for (;;) SYSCALL(exit_group, code);
}
__asm__(".text\n .globl _start\n _start:\n" ENTRY);
/* The compiler calls these by name; volatile keeps it from turning them into calls of themselves. */
void *memset(void *to, int byte, size_t length) {
    for (volatile char *at = to; length; length--) *at++ = (char)byte;
    return to;
}
void *memcpy(void *to, const void *from, size_t length) {
    volatile char *at = to;
    for (const char *source = from; length; length--) *at++ = *source++;
    return to;
}
#endif

__attribute__((noreturn)) static void leave(int code) {
#ifdef COVERAGE
    __gcov_dump();
#endif
    for (;;) SYSCALL(exit_group, code);
}

/* Text ------------------------------------------------------------------------------------------------------------------------------ */
static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

/* The rest of `text` after `prefix`, or NULL when it does not begin so. */
static const char *after(const char *text, const char *prefix) {
    while (*prefix)
        if (*text++ != *prefix++) return NULL;
    return text;
}

static bool same(const char *left, const char *right) {
    const char *rest = after(left, right);
    return rest && !*rest;
}

/* Reads decimal digits at *text and moves it behind them; -1 without a digit or above `limit`. */
static long take_number(const char **text, long limit) {
    long value = -1;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = (value < 0 ? 0 : value * 10) + (**text - '0');
        if (value > limit) return -1;
    }
    return value;
}

/* "5", "5s", "1.5s", "200ms", "2m" or "1h" in milliseconds; -1 for anything else. A number alone is seconds. */
static long parse_duration(const char *text) {
    long whole = take_number(&text, 31536000), thousandths = 0;
    if (whole < 0) return -1;
    if (*text == '.')
        for (long place = 100; *++text >= '0' && *text <= '9'; place /= 10) thousandths += (*text - '0') * place;
    if (same(text, "ms")) return whole;
    long unit = !*text || same(text, "s") ? 1 : same(text, "m") ? 60 : same(text, "h") ? 3600 : -1;
    return unit < 0 ? -1 : (whole * 1000 + thousandths) * unit;
}

struct text {
    size_t length;
    char bytes[1024];
};

/* Appends, and drops silently what does not fit: a message cut short is better than none. */
static void put(struct text *to, const char *bytes, size_t length) {
    for (size_t at = 0; at < length && to->length < sizeof to->bytes - 1; at++) to->bytes[to->length++] = bytes[at];
    to->bytes[to->length] = 0;
}

static void put_number(struct text *to, long value) {
    char digits[24];
    size_t at = sizeof digits;
    unsigned long rest = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;
    do digits[--at] = (char)('0' + rest % 10); while (rest /= 10);
    if (value < 0) digits[--at] = '-';
    put(to, digits + at, sizeof digits - at);
}

/* %s a string, %d a long, %t milliseconds as seconds with three decimals. */
static void put_format_list(struct text *to, const char *format, va_list arguments) {
    for (; *format; format++) {
        if (*format != '%') {
            put(to, format, 1);
        } else if (*++format == 's') {
            const char *string = va_arg(arguments, const char *);
            put(to, string, length_of(string));
        } else if (*format == 'd') {
            put_number(to, va_arg(arguments, long));
        } else {
            long milliseconds = va_arg(arguments, long);
            put_number(to, milliseconds / 1000);
            put(to, (char[]){'.', (char)('0' + milliseconds / 100 % 10), (char)('0' + milliseconds / 10 % 10),
                             (char)('0' + milliseconds % 10)}, 4);
        }
    }
}

static void put_format(struct text *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_format_list(to, format, arguments);
    va_end(arguments);
}

static void write_all(int descriptor, const char *bytes, size_t length) {
    while (length) {
        long written = SYSCALL(write, descriptor, bytes, length);
        if (written == -EINTR) continue;
        if (written <= 0) return;
        bytes += written, length -= (size_t)written;
    }
}

static const char *error_text(long error) {
    static struct text other;
    switch (error < 0 ? -error : error) {
    case ENOENT: return "No such file or directory";
    case EACCES: return "Permission denied";
    case EPERM: return "Operation not permitted";
    case ENOEXEC: return "Exec format error";
    case ENOTDIR: return "Not a directory";
    case ENOMEM: return "Cannot allocate memory";
    case EAGAIN: return "Resource temporarily unavailable";
    case ECONNREFUSED: return "Connection refused";
    case ECONNRESET: return "Connection reset by peer";
    case ENETUNREACH: return "Network is unreachable";
    case EHOSTUNREACH: return "No route to host";
    }
    other.length = 0;
    put_format(&other, "error %d", error < 0 ? -error : error);
    return other.bytes;
}

/* Signals ------------------------------------------------------------------------------------------------------------------------------ */
enum { NAMED_SIGNALS = 31, FIRST_REALTIME = 34, SIGNALS = 65 };
static const char signal_names[NAMED_SIGNALS][7] = {
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"};

static const char *signal_name(int number) {
    static struct text name[2];
    static int turn;
    struct text *to = &name[turn ^= 1];
    to->length = 0;
    if (number >= 1 && number <= NAMED_SIGNALS) put_format(to, "SIG%s", signal_names[number - 1]);
    else put_format(to, "SIGRTMIN+%d", (long)number - FIRST_REALTIME);
    return to->bytes;
}

/* A number, TERM, SIGTERM or RTMIN+3 (as the C libraries count: 34 is the first); 0 is a number too. -1 for anything else. */
static int parse_signal(const char *text) {
    const char *digits = text, *rest = after(text, "SIG");
    long number = take_number(&digits, SIGNALS - 1);
    if (number >= 0) return *digits ? -1 : (int)number;
    text = rest ? rest : text;
    if ((digits = after(text, "RTMIN"))) {
        if (!*digits) return FIRST_REALTIME;
        number = *digits++ == '+' ? take_number(&digits, SIGNALS - 1 - FIRST_REALTIME) : -1;
        return number < 0 || *digits ? -1 : FIRST_REALTIME + (int)number;
    }
    for (int at = 0; at < NAMED_SIGNALS; at++)
        if (same(text, signal_names[at])) return at + 1;
    return -1;
}

/* Options ----------------------------------------------------------------------------------------------------------------------------- */
/*
 * kind: 'f' flag (bool), '+' counter (long), 'd' duration (long, ms), 'c' custom (a function of the text), 'l' the same for each part of a comma-separated list,
 * 'o' custom whose value is optional and comes after "=" only. A program's rules end with a NULL name. Every option can be
 * set as PREFIX_LONG_NAME in the environment; the command line comes second and wins.
 */
struct option_rule {
    const char *name;
    char letter, kind;
    void *target;
};
typedef bool take_value(const char *value);

static struct text option_error;

static bool is_off(const char *value) {
    return !*value || same(value, "0") || same(value, "no") || same(value, "false") || same(value, "off");
}

static bool take_list(take_value *take, const char *value) {
    char item[256];
    do {
        size_t length = 0;
        for (; *value && *value != ','; value++)
            if (length < sizeof item - 1) item[length++] = *value;
        item[length] = 0;
        if (!take(item)) return false;
    } while (*value++ == ',');
    return true;
}

static bool set_option(const struct option_rule *rule, const char *value) {
    const char *rest = value;
    bool good = true;
    switch (rule->kind) {
    case 'f': *(bool *)rule->target = !value || !is_off(value); break;
    case '+': *(long *)rule->target = value ? take_number(&rest, 9) : *(long *)rule->target + 1, good = !value || (rest != value && !*rest); break;
    case 'd': *(long *)rule->target = parse_duration(value), good = *(long *)rule->target >= 0; break;
    case 'l': good = take_list((take_value *)rule->target, value); break;
    default: good = ((take_value *)rule->target)(value);
    }
    if (!good) put_format(&option_error, "not a value for --%s: '%s'", rule->name, value);
    return good;
}

static bool takes_value(const struct option_rule *rule) { return rule->kind == 'd' || rule->kind == 'c' || rule->kind == 'l'; }

/* Options from PREFIX_NAME=value; a variable with our prefix that is no option is left alone. */
static bool options_from_environment(const struct option_rule *rules, const char *prefix, char **environment) {
    for (; *environment; environment++) {
        const char *rest = after(*environment, prefix);
        for (const struct option_rule *rule = rules; rest && rule->name; rule++) {
            size_t at = 0;
            while (rule->name[at] && rest[at] == (rule->name[at] == '-' ? '_' : rule->name[at] - 32)) at++;
            if (!rule->name[at] && rest[at] == '=' && !set_option(rule, rest + at + 1)) return false;
        }
    }
    return true;
}

/* Returns the first argument that is no option, or NULL with option_error set. Options end at the command or at "--". */
static char **options_from_arguments(const struct option_rule *rules, char **argv) {
    for (argv++; *argv && (*argv)[0] == '-' && (*argv)[1]; argv++) {
        const char *at = *argv + 1, *name = after(*argv, "--"), *rest = NULL;
        if (name && !*name) return argv + 1;
        do {
            const struct option_rule *rule = rules;
            while (rule->name && (name ? !(rest = after(name, rule->name)) || (*rest && *rest != '=') : rule->letter != *at)) rule++;
            if (!rule->name) {
                put_format(&option_error, "unknown option '%s'", *argv);
                return NULL;
            }
            const char *value = name ? (*rest ? rest + 1 : NULL) : takes_value(rule) && at[1] ? at + 1 : NULL;
            if (!value && takes_value(rule) && !(value = *++argv)) {
                put_format(&option_error, "--%s wants a value", rule->name);
                return NULL;
            }
            if (!set_option(rule, value)) return NULL;
            if (takes_value(rule)) break;
        } while (!name && *++at);
    }
    return argv;
}

/* Environment, time, commands -------------------------------------------------------------------------------------------------------- */
static const char *variable(char **environment, const char *name) {
    for (; *environment; environment++) {
        const char *rest = after(*environment, name);
        if (rest && *rest == '=') return rest + 1;
    }
    return NULL;
}

static long now_ms(void) {
    struct __kernel_timespec time = {0};
    SYSCALL(clock_gettime, 1 /* CLOCK_MONOTONIC */, &time);
    return (long)(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

/* The kernel's own struct sigaction; C libraries have another one. */
struct action {
    unsigned long handler, flags;
#ifdef SA_RESTORER
    unsigned long restorer;
#endif
    unsigned long mask;
};

/* execvp(3): searches PATH, gives a script without "#!" to /bin/sh. argv[-1] must be ours to overwrite. Returns the errno, negative. */
static long execute(char **argv, char **environment) {
    static char path[4096];
    const char *directory = variable(environment, "PATH");
    bool direct = false, denied = false;
    for (const char *at = argv[0]; *at; at++) direct |= *at == '/';
    if (direct) directory = "";
    else if (!directory) directory = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    if (!*argv[0]) return -ENOENT;
    for (;; directory++) {
        size_t at = 0, room = sizeof path - 2;
        for (; *directory && *directory != ':'; directory++)
            if (at < room) path[at++] = *directory;
        if (at) path[at++] = '/';
        for (const char *name = argv[0]; *name && at < room; name++) path[at++] = *name;
        path[at] = 0;
        long error = at < room ? SYSCALL(execve, path, argv, environment) : -ENAMETOOLONG;
        if (error == -ENOEXEC) {
            argv[-1] = (char *)"/bin/sh", argv[0] = path;
            return SYSCALL(execve, argv[-1], argv - 1, environment);
        }
        if (error == -EACCES) denied = true;
        else if (error != -ENOENT && error != -ENOTDIR && error != -ENAMETOOLONG) return error;
        if (!*directory) return denied ? -EACCES : direct ? error : -ENOENT;
    }
}

__asm__(".text\n clone_on_stack:\n" CLONE_ON_STACK);
extern long clone_on_stack(long flags, void *top, void (*run)(void));

/*
 * Starts `run` as a child that shares our memory until it execs or exits; we are suspended until then (vfork(2)), on a stack of its own.
 * So nothing is copied, and whatever `run` sets up (group, terminal, mask) is in place when we go on.
 */
static long start_child(void (*run)(void)) {
    static char stack[16384] __attribute__((aligned(16)));
    return clone_on_stack(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + sizeof stack, run);
}

#endif
