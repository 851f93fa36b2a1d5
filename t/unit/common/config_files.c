/* config_files - faults between the files of an INI set, and faults that depend on the host */
#include <sys/mman.h>

#include "common/config/config_files.h"
#include "common/config/server_numbers.h"
#include "t/unit/common/temp_config.h"

/* shows 2.1a */
START_TEST(test_files)
{
	char *path, *big, *link, *fifo;

	begin();
	path = path_of("servers/folder.ini");
	big = mem_zalloc(CONFIG_FILE_MAX + 2);
	link = path_of("servers/link.ini");
	fifo = path_of("servers/fifo.ini");
	memset(big, '\n', CONFIG_FILE_MAX + 1);
	put("servers/big.ini", big);
	big[CONFIG_FILE_MAX] = '\0';
	put("servers/full.ini", big);
	put("servers/Upper.ini", "");
	put("servers/upper2.INI", "");
	put("servers/abcdefghijabcdefghijabcdefghijabc.ini", "");
	put("servers/-x.ini", "");
	put("servers/default.ini~", "rubbish");
	put("servers/.default.ini.swp", "rubbish");
	put("servers/.hidden.ini", "rubbish");
	put("servers/README", "rubbish");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(symlink("/nonexistent", link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	read_all();
	expect("files",
	    "servers/-x.ini: error: the name\nservers/Upper.ini: error: the name of a virtual server's file "
	    "must be lower-case\n"
	    "servers/abcdefghijabcdefghijabcdefghijabc.ini: error: the name\nservers/big.ini: error: is "
	    "larger than 1 MiB\n"
	    "servers/fifo.ini: error: is a device or pipe\nservers/folder.ini: error: is a folder\n"
	    "servers/link.ini: error: cannot be read: No such file\nservers/upper2.INI: error: the name");
	ck_assert_uint_eq(config->nserver, 2);
	free(path);
	free(big);
	free(link);
	free(fifo);
	end();
}
END_TEST

/* shows 2.1a */
START_TEST(test_service_file)
{
	char *path;

	begin();
	put("postern.ini",
	    "[service]\nhostnam = x\ngrace = 1\n[domain a.example]\n[general]\nid = 4\nlisten = "
	    "*:26\n[access]\nrelay = all\n");
	read_all();
	expect("service",
	    "postern.ini:2"
	    E "unknown key \"hostnam\" in [service]; did you mean \"hostname\"?\npostern.ini:3"
	    E "grace must be a time\n"
	    "postern.ini:4" E "[domain] belongs in the file of a virtual server\npostern.ini:6"
	    E "\"id\" cannot be shared\n"
	    "postern.ini:7" E "\"listen\" cannot be shared\npostern.ini:9" E "relay must be only");
	ck_assert_ptr_null(config);
	ck_assert_ptr_null(faults.fault[0].server);
	put("postern.ini", "[service]\nhostname = host\nmetrics = /x\n");
	read_all();
	expect("service", "postern.ini:2: warning: the hostname \"host\" has no dot");
	put("postern.ini",
	    "[service]\nhostname = h.example\nmetrics = /run/m.sock, 127.0.0.1:9925\n [::1]:9925\n");
	read_all();
	expect("service", "");
	put("postern.ini", "[service]\nhostname = h.example\nmetrics = 0.0.0.0:9925\n 127.0.0.1\n");
	read_all();
	expect("service",
	    "postern.ini:3"
	    E "metrics \"0.0.0.0:9925\" is not the path of a socket, or a loopback address\npostern.ini:4" E
	    "metrics \"127.0.0.1\" is not the path of a socket");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nlisten = 127.0.0.1:2580, [::1]:2580\n");
	read_all();
	expect("manager", "");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nlisten = *:443, 127.0.0.1:443, 192.0.2.1:443\n");
	read_all();
	expect("manager", "postern.ini:4" E "the manager at *:443 can be reached from other hosts\npostern.ini:4" E
	    "the manager at 192.0.2.1:443 can be reached from other hosts");
	ck_assert_ptr_null(config);
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nlisten = *:443\ncertificate = /c\n");
	read_all();
	expect("manager", "postern.ini:5" E "certificate of [manager] needs key");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nlisten = *:443\ncertificate = /c\nkey = /k\n"
	    "hosts = mail.example, [2001:db8::1]\n");
	read_all();
	expect("manager", "");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nhosts = a:1\n http://a\nlisten = 2580\n");
	read_all();
	expect("manager", "postern.ini:4" E "hosts \"a:1\" is not a host name or an address\npostern.ini:5" E
	    "hosts \"http://a\" is not a host name\npostern.ini:6" E "listen \"2580\" is not an address and port");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nlisten = /run/web.sock\n");
	read_all();
	expect("manager", "postern.ini:4: warning: a web server in front of /run/web.sock is called by a name");
	put("postern.ini", "[service]\nhostname = h.example\n[manager]\nhosts = a.example\n");
	read_all();
	expect("manager", "postern.ini:4: warning: [manager] has no effect without listen");
	path = path_of("postern.ini");
	unlink(path);
	read_all();
	expect("service", "postern.ini: error: cannot be read: No such file");
	ck_assert_ptr_null(config);
	free(path);
	end();
}
END_TEST

START_TEST(test_no_server)
{
	char *file, *servers;

	begin();
	file = path_of("servers/default.ini");
	servers = path_of("servers");
	unlink(file);
	read_all();
	expect("no file", "postern.ini: warning: there is no virtual server: posternctl create");
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->nserver, 0);
	rmdir(servers);
	read_all();
	expect("no folder", "postern.ini: warning: there is no virtual server");
	ck_assert_ptr_nonnull(config);
	free(file);
	free(servers);
	end();
}
END_TEST

