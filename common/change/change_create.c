/*
 * change_create - the file of a new virtual server: from nothing, or from another one
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  a new virtual server takes no number, folder and address of another one
 * Fails by: an exit status and words
 */
#include "common/change/change_create.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/change/change_words.h"
#include "common/config/config.h"
#include "common/config/server_name.h"
#include "common/config/server_numbers.h"

#define LISTEN_MAX 8192U

static uint32_t
lowest_free_id(const struct config *c)
{
	struct server_numbers n;
	uint32_t id = 1;

	server_numbers_read(&n, c->service.state);
	while (config_server_by_id(c, id) != NULL || server_numbers_owner(&n, id) != NULL)
		id++;
	server_numbers_done(&n);
	return id;
}

/* The value of the word KEY=VALUE that comes next, from *at on; NULL: there is no more. */
static const char *
next_word(const char *key, const char *const *words, size_t count, size_t *at)
{
	size_t len = strlen(key);

	while (*at < count) {
		const char *word = words[(*at)++];

		if (strncmp(word, key, len) == 0 && word[len] == '=')
			return word + len + 1;
	}
	return NULL;
}

static const char *
one_word(const char *key, const char *const *words, size_t count)
{
	size_t at = 1;

	return next_word(key, words, count, &at);
}

static int
set_value(struct change *c, const char *place, const char *value)
{
	char *word = mem_printf("%s=%s", place, value);
	int status = change_set(c, word);

	free(word);
	return status;
}

/* --- the template --- */

/* What belongs to the other one alone is left out. */
static char *
template_text(struct change *c, const char *config_path, const char *from, int *status)
{
	static const struct config_place own[] = {
		{ KEY_GENERAL, NULL, "id" }, { KEY_GENERAL, NULL, "description" },
		{ KEY_GENERAL, NULL, "home" }, { KEY_GENERAL, NULL, "pickup" },
		{ KEY_GENERAL, NULL, "queue" }, { KEY_GENERAL, NULL, "drop" },
		{ KEY_GENERAL, NULL, "log-directory" }, { KEY_MESSAGES, NULL, "badmail" },
	};
	struct change other;
	struct buf why = BUF_INIT(1000);
	char *text = NULL;

	*status = server_name_is_good(from) ? change_open(&other, config_path, from) : EX_USAGE;
	if (*status == EX_OK) {
		for (size_t i = 0; i < nitems_of(own); i++)
			(void)config_edit_unset(other.edit, &own[i], &why);
		config_edit_text(other.edit, &other.text);
		text = mem_strdup(buf_text(&other.text));
	} else {
		buf_printf(&c->why, "%.60s is no virtual server whose file can be a template\n", from);
		*status = *status == EX_NOINPUT ? 3 : *status;
	}
	if (server_name_is_good(from))
		change_done(&other);
	buf_done(&why);
	return text;
}

/* --- the words --- */

static int
put_domain(struct change *c, const struct config *config, const char *const *words, size_t count)
{
	const char *wanted = one_word("domain", words, count);
	char *there = change_default_domain(c);
	int status = EX_OK;

	if (there != NULL && wanted != NULL) {
		status = change_section_rename(c, KEY_DOMAIN, there, wanted);
	} else if (there == NULL) {
		const char *name = wanted != NULL ? wanted : config->service.hostname;
		char *place = mem_printf("domain:%s.type", name);

		status = change_section_add(c, KEY_DOMAIN, name);
		if (status == EX_OK)
			status = set_value(c, place, "default");
		free(place);
	}
	free(there);
	return status == 1 ? EX_CONFIG : status;	/* a name that is none */
}

static int
put_listen(struct change *c, const char *const *words, size_t count)
{
	struct buf list = BUF_INIT(LISTEN_MAX);
	const char *value;
	size_t at = 1;
	int status = EX_OK;

	while ((value = next_word("listen", words, count, &at)) != NULL)
		buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", value);
	if (list.len > 0)
		status = set_value(c, "general.listen", buf_text(&list));
	buf_done(&list);
	return status;
}

/* "domain:NAME.KEY=VALUE": with its first key the domain is made. */
static int
put_section(struct change *c, const char *word)
{
	struct change_place place;
	struct buf why = BUF_INIT(1000);
	int status = EX_OK;
	char *name;
	bool found = false;

	if (change_place_parse(&place, word, strcspn(word, "="), true, false, &why) == -1) {
		buf_printf(&c->why, "%s\n", buf_text(&why));
		status = EX_USAGE;
	} else {
		for (size_t n = 0; !found &&
		    (name = config_edit_section_at(c->edit, KEY_DOMAIN, n)) != NULL; n++) {
			found = strcmp(name, place.name) == 0;
			free(name);
		}
		if (!found)
			status = change_section_add(c, KEY_DOMAIN, place.name);
		change_place_done(&place);
	}
	buf_done(&why);
	return status == EX_OK ? change_set(c, word) : status;
}

