/*
 * every_action - a filter with libmilter that does to each message all that a filter may do
 *
 * every_action SOCKET; made by t/system/filter_real with -lmilter. It refuses recipients with "refuse" in them.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static sfsistat
on_rcpt(SMFICTX *ctx, char **words)
{
	if (strstr(words[0], "refuse") == NULL)
		return SMFIS_CONTINUE;
	smfi_setmlreply(ctx, "550", "5.7.1", "no 100%%", "never", NULL);
	return SMFIS_REJECT;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return SMFIS_SKIP;
}

static sfsistat
on_end(SMFICTX *ctx)
{
	char id[] = "i", *value = smfi_getsymval(ctx, id);
	int failed = 0;

	failed |= smfi_progress(ctx);
	failed |= smfi_addheader(ctx, "X-Id", value != NULL ? value : "none");
	failed |= smfi_insheader(ctx, 0, "X-First", "one\n\ttwo");
	failed |= smfi_chgheader(ctx, "Subject", 1, "changed");
	failed |= smfi_chgheader(ctx, "To", 1, NULL);
	failed |= smfi_replacebody(ctx, (unsigned char *)"new\r\n", 5);
	failed |= smfi_addrcpt(ctx, "<e@f.example>");
	failed |= smfi_addrcpt_par(ctx, "<g@h.example>", "NOTIFY=NEVER");
	failed |= smfi_delrcpt(ctx, "<c@d.example>");
	failed |= smfi_chgfrom(ctx, "<new@b.example>", NULL);
	failed |= smfi_quarantine(ctx, "odd");
	return failed ? SMFIS_REJECT : SMFIS_CONTINUE;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3, unsigned long *p0, unsigned long *p1,
    unsigned long *p2, unsigned long *p3)
{
	(void)f2, (void)f3;
	*p0 = f0;
	*p1 = f1 & (SMFIP_SKIP | SMFIP_NR_HDR | SMFIP_HDR_LEADSPC);
	*p2 = *p3 = 0;
	smfi_setsymlist(ctx, SMFIM_EOM, "i");
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	struct smfiDesc d = { .xxfi_name = "every", .xxfi_version = SMFI_VERSION, .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS |
		SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT | SMFIF_CHGFROM | SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
		.xxfi_envrcpt = on_rcpt, .xxfi_header = on_header, .xxfi_body = on_body, .xxfi_eom = on_end,
		.xxfi_negotiate = on_negotiate };

	if (argc != 2 || smfi_setconn(argv[1]) == MI_FAILURE || smfi_register(d) == MI_FAILURE)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
