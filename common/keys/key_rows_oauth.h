/* key_rows_oauth - the keys of [oauth NAME]; for key_rows.c alone */
	{ OAUTH("provider", KEY_ENUM, provider), .standard = "custom", .choice = oauth_providers,
	    .meaning =
	    "The provider of the tokens. microsoft365 and google set token-url and scope, and allow only the "
	    "flows that the provider has." },
	{ OAUTH("tenant", KEY_TEXT, tenant), .check = key_check_tenant,
	    .meaning = "Microsoft 365: the id of the directory (tenant), or a domain of the tenant." },
	{ OAUTH("token-url", KEY_TEXT, token_url), .derived = "the provider's", .check = key_check_https,
	    .meaning = "The token endpoint, an https address. Redirects are not followed." },
	{ OAUTH("flow", KEY_ENUM, flow), .derived = "client-credentials; Google: refresh-token",
	    .choice = oauth_flows,
	    .meaning =
	    "How a token is requested. client-credentials: for an application with rights of its own. "
	    "refresh-token: on behalf of a user who has consented once." },
	{ OAUTH("client-id", KEY_TEXT, client_id), .check = key_check_word,
	    .meaning = "The id of the application (client id) that was registered with the provider." },
	{ OAUTH("secret-file", KEY_PATH, secret_file),
	    .meaning =
	    "A file with the client secret. A file that everybody may read is refused. The supervisor opens "
	    "the file. Only postern-fetch reads it, again for each token." },
	{ OAUTH("key-file", KEY_PATH, key_file),
	    .meaning =
	    "In place of secret-file: a file in PEM form with the private key with which the application "
	    "proves itself, by a signed assertion for each request (private_key_jwt, RFC 7523). A file that "
	    "everybody may read, and a key with a password, are refused. A changed file counts from the next "
	    "request on." },
	{ OAUTH("certificate-file", KEY_PATH, certificate_file),
	    .meaning =
	    "The certificate of that key, in PEM form, as it was registered with the provider: its "
	    "thumbprint (x5t#S256) is in the assertion. Microsoft 365 needs it." },
	{ OAUTH("key-id", KEY_TEXT, key_id), .check = key_check_line,
	    .meaning = "The name of the key (kid) in the assertion, for providers that want one." },
	{ OAUTH("audience", KEY_TEXT, audience), .derived = "the token-url", .check = key_check_line,
	    .meaning = "For whom the assertion is (aud)." },
	{ OAUTH("signature", KEY_ENUM, signature), .derived = "rs256; Microsoft 365: ps256; EC keys: es256",
	    .choice = oauth_signatures,
	    .meaning =
	    "How the assertion is signed. rs256 and ps256 need an RSA key, es256 an EC key (P-256)." },
	{ OAUTH("scope", KEY_TEXT, scope), .derived = "the provider's", .check = key_check_line,
	    .meaning = "The rights that the token is to have: one or more words with blanks between them." },
	{ OAUTH("refresh-token-file", KEY_PATH, refresh_token_file),
	    .meaning =
	    "A file with the refresh token. A file that everybody may read is refused. When the endpoint "
	    "gives a new refresh token, the new one is kept in the state folder and is used until this file "
	    "has another token." },
	{ OAUTH("ca-file", KEY_PATH, ca_file), .derived = "those of the system",
	    .meaning =
	    "A file in PEM form with the certificate authorities that may issue the certificate of the token "
	    "endpoint." },
	{ OAUTH("timeout", KEY_TIME, timeout), .standard = "30s", .min = SECOND, .max = 300 * SECOND,
	    .meaning = "How long the token endpoint may take for one answer." },
