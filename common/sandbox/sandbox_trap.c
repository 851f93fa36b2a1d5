/*
 * sandbox_trap - what becomes of a call that the filter refuses: EPERM and one event, or the end
 *
 * Runs in:  every process but posternctl; in signal context, and on the loop
 * Owns:     the pipe from the signal's handler to the loop, until the process ends
 * Promise:  one event for each call, however often it is tried. The handler does what is safe in one
 * Fails by: false: another architecture than those here; calls are EPERM without an event
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/sandbox/sandbox_private.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1	/* si_code; the C library has no name for it */
#endif
#define CALLS_MAX 1024		/* numbers of calls; the largest is below 500 */

#if defined(__x86_64__)
#define RESULT_OF(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__i386__)
#define RESULT_OF(context) ((context)->uc_mcontext.gregs[REG_EAX])
#elif defined(__aarch64__)
#define RESULT_OF(context) ((context)->uc_mcontext.regs[0])
#elif defined(__riscv)
#define RESULT_OF(context) ((context)->uc_mcontext.__gregs[REG_A0])
#endif

static struct {
	const char *role;
	int told[2];			/* the pipe: numbers of calls */
	int newest;			/* the highest number that libseccomp knows */
	const char *name[CALLS_MAX];	/* for kill alone */
	_Atomic bool seen[CALLS_MAX];
	struct loop_io *io;
	void (*refused)(void *arg, const char *call);
	void *arg;
} trap = { .told = { -1, -1 } };

#ifdef RESULT_OF

#ifdef POSTERN_TEST
void __sanitizer_print_stack_trace(void) __attribute__((weak));
#endif

static void
say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

/* The form of an event, so that a test sees it; where the call came from stands below it. */
static _Noreturn void
end_process(int number)
{
	say("- event=bug reason=\"sandbox: ");
	say(trap.name[number] != NULL ? trap.name[number] : "an unknown call");
	say(" is no call of ");
	say(trap.role);
	say("\"\n");
#ifdef POSTERN_TEST
	if (__sanitizer_print_stack_trace != NULL)
		__sanitizer_print_stack_trace();
#endif
	abort();
}

static void
on_refused(int signo, siginfo_t *info, void *context)
{
	int saved = errno, call = info->si_syscall;
	int number = call >= 0 && call < CALLS_MAX ? call : CALLS_MAX - 1;
	ucontext_t *u = context;

	if (info->si_code != SYS_SECCOMP)
		return;		/* sent by someone */
	if (trap.name[0] != NULL && number <= trap.newest)
		end_process(number);
	if (!atomic_exchange(&trap.seen[number], true))
		(void)!write(trap.told[1], &number, sizeof(number));
	RESULT_OF(u) = number > trap.newest ? -ENOSYS : -EPERM;
	errno = saved;
}

static void
know_names(void)
{
	for (int i = 0; i < CALLS_MAX; i++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);

		trap.name[i] = name != NULL ? name : "";
	}
}

bool
sandbox_trap_set(const struct sandbox_plan *plan, int newest)
{
	struct sigaction act = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER };

	trap.role = plan->role;
	trap.newest = newest;
	if (trap.told[0] == -1 && pipe2(trap.told, O_CLOEXEC | O_NONBLOCK) == -1)
		return false;
	if (plan->kill)
		know_names();
	sigemptyset(&act.sa_mask);
	return sigaction(SIGSYS, &act, NULL) == 0;
}

bool
sandbox_trap_is_there(void)
{
	return true;
}

#else

bool
sandbox_trap_set(const struct sandbox_plan *plan, int newest)
{
	return false;
}

bool
sandbox_trap_is_there(void)
{
	return false;
}

#endif

int
sandbox_trap_newest(void)
{
	char *name = NULL;
	int i = CALLS_MAX;

	while (name == NULL && --i > 0)
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
	free(name);
	return i;
}

void
sandbox_trap_tell(void)
{
	int number;

	while (trap.told[0] != -1 && read(trap.told[0], &number, sizeof(number)) == sizeof(number)) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

		log_event(LOG_FAULT, NULL, "trouble", "part=sandbox call=%s number=%d reason=%s",
		    name != NULL ? name : "-", number,
		    log_safe(name != NULL ? "not permitted: this process has no use for it" :
		    "unknown to the sandbox: answered as if the kernel were older"));
		if (trap.refused != NULL)
			trap.refused(trap.arg, name != NULL ? name : "-");
		free(name);
	}
}

static void
take_told(void *arg, unsigned what)
{
	sandbox_trap_tell();
}

void
sandbox_trap_watch(struct loop *l, void (*refused)(void *arg, const char *call), void *arg)
{
	if (trap.told[0] == -1 || trap.io != NULL)
		return;
	trap.refused = refused;
	trap.arg = arg;
	trap.io = loop_io_new(l, trap.told[0], LOOP_READ, take_told, NULL);
}

void
sandbox_trap_done(void)
{
	trap.refused = NULL;
	sandbox_trap_tell();
	loop_io_free(trap.io);
	trap.io = NULL;
}