START_TEST(test_bad_file_affects_itself)
{
	begin();
	put("servers/bad.ini", "[general]\nnonsense = 1\nid = 7\n[delivery]\nfqdn = shorty\n");
	put("servers/good.ini", "[general]\nlisten = *:26\n");
	read_all();
	expect("bad", "servers/bad.ini:2" E "unknown key\nservers/bad.ini:5: warning: fqdn");
	ck_assert_uint_eq(config->nserver, 2);
	ck_assert_str_eq(config->server[0].name, "default");
	ck_assert_str_eq(config->server[1].name, "good");
	end();
}
END_TEST

START_TEST(test_many_faults)
{
	char *text, *p;

	begin();
	text = mem_zalloc(20000);
	p = text;
	p += sprintf(p, "[general]\n");
	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "x%d = 1\n", i);
	put("servers/default.ini", text);
	read_all();
	ck_assert_uint_eq(faults.errors, 1000);
	ck_assert_uint_eq(faults.count, 500);
	ck_assert_ptr_nonnull(strstr(reported, "more than 500 faults"));
	free(text);
	end();
}
END_TEST

/* --- several virtual servers --- */

START_TEST(test_ids)
{
	begin();
	put("servers/a.ini", "");
	put("servers/b.ini", "[general]\nid = 1\n");
	put("servers/c.ini", "[general]\nbroken\nid = 3\n");
	put("servers/d.ini", "");
	read_all();
	ck_assert_uint_eq(server("a")->id, 2);
	ck_assert_uint_eq(server("b")->id, 1);
	ck_assert_uint_eq(server("d")->id, 4);	/* 3 is the broken one's */
	ck_assert_uint_eq(server("default")->id, 5);
	ck_assert_ptr_eq(config_server_by_id(config, 4), server("d"));
	ck_assert_ptr_null(config_server_by_id(config, 3));
	ck_assert_ptr_null(config_server_by_name(config, "c"));
	end();
}
END_TEST

