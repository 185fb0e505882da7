// The helper thread that does the disk's work for all spools.

#include <pthread.h>
#include <stdlib.h>

#include "dataplane/deliver/spool.h"
#include "shared/error.h"

struct spooler {
	pthread_t id;
	pthread_mutex_t lock; // below
	pthread_cond_t changed;
	STAILQ_HEAD(, spool_job) jobs;
	bool stopping;
};

static int work(struct spool_job *j)
{
	if (j->work == SPOOL_RUN) {
		j->run(j->context);
		return 0;
	}
	// One that fails leaves its place in the head to the next; none is left out.
	for (j->done_result = 0; j->done > 0; j->done--) {
		int error = spool_done(j->spool);
		j->done_result = error ? error : j->done_result;
	}
	if (j->work == SPOOL_STORE)
		return spool_store(j->spool, j->segment, j->from, j->line);
	return j->work == SPOOL_LOAD ? spool_load(j->spool, &j->block) : j->done_result;
}

static void *spooler_run(void *context)
{
	struct spooler *s = context;

	(void)pthread_setname_np(pthread_self(), "poi-spool");
	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct spool_job *j = STAILQ_FIRST(&s->jobs);
		if (!j && s->stopping)
			break;
		if (!j) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&s->jobs, next);
		pthread_mutex_unlock(&s->lock);
		j->result = work(j);
		pthread_mutex_lock(&s->lock);
		// The job is its owner's from here on.
		atomic_store_explicit(&j->state, SPOOL_FINISHED, memory_order_release);
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct spooler *spooler_new(void)
{
	struct spooler *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	STAILQ_INIT(&s->jobs);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (pthread_create(&s->id, NULL, spooler_run, s)) {
		free(s);
		return NULL;
	}
	return s;
}

void spooler_free(struct spooler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->id, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void spooler_submit(struct spooler *s, struct spool_job *j)
{
	atomic_store_explicit(&j->state, SPOOL_QUEUED, memory_order_relaxed);
	pthread_mutex_lock(&s->lock);
	STAILQ_INSERT_TAIL(&s->jobs, j, next);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void spooler_wait(struct spooler *s, struct spool_job *j)
{
	pthread_mutex_lock(&s->lock);
	while (atomic_load_explicit(&j->state, memory_order_acquire) == SPOOL_QUEUED)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
