/* One thread writes snapshots whose words all agree, another reads: every read it is given must be of one write, and none older
 * than the last. The seqlock itself (SEQLOCK) is the text of snapshot.pxd. Ends when enough different snapshots were read, or,
 * on a machine that is busy with other things, after ten seconds with a few of them; prints the reads and the retries. */

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Every fourth access or so gives the processor away, so that on one core too, the other thread runs in the middle of a write or read. */
static _Thread_local uint32_t dice = 1;

static inline void perhaps_yield(void) {
    dice = dice * 1664525u + 1013904223u;
    if (dice >> 30 == 0) sched_yield();
}

#define __atomic_store_n(to, value, order) (perhaps_yield(), __atomic_store_n(to, value, order))
#define __atomic_load_n(from, order) (perhaps_yield(), __atomic_load_n(from, order))
#include SEQLOCK
#undef __atomic_store_n
#undef __atomic_load_n

enum { DISTINCT = 1000, FEW = 20, SECONDS = 10, WORDS = 8 };

static _Alignas(64) uint64_t shared[WORDS];
static int enough;

static void *writer(void *unused) {
    uint64_t values[WORDS];
    for (uint64_t n = 1; !__atomic_load_n(&enough, __ATOMIC_RELAXED); n++) {
        for (int i = 1; i < WORDS; i++) values[i] = n * (uint64_t)i;
        hft_snapshot_write(shared, values);
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    uint64_t seen[WORDS], last = 0, reads = 0, retries = 0;
    if (pthread_create(&thread, NULL, writer, NULL)) return 2;
    time_t end = time(NULL) + SECONDS;
    for (int distinct = 0; distinct < (time(NULL) < end ? DISTINCT : FEW); reads++) {
        while (!hft_snapshot_read(shared, seen)) retries++;
        for (int i = 1; i < WORDS; i++) {
            if (seen[i] != seen[1] * (uint64_t)i) {
                printf("torn: word %d of write %llu\n", i, (unsigned long long)seen[1]);
                return 1;
            }
        }
        if (seen[1] < last || seen[0] != 2 * seen[1]) {
            printf("write %llu with sequence %llu after write %llu\n", (unsigned long long)seen[1],
                   (unsigned long long)seen[0], (unsigned long long)last);
            return 1;
        }
        distinct += seen[1] != last;
        last = seen[1];
    }
    __atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    printf("%llu %llu\n", (unsigned long long)reads, (unsigned long long)retries);
    return 0;
}