/* Numbers as they were first seen stay, whatever files come and go; a number that a file says is obeyed. */
/* shows 1.2d */
START_TEST(test_remembered_ids)
{
	char *service, *numbers;

	begin();
	service = mem_printf("[service]\nhostname = host.example\nstate = %s\n", folder);
	put("postern.ini", service);
	read_all();
	ck_assert_int_eq(server_numbers_keep(config), 0);
	put("servers/aaa.ini", "[general]\nlisten = 192.0.2.1:25\n");
	put("servers/zzz.ini", "[general]\nlisten = 192.0.2.2:25\nid = 7\n");
	read_all();
	ck_assert_uint_eq(server("default")->id, 1);
	ck_assert_uint_eq(server("aaa")->id, 2);
	ck_assert_int_eq(server_numbers_keep(config), 0);
	numbers = path_of("servers/aaa.ini");
	unlink(numbers);
	free(numbers);
	put("servers/bbb.ini", "[general]\nlisten = 192.0.2.3:25\n");
	put("servers/zzz.ini", "[general]\nbroken\n");
	read_all();
	ck_assert_uint_eq(server("bbb")->id, 3);	/* 2 waits for aaa */
	ck_assert_int_eq(server_numbers_keep(config), 0);
	put("servers/aaa.ini", "[general]\nlisten = 192.0.2.1:25\n");
	put("servers/zzz.ini", "[general]\nlisten = 192.0.2.2:25\n");
	read_all();
	ck_assert_uint_eq(server("aaa")->id, 2);
	ck_assert_uint_eq(server("zzz")->id, 7);
	put("servers/bbb.ini", "[general]\nlisten = 192.0.2.3:25\nid = 1\n");
	read_all();
	expect("a number that is another's", "servers/bbb.ini:3" E "id 1 belongs to virtual server default already");
	ck_assert_uint_eq(server("default")->id, 1);
	put("numbers", "x\n0 aaa\n5 aaa more\n6 aaa\n6 bbb\n8 aaa\n4294967299 default\n9 UPPER\n\n\0" "7 default");
	put("servers/bbb.ini", "[general]\nlisten = 192.0.2.3:25\n");
	read_all();
	ck_assert_uint_eq(server("aaa")->id, 6);
	ck_assert_uint_eq(server("bbb")->id, 1);
	free(service);
	end();
}
END_TEST

START_TEST(test_servers_against_each_other)
{
	begin();
	put("servers/a.ini", "[general]\nid = 5\nhome = /m/a\nlisten = 192.0.2.1:25\n");
	put("servers/b.ini", "[general]\nlisten = 192.0.2.2:25\nid = 5\n");
	put("servers/c.ini", "[general]\nlisten = 192.0.2.3:25\nhome = /m/a/\n");
	put("servers/d.ini",
	    "[general]\nlisten = 192.0.2.4:25\npickup = /m/a/drop\nqueue = /m/a/queue/inside\n");
	put("servers/default.ini", "");		/* every address, beside those of the others */
	put("servers/e.ini", "[general]\nlisten = 192.0.2.1:25\n");
	read_all();
	expect("each other", "servers/b.ini:3" E "id 5 belongs to virtual server a already\nservers/c.ini:3"
	    E "home /m/a belongs to virtual server a\n"
	    "servers/d.ini:3"
	    E "pickup (/m/a/drop) and the drop (/m/a/drop) of virtual server a must be apart\n"
	    "servers/d.ini:4" E "queue (/m/a/queue/inside) and the queue (/m/a/queue) of virtual server a\n"
	    "servers/e.ini:2: warning: listens on 192.0.2.1:25, as virtual server a does on 192.0.2.1:25");
	ck_assert_uint_eq(config->nserver, 3);
	end();
}
END_TEST

/* shows 2.3f */
START_TEST(test_file_systems)
{
	char *text;
	struct stat here, shm;

	begin();
	if (stat("/dev/shm", &shm) == -1 || stat(folder, &here) == -1 || shm.st_dev == here.st_dev) {
		end();
		return;
	}
	text = mem_printf("[general]\nqueue = %s\npickup = /dev/shm/postern-a\n"
	    "drop = /dev/shm/postern-b/c\n[messages]\nbadmail = /dev/null\n", folder);
	put("servers/default.ini", text);
	read_all();
	expect("file system", D "3" E "pickup (/dev/shm/postern-a) must be on the same file system as queue\n" D "4" E
	    "drop (/dev/shm/postern-b/c) must be on the same file system as queue\n" D "6" E "badmail (/dev/null) is not a folder");
	free(text);
	end();
}
END_TEST

