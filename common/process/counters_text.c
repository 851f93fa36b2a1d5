/*
 * counters_text - counters and measures as the text Prometheus reads, and what the manual says of them
 *
 * Runs in:  master, metrics
 * Owns:     the table of what there is beside the counters: one row a family
 * Promise:  each counter is there from the first moment, so that a rate need not guess about a missing zero;
 *           units are base units, times are seconds, labels are escaped
 * Fails by: the buffer's cap
 */
#include "common/process/counters_text.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

struct family {
	const char *name, *type, *help;
	/* Its samples of one virtual server; NULL: it is not about one. */
	void (*put)(struct buf *out, const struct family *f, const struct counters_text_server *s);
	unsigned which;			/* enum measure, enum measure_list */
	enum measure_value value;
	const char *label;		/* of a list */
};

static int64_t
now_s(void)
{
	return clock_wall_us() / 1000000;
}

static void
put_measure(struct buf *out, const struct family *f, const struct counters_text_server *s)
{
	buf_printf(out, "postern_%s{server=\"%s\"} %lld\n", f->name, s->name,
	    (long long)measures_get(counters_measures(s->counters), f->which));
}

/* 0: there is none. */
static long long
age_of(int64_t since)
{
	int64_t now = now_s();

	return since <= 0 || since > now ? 0 : now - since;
}

static void
put_age(struct buf *out, const struct family *f, const struct counters_text_server *s)
{
	buf_printf(out, "postern_%s{server=\"%s\"} %lld\n", f->name, s->name,
	    age_of(measures_get(counters_measures(s->counters), f->which)));
}

static void
put_escaped(struct buf *out, const char *label)
{
	for (; *label != '\0'; label++)
		buf_printf(out, *label == '\\' || *label == '"' ? "\\%c" : "%c", *label);
}

/* A time that is 0 has no sample: it never was. */
static void
put_rows(struct buf *out, const struct family *f, const struct counters_text_server *s)
{
	const struct measures *m = counters_measures(s->counters);

	for (size_t i = 0; i < MEASURES_ROWS; i++) {
		const struct measures_row *r = &m->row[f->which][i];
		int64_t value = r->value[f->value];
		char label[MEASURES_LABEL_SIZE];

		if (!measures_label(r, label) || (f->value == MEASURES_TIME && value == 0))
			continue;
		buf_printf(out, "postern_%s{server=\"%s\",%s=\"", f->name, s->name, f->label);
		put_escaped(out, label);
		buf_printf(out, "\"} %lld\n",
		    f->value == MEASURES_SINCE ? age_of(value) : (long long)value);
	}
}

