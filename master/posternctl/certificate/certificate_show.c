/*
 * certificate_show - the certificates of the configuration and those that clients are shown now: until when,
 * for which names
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what is wrong with a pair stands beside it
 * Fails by: CONTROL_REFUSED: a pair cannot be used as it is
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/posternctl.h"

struct shown {
	const char *certificate, *key;
	struct tls_details facts;
	struct buf faults;
};

static void
look(struct shown *s, const struct config_server *server, size_t i)
{
	struct tls_source pair;
	bool known;

	*s = (struct shown){ .certificate = server->certificate.text[i],
	    .key = i < server->key.count ? server->key.text[i] : "", .faults = BUF_INIT(10000) };
	known = certificate_file_read(&pair.certificate, s->certificate, &s->faults) == 0 &&
	    tls_details_read(&s->facts, &pair.certificate, &s->faults) == 0;
	if (certificate_file_read(&pair.key, s->key, &s->faults) == 0 && known)
		(void)certificate_pair_is_good(&pair, server->fqdn, &s->faults);
	tls_text_forget(&pair.certificate);
	tls_text_forget(&pair.key);
}

static void
put_time(char dst[CLOCK_DATE_SIZE], int64_t seconds)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)seconds);
	answers_value_time(dst, text);
}

static json_t *
json_of(const struct shown *s)
{
	json_t *row = json_object(), *names = json_array(), *faults = json_array();
	char *list = mem_strdup(s->facts.names != NULL ? s->facts.names : ""), *rest = list, *name;
	char *lines = mem_strdup(buf_text(&s->faults)), *left = lines;
	char from[CLOCK_DATE_SIZE], until[CLOCK_DATE_SIZE];
	bool known = s->facts.names != NULL;

	put_time(from, s->facts.from);
	put_time(until, s->facts.until);
	while ((name = strsep(&rest, ", ")) != NULL)
		if (*name != '\0')
			json_array_append_new(names, json_string(name));
	while ((name = strsep(&left, "\n")) != NULL)
		if (*name != '\0')
			json_array_append_new(faults, json_string(name));
	json_object_set_new(row, "certificate", json_string(s->certificate));
	json_object_set_new(row, "key", json_string(s->key));
	json_object_set_new(row, "names", names);
	json_object_set_new(row, "issuer", known ? json_string(s->facts.issuer) : json_null());
	json_object_set_new(row, "from", known ? json_string(from) : json_null());
	json_object_set_new(row, "until", known ? json_string(until) : json_null());
	json_object_set_new(row, "days", known ? json_integer(s->facts.days) : json_null());
	json_object_set_new(row, "type", known ? json_string(s->facts.key) : json_null());
	json_object_set_new(row, "fingerprint", known ? json_string(s->facts.fingerprint) : json_null());
	json_object_set_new(row, "faults", faults);
	free(list);
	free(lines);
	return row;
}

static void
print(const struct shown *s)
{
	char from[CLOCK_DATE_SIZE], until[CLOCK_DATE_SIZE];

	put_time(from, s->facts.from);
	put_time(until, s->facts.until);
	printf("certificate %s\nkey         %s\n", s->certificate, s->key);
	if (s->facts.names != NULL)
		printf("names       %s\nissuer      %s\nvalid       %s to %s (%d days left)\ntype        %s\n"
		    "sha256      %s\n", s->facts.names, s->facts.issuer, from, until, s->facts.days,
		    s->facts.key, s->facts.fingerprint);
	if (s->faults.len > 0)
		printf("wrong       %s", buf_text(&s->faults));
}

int
certificate_show_run(const struct certificate_job *j, bool json)
{
	const struct config_server *server = j->server;
	json_t *document = answers_new(), *rows = json_array();
	int status = EX_OK;

	json_object_set_new(document, "server", json_string(server->name));
	json_object_set_new(document, "fqdn", json_string(server->fqdn));
	json_object_set_new(document, "certificates", rows);
	for (size_t i = 0; i < server->certificate.count; i++) {
		struct shown s;

		look(&s, server, i);
		if (json)
			json_array_append_new(rows, json_of(&s));
		else
			print(&s);
		if (s.faults.len > 0)
			status = CONTROL_REFUSED;
		tls_details_done(&s.facts);
		buf_done(&s.faults);
	}
	if (json)
		answers_print(document, stdout);
	else if (server->certificate.count == 0)
		printf("%s has no certificate: clients are not offered TLS\n", server->name);
	json_decref(document);
	return status;
}

int
certificate_show_served(const struct command_context *c, const char *name, bool json)
{
	const char *const words[] = { "certificates", name };
	struct buf text = BUF_INIT(1U << 20);
	int status = command_send_for(c, words[0], words + 1, 1, &text);

	if (status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT)
		status = command_send_no_answer(status);
	else
		read_command_show(words, nitems_of(words), buf_text(&text), json);
	buf_done(&text);
	return status;
}