/* Words with a section in front of the key. */
static int
put_rest(struct change *c, const char *const *words, size_t count)
{
	static const char *const known[] = { "listen", "domain", "description", "from" };
	int first = EX_OK;

	for (size_t i = 1; i < count; i++) {
		size_t len = strcspn(words[i], "="), n = 0;
		int status;

		while (n < nitems_of(known) && (strlen(known[n]) != len ||
		    strncmp(words[i], known[n], len) != 0))
			n++;
		if (n < nitems_of(known) && words[i][len] == '=' && words[i][len + 1] != '\0')
			continue;
		if (strcmp(words[i], CHANGE_WORDS_DRY_RUN) == 0)
			continue;
		if (memchr(words[i], '.', len) == NULL) {
			buf_printf(&c->why, "%.60s: say listen=ADDRESS, domain=NAME, description=TEXT or "
			    "SECTION.KEY=VALUE\n", words[i]);
			status = EX_USAGE;
		} else if (strncmp(words[i], "domain:", 7) == 0) {
			status = put_section(c, words[i]);
		} else {
			status = change_set(c, words[i]);
		}
		first = first != EX_OK ? first : status;
	}
	return first;
}

static int
put_words(struct change *c, const struct config *config, const char *const *words, size_t count)
{
	const char *description = one_word("description", words, count);
	char id[16];
	int status = EX_OK;

	snprintf(id, sizeof(id), "%u", lowest_free_id(config));
	if (one_word("general.id", words, count) == NULL)
		status = set_value(c, "general.id", id);
	if (status == EX_OK)
		status = put_listen(c, words, count);
	if (status == EX_OK && description != NULL && *description != '\0')
		status = set_value(c, "general.description", description);
	if (status == EX_OK)
		status = put_domain(c, config, words, count);
	return status == EX_OK ? put_rest(c, words, count) : status;
}

int
change_create_make(struct change *c, const char *config_path, const struct config *config,
    const char *const *words, size_t count)
{
	const char *from = count > 0 ? one_word("from", words, count) : NULL;
	char *text = NULL;
	int status = EX_OK;

	if (count == 0 || !server_name_is_good(words[0])) {
		*c = (struct change){ .why = BUF_INIT(1000) };
		buf_printf(&c->why, "%.60s is no name: small letters, digits and hyphens, %d at the most\n",
		    count > 0 ? words[0] : "", CONFIG_NAME_MAX);
		return EX_USAGE;
	}
	if (from != NULL) {
		*c = (struct change){ .why = BUF_INIT(1000) };
		text = template_text(c, config_path, from, &status);
	}
	if (status == EX_OK)
		status = change_open_new(c, config_path, words[0], text != NULL ? text :
		    "; Made by posternctl create; see postern.ini(5).\n[general]\n");
	free(text);
	return status == EX_OK ? put_words(c, config, words, count) : status;
}

/* --- addresses --- */

static bool
has_address(const struct config_server *s, const struct config_listen *listen)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (net_equal((const struct sockaddr *)&s->listen[i].address.sa,
		    (const struct sockaddr *)&listen->address.sa))
			return true;
	return false;
}

/* Who has one of the addresses of `s`; NULL: nobody. */
static const struct config_server *
find_owner(const struct config *config, const struct config_server *s, const char **address)
{
	for (size_t i = 0; i < config->nserver; i++)
		for (size_t k = 0; k < s->nlisten; k++)
			if (&config->server[i] != s && has_address(&config->server[i], &s->listen[k])) {
				*address = s->listen[k].text;
				return &config->server[i];
			}
	return NULL;
}

int
change_create_judge(struct change *c)
{
	struct config_faults faults;
	struct config *config = change_judge_read(c, &c->text, &faults);
	const struct config_server *s = config != NULL ? config_server_by_name(config, c->server) : NULL;
	const struct config_server *other;
	const char *address = "";
	int status = EX_OK;

	if (s != NULL && (other = find_owner(config, s, &address)) != NULL) {
		buf_printf(&c->why, "%s is not made: %s belongs to virtual server %s; say listen=ADDRESS\n",
		    c->server, address, other->name);
		status = 1;
	}
	config_free(config);
	config_faults_done(&faults);
	return status;
}
