/* A clock that is wrong, for a process that has this preloaded: the file named by ARTIFICER_TEST_SKEW says by how
   many seconds, as eight bytes, at every moment anew; in the next eight it is counted how often the wrong time was
   read. Only the time of day is wrong: nobody waits by that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none[2];
static volatile int64_t *skew = none;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("ARTIFICER_TEST_SKEW");
    real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int opened = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (opened < 0)
        return;
    void *found = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
    close(opened);
    if (found != MAP_FAILED)
        skew = found;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!real_gettime)
        real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int ended = real_gettime(clock, now);
    if (ended == 0 && *skew && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += *skew;
        __atomic_fetch_add(&skew[1], 1, __ATOMIC_RELAXED);
    }
    return ended;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    int ended = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return ended;
}

time_t time(time_t *place)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place)
        *place = now.tv_sec;
    return now.tv_sec;
}