/* Entries in files of their own: together with those in the line, in snapshots, and with faults in their place. */
START_TEST(test_list_files)
{
	static const char list[] = "# office\n192.0.2.0/24   ; printers\n\n2001:db8::/32, 198.51.100.7\r\nexample.com";
	char *text, *path;
	struct config *copy;
	struct net_address a;
	const char *why;
	int fd;

	begin();
	path = path_of("office.list");
	put("office.list", list);
	text = mem_printf("[access]\nrelay-list = %s, 203.0.113.9\nconnection-control = only\nconnection-list = %s\n",
	    path, path);
	put("servers/default.ini", text);
	read_all();
	expect("lists", "");
	ck_assert_uint_eq(server("default")->relay_list.count, 5);
	ck_assert_uint_eq(server("default")->connection_list.count, 4);
	ck_assert_uint_eq(server("default")->relay_list.names, 1);
	ck_assert_str_eq(config_files_list(config->files, 0), path);
	ck_assert_ptr_null(config_files_list(config->files, 1));
	fd = config_snapshot(config);
	copy = config_read_snapshot(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert(config_server_same(config, copy, "default"));
	config_free(copy);
	close(fd);
	put("office.list", "203.0.113.0/24\n");
	copy = config_read_lists(config->files, &faults);
	ck_assert_ptr_nonnull(copy);
	ck_assert_uint_eq(copy->server[0].relay_list.count, 2);
	ck_assert(net_address_parse(&a, "203.0.113.77", 25, &why) == 0 &&
	    config_nets_has(&copy->server[0].relay_list, (struct sockaddr *)&a.sa) &&
	    !config_nets_has(&server("default")->relay_list, (struct sockaddr *)&a.sa));
	config_free(copy);
	put("office.list", "192.0.2.1\nnot an address!\n/etc/other\n");
	free(text);
	text = mem_printf("[access]\nrelay-list = %s, 203.0.113.9\n", path);
	put("servers/default.ini", text);
	read_all();
	expect("bad list", "office.list:2" E "relay-list \"address!\": must be an address\n"
	    D "2" E "relay-list office.list has errors\noffice.list:3" E "relay-list \"/etc/other\": must be");
	unlink(path);
	read_all();
	ck_assert_ptr_nonnull(strstr(reported, "office.list: error: cannot be read: No such file"));
	ck_assert_uint_eq(config->nserver, 0);
	put("office.list", "192.0.2.1\n");
	config_faults_done(&faults);
	copy = config_read_lists(config->files, &faults);
	ck_assert(copy != NULL && faults.count == 0 && copy->nserver == 1 && copy->files == config->files);
	config_free(copy);
	free(text);
	free(path);
	end();
}
END_TEST

/* As a program that takes over has it: whatever is on disk by now, and it can be judged again from there. */
START_TEST(test_handed)
{
	static const char rubbish[] = "[general]\nlisten = rubbish:rubbish\n";
	const struct config_candidate candidate = { .server = "default", .text = rubbish, .len = strlen(rubbish) };
	struct config_files *changed;
	struct config *copy, *again;
	char *text, *path;
	int fd;

	begin();
	path = path_of("office.list");
	put("office.list", "192.0.2.1\n192.0.2.2\n");
	text = mem_printf("[access]\nrelay-list = %s\n", path);
	put("servers/default.ini", text);
	put("servers/other.ini", "[general]\nlisten = 127.0.0.1:26\n");
	read_all();
	fd = config_snapshot(config);
	put("servers/default.ini", rubbish);
	put("office.list", "rubbish/rubbish\n");
	put("postern.ini", "[rubbish\n");
	config_faults_done(&faults);
	copy = config_files_handed(fd, &faults);
	ck_assert(copy != NULL && faults.count == 0 && copy->nserver == 2 && copy->servers == 2);
	ck_assert(config_server_same(config, copy, "default") && config_server_same(config, copy, "other"));
	ck_assert_uint_eq(config_server_by_name(copy, "default")->id, server("default")->id);
	ck_assert_str_eq(config_files_list(copy->files, 0), path);
	/* lists as they are now, and a change of one file beside the others as they were */
	put("office.list", "192.0.2.3\n");
	again = config_read_lists(copy->files, &faults);
	ck_assert(again != NULL && faults.count == 0 && again->nserver == 2 && again->servers == 2);
	ck_assert_uint_eq(config_server_by_name(again, "default")->relay_list.count, 1);
	config_free(again);
	again = config_files_change(copy->files, &candidate, &changed, &faults);
	ck_assert(again != NULL && faults.errors == 1 && again->nserver == 1);
	config_free(again);
	config_files_drop(changed);
	config_free(copy);
	config_faults_done(&faults);
	close(fd);
	/* one that this program would not take, and what is none */
	fd = memfd_create("snapshot", MFD_CLOEXEC);
	dprintf(fd, "postern-snapshot 1\nhost h\nservers 1\nfile 0 0 - /p/postern.ini\n\n"
	    "file %zu 1 default /p/servers/default.ini\n%s\n", strlen(rubbish), rubbish);
	copy = config_files_handed(fd, &faults);
	ck_assert(copy != NULL && faults.errors == 1 && copy->nserver == 0);
	config_free(copy);
	config_faults_done(&faults);
	ck_assert_int_eq(ftruncate(fd, 30), 0);
	ck_assert(config_files_handed(fd, &faults) == NULL && faults.count == 0);
	close(fd);
	free(text);
	free(path);
	end();
}
END_TEST

/* The shared part of a refused service file; what was wrong with reading an INI file stays. */
START_TEST(test_refused_files)
{
	char *text, *path;
	struct config_files *files;
	struct config_faults seen;

	begin();
	path = path_of("all.list");
	put("all.list", "?\n");
	text = mem_printf("[service]\nhostname = h.example\n[access]\nconnection-list = %s\n", path);
	put("postern.ini", text);
	put("servers/default.ini", "");
	put("servers/Upper.ini", "");
	free(text);
	text = path_of("postern.ini");
	ck_assert_ptr_null(config_read_files(text, &files, &seen));
	ck_assert_uint_eq(seen.errors, 3);
	config_faults_done(&seen);
	ck_assert_str_eq(config_files_list(files, 0), path);
	put("all.list", "192.0.2.1\n");
	put("servers/default.ini", "[general]\nunknown = x\n");
	config = config_read_lists(files, &seen);
	config_files_drop(files);
	ck_assert(config != NULL && config->nserver == 1 && seen.errors == 1);
	ck_assert(config_faults_first_error(&seen, "Upper") == &seen.fault[0] && config_faults_has(&seen, &seen.fault[0]));
	ck_assert_uint_eq(server("default")->connection_list.count, 1);
	config_faults_done(&seen);
	free(text);
	free(path);
	end();
}
END_TEST

/* A long list says the same as each of its entries. */
START_TEST(test_long_lists)
{
	struct config_nets n = { 0 };
	unsigned seed = 1, found = 0;

	for (unsigned i = 0; i < 3000; i++) {
		struct net_entry e;
		char entry[64];
		const char *why;

		seed = seed * 1103515245 + 12345;
		snprintf(entry, sizeof(entry), i % 5 == 0 ? "n%u.example" : i % 3 == 0 ? "2001:db8:%x::/%u" : "10.%u.0.0/%u",
		    i % 5 == 0 ? i : (seed >> 16) % 256, i % 3 == 0 ? 40 + (seed >> 8) % 20 : 10 + (seed >> 8) % 23);
		ck_assert_msg(net_entry_parse(&e, entry, &why) == 0, "%s", entry);
		config_nets_add(&n, e);
	}
	config_nets_seal(&n);
	for (unsigned i = 0; i < 4000; i++) {
		struct net_address a;
		char text[64];
		const char *why;
		bool want = false;

		seed = seed * 1103515245 + 12345;
		snprintf(text, sizeof(text), i % 2 == 0 ? "[2001:db8:%x:%x::1]" : "%u.%u.0.7", i % 2 == 0 ? (seed >> 16) % 512 :
		    9 + (seed >> 26) % 3, (seed >> 8) % 256);
		ck_assert_msg(net_address_parse(&a, text, 25, &why) == 0, "%s", text);
		for (size_t j = 0; j < n.count && !want; j++)
			want = net_entry_has(&n.entry[j], (struct sockaddr *)&a.sa);
		ck_assert_msg(config_nets_has(&n, (struct sockaddr *)&a.sa) == want, "%s", text);
		found += want;
	}
	ck_assert(found > 100 && found < 3900);
	ck_assert(config_nets_has_name(&n, "n15.example") && config_nets_has_name(&n, "A.b.N15.Example"));
	ck_assert(!config_nets_has_name(&n, "n16.example") && !config_nets_has_name(&n, "xn15.example"));
	/* as a file of hosts may name it */
	ck_assert(!config_nets_has_name(&n, ".") && !config_nets_has_name(&n, "..x") &&
	    config_nets_has_name(&n, ".n15.example") && !config_nets_has_name(&n, "n15.example."));
	config_nets_done(&n);
}
END_TEST

/* shows 2.1a */
START_TEST(test_shared_sections)
{
	begin();
	put("postern.ini",
	    "[service]\nhostname = host.example\n[access]\nrelay-list = "
	    "192.0.2.0/24\n[messages]\nmax-recipients = 7\n");
	put("servers/own.ini",
	    "[general]\nlisten = *:26\n[access]\nrelay-list = 10.0.0.0/8\nrelay-list = "
	    "127.0.0.1\n[messages]\nmax-recipients = 8\n");
	read_all();
	expect("shared", "");
	ck_assert_uint_eq(server("default")->max_recipients, 7);
	ck_assert_uint_eq(server("default")->relay_list.count, 1);
	ck_assert_uint_eq(server("own")->max_recipients, 8);
	ck_assert_uint_eq(server("own")->relay_list.count, 2);
	put("postern.ini", "[access]\nrelay-list = 0.0.0.0/0\n");
	read_all();
	ck_assert_msg(strstr(reported, "default.ini: error: open relay") != NULL &&
	    strstr(reported, "(line 2 of postern.ini)") != NULL, "%s", reported);
	ck_assert_uint_eq(config->nserver, 1);
	end();
}
END_TEST

/* shows 2.2a */
START_TEST(test_hostname)
{
	char name[256] = "";
	char *full, *plain, *hosts, *text;

	begin();
	ck_assert_int_eq(gethostname(name, sizeof(name) - 1), 0);
	hosts = path_of("hosts");
	text = mem_printf("127.0.0.1 localhost\n# 192.0.2.9 wrong.example %s\n192.0.2.1 other.example other\n"
	    "192.0.2.2 Right.Example %s # comment\n", name, name);
	put("hosts", text);
	full = config_file_hostname(hosts);
	plain = config_file_hostname("/nonexistent");
	if (strchr(name, '.') == NULL)
		ck_assert_str_eq(full, "right.example");
	else
		ck_assert_str_eq(full, plain);
	free(full);
	free(plain);
	free(hosts);
	free(text);
	end();
}
END_TEST

UNIT_MAIN("config_files", test_list_files, test_handed, test_refused_files, test_long_lists,
    test_files, test_service_file, test_no_server, test_bad_file_affects_itself,
    test_many_faults,
    test_ids, test_remembered_ids, test_servers_against_each_other, test_file_systems, test_shared_sections, test_hostname)
