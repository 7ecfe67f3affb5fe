/* One thread writes snapshots whose words all agree, another reads: every read it is given must be of one write, and none older
 * than the last. The seqlock itself (SEQLOCK) is the text of snapshot.pxd. Prints reads, retries and distinct snapshots. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include SEQLOCK

enum { WRITES = 3000000, WORDS = 8 };

static _Alignas(64) uint64_t shared[WORDS];
static int done;

static void *writer(void *unused) {
    uint64_t values[WORDS];
    for (uint64_t n = 1; n <= WRITES; n++) {
        for (int i = 1; i < WORDS; i++) values[i] = n * (uint64_t)i;
        hft_snapshot_write(shared, values);
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return unused;
}

int main(void) {
    pthread_t thread;
    uint64_t seen[WORDS], last = 0, reads = 0, retries = 0, distinct = 0;
    if (pthread_create(&thread, NULL, writer, NULL)) return 2;
    for (int finished = 0; !finished;) {
        finished = __atomic_load_n(&done, __ATOMIC_ACQUIRE);
        while (!hft_snapshot_read(shared, seen)) retries++;
        for (int i = 1; i < WORDS; i++) {
            if (seen[i] != seen[1] * (uint64_t)i) {
                printf("torn: word %d of write %llu\n", i, (unsigned long long)seen[1]);
                return 1;
            }
        }
        if (seen[1] < last || seen[0] != 2 * seen[1]) return 1;
        distinct += seen[1] != last;
        last = seen[1];
        reads++;
    }
    pthread_join(thread, NULL);
    printf("%llu %llu %llu\n", (unsigned long long)reads, (unsigned long long)retries, (unsigned long long)distinct);
    return last == WRITES ? 0 : 3;
}