static void
put_histogram(struct buf *out, const struct family *f, const struct counters_text_server *s)
{
	const struct measures *m = counters_measures(s->counters);
	uint64_t sum = 0, ms = m->sum_ms;

	for (size_t i = 0; i < MEASURES_BUCKETS; i++) {
		sum += m->bucket[i];
		buf_printf(out, "postern_%s_bucket{server=\"%s\",le=\"%u\"} %llu\n", f->name, s->name,
		    measures_bounds[i], (unsigned long long)sum);
	}
	sum += m->bucket[MEASURES_BUCKETS];
	buf_printf(out, "postern_%s_bucket{server=\"%s\",le=\"+Inf\"} %llu\n", f->name, s->name,
	    (unsigned long long)sum);
	buf_printf(out, "postern_%s_sum{server=\"%s\"} %llu.%03llu\n", f->name, s->name,
	    (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
	buf_printf(out, "postern_%s_count{server=\"%s\"} %llu\n", f->name, s->name,
	    (unsigned long long)sum);
}

static const struct family families[] = {
	{ "build_info", "gauge", "The version that runs, as a label; always 1", .put = NULL },
	{ "start_time_seconds", "gauge", "When the counters of the virtual server were zero, in Unix time",
	    .put = put_measure, .which = MEASURE_STARTED },
	{ "oldest_message_age_seconds", "gauge", "Age of the oldest message that is to be delivered; 0: "
	    "there is none; what an operator holds or a host asks for itself does not count",
	    .put = put_age, .which = MEASURE_OLDEST },
	{ "health", "gauge", "What posternctl status --check says of it, and of the service: 0 all is well, "
	    "1 something is wrong or near its end, 2 it should run and does not",
	    .put = put_measure, .which = MEASURE_HEALTH },
	{ "queue_filesystem_avail_bytes", "gauge", "Bytes free in the file system of the queue",
	    .put = put_measure, .which = MEASURE_FREE_BYTES },
	{ "queue_filesystem_size_bytes", "gauge", "Its size", .put = put_measure,
	    .which = MEASURE_SIZE_BYTES },
	{ "queue_filesystem_files_free", "gauge", "Files that it has room for",
	    .put = put_measure, .which = MEASURE_FREE_FILES },
	{ "queue_filesystem_files", "gauge", "Files that it has room for when it is empty; 0: no bound",
	    .put = put_measure, .which = MEASURE_FILES },
	{ "next_hop_last_success_timestamp_seconds", "gauge", "When a next hop last took a message, in Unix "
	    "time: each that the configuration names, 32 at most; mx: all that the DNS names",
	    .put = put_rows, .which = MEASURES_NEXT_HOPS, .value = MEASURES_TIME, .label = "next_hop" },
	{ "next_hop_waiting_seconds", "gauge", "How long such a host takes nothing while mail waits for it",
	    .put = put_rows, .which = MEASURES_NEXT_HOPS, .value = MEASURES_SINCE, .label = "next_hop" },
	{ "certificate_expiry_timestamp_seconds", "gauge", "When a certificate in use ends, in Unix time",
	    .put = put_rows, .which = MEASURES_CERTIFICATES, .value = MEASURES_TIME, .label = "file" },
	{ "client_certificate_expiry_timestamp_seconds", "gauge", "When a client certificate that is shown "
	    "to other hosts ends, in Unix time",
	    .put = put_rows, .which = MEASURES_CLIENT_CERTIFICATES, .value = MEASURES_TIME,
	    .label = "file" },
	{ "token_expiry_timestamp_seconds", "gauge", "When the latest OAuth2 token of a profile ends, in "
	    "Unix time",
	    .put = put_rows, .which = MEASURES_TOKENS, .value = MEASURES_TIME, .label = "profile" },
	{ "time_to_delivery_seconds", "histogram", "From the arrival of a message until its next hop, or the "
	    "drop folder, has it: one observation a recipient", .put = put_histogram },
};

static const char *
help_of(enum counter which)
{
	return which == COUNTER_STATE ?
	    ": 1 starting, 2 started, 3 stopping, 4 stopped, 5 pausing, 6 paused, 7 continuing" : "";
}

void
counters_text_prometheus(struct buf *out, const struct counters_text_server *server, size_t n)
{
	for (enum counter which = 0; which < COUNTER_COUNT; which++) {
		const struct counter_row *row = &counters_rows[which];

		buf_printf(out, "# HELP postern_%s %s%s\n# TYPE postern_%s %s\n", row->name, row->title,
		    help_of(which), row->name, row->gauge ? "gauge" : "counter");
		for (size_t i = 0; i < n; i++)
			buf_printf(out, "postern_%s{server=\"%s\"} %lld\n", row->name, server[i].name,
			    (long long)counters_get(server[i].counters, which));
	}
	for (size_t k = 0; k < nitems_of(families); k++) {
		const struct family *f = &families[k];

		buf_printf(out, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", f->name, f->help, f->name,
		    f->type);
		if (f->put == NULL)
			buf_printf(out, "postern_%s{version=\"%s\"} 1\n", f->name, POSTERN_VERSION);
		for (size_t i = 0; f->put != NULL && i < n; i++)
			f->put(out, f, &server[i]);
	}
}

void
counters_text_manual(FILE *out)
{
	for (enum counter which = 0; which < COUNTER_COUNT; which++)
		fprintf(out, ".It Li postern_%s\n%s%s (%s).\n", counters_rows[which].name,
		    counters_rows[which].title, help_of(which),
		    counters_rows[which].gauge ? "gauge" : "counter");
	for (size_t k = 0; k < nitems_of(families); k++)
		fprintf(out, ".It Li postern_%s\n%s (%s%s%s).\n", families[k].name, families[k].help,
		    families[k].type, families[k].label != NULL ? ", label " : "",
		    families[k].label != NULL ? families[k].label : "");
}
