# Postern. `make run` shows it, `make check` tests it; both install what is missing (packages.list).

.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

VERSION    := 0.1.0
PREFIX     ?= /usr
SYSCONFDIR ?= /etc
LOCALSTATEDIR ?= /var
DATADIR    ?= $(PREFIX)/share
RUNDIR     ?= /run
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/postern
MANDIR     ?= $(PREFIX)/share/man
CC         ?= gcc

# B: where objects go; `make check` builds a second set with sanitizers in build/check.
B ?= build/release
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wno-unused-parameter
# For the programs; tests may convert and declare as they like.
STRICT := -Wdeclaration-after-statement -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings -Wredundant-decls
ifeq ($(CHECK),1)
  OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -Werror -DPOSTERN_TEST
  LDOPT := -fsanitize=address,undefined
else ifeq ($(FUZZING),1)
  OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DPOSTERN_TEST
  LDOPT := -fsanitize=fuzzer,address,undefined
  WARN := -w -Werror=implicit-function-declaration -Werror=int-conversion
else
  CFLAGS ?= -O2 -g
  OPT := $(CFLAGS) -D_FORTIFY_SOURCE=2 -fstack-protector-strong -ffunction-sections
  # What no program calls is left out, and t/lint/unused reads its names in PROGRAM.unused.
  LDOPT := $(LDFLAGS) -Wl,-z,relro,-z,now,--gc-sections
endif
DEFS := -D_GNU_SOURCE -DPOSTERN_VERSION='"$(VERSION)"'
# Only these files know a path: for other ones nothing else is built again.
PATHS := -DPOSTERN_SYSCONFDIR='"$(SYSCONFDIR)"' -DPOSTERN_LIBEXECDIR='"$(LIBEXECDIR)"' \
         -DPOSTERN_LOCALSTATEDIR='"$(LOCALSTATEDIR)"' -DPOSTERN_RUNDIR='"$(RUNDIR)"' -DPOSTERN_SBINDIR='"$(SBINDIR)"' \
         -DPOSTERN_BINDIR='"$(BINDIR)"' -DPOSTERN_DATADIR='"$(DATADIR)/postern"'
PATH_SOURCES := common/config/key_rows.c common/host/unit_file.c master/main.c master/processes/spawn.c \
                master/posternctl/command_send.c master/posternctl/import/import_run.c master/posternctl/service_start.c \
                master/web/web_page.c pickup/sendmail/sendmail_place.c pickup/sendmail/sendmail_ask.c t/unit/common/config_values.c
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(if $(filter t/%,$<),,$(STRICT)) $(DEFS) -I. -pthread -MMD -MP

LIBS := -levent_core -linih -lbsd -lidn2 -Wl,--as-needed -lseccomp -Wl,--no-as-needed
KRB5 := -lgssapi_krb5 -lkrb5
SASL := -lgsasl -lcrypt $(KRB5)
TLS  := -lssl -lcrypto

# One row a program: its folder and its libraries. Read by its link line, its unit tests (t/unit/ROW) and the fuzz targets.
P_master     := master            -lmd
P_posternctl := master/posternctl -lgsasl -lcrypt -ljansson -lsmartcols -lz $(TLS)
P_metrics    := master/metrics    -levent_extra
P_import     := master/import     -lexpat -ljansson
P_web        := master/web        -levent_extra -levent_openssl -ljansson -lmd $(TLS)
P_listener   := listener          $(TLS)
P_auth       := listener/auth     $(SASL)
P_deliver    := deliver           -lz $(TLS)
P_resolver   := deliver/resolver  -lunbound
P_directory  := deliver/directory -lldap -llber $(KRB5) $(TLS)
P_fetch      := deliver/fetch     -lcurl -ljansson -lcrypto
P_filter     := listener/filter
P_limits     := deliver/limits    -lhiredis
P_pickup     := pickup
P_sendmail   := pickup/sendmail
ROWS := master posternctl import metrics web listener auth filter limits deliver resolver directory fetch pickup sendmail
folder = $(firstword $(P_$(1)))
libraries = $(wordlist 2,99,$(P_$(1)))
binary = $(B)/$(if $(filter master,$(1)),postern,$(if $(filter posternctl,$(1)),posternctl,postern-$(1)))
# A folder's sources are its own and those of its components; a sub-folder with a main.c is another program.
sources = $(filter-out $(1)/main.c $(addsuffix %,$(dir $(wildcard $(1)/*/main.c))),$(wildcard $(1)/*.c $(1)/*/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))
# What a row is linked from, its main apart.
objects = $(call obj,$(call sources,$(call folder,$(1))) $(EXTRA_$(1)))
# common/gssapi needs libkrb5: it is not in libcommon, and those that use it compile it.
EXTRA_directory := $(wildcard common/gssapi/*.c)
# The same of common/password and libgsasl.
ACCOUNTS := $(wildcard common/password/*.c)
EXTRA_auth := $(EXTRA_directory) $(ACCOUNTS)
# The same of common/answers, common/import and libjansson.
EXTRA_web := $(wildcard common/answers/*.c common/import/*.c)
EXTRA_posternctl := $(EXTRA_web) $(ACCOUNTS)
COMMON := $(filter-out common/gssapi/% common/password/% common/answers/% common/import/%,$(wildcard common/*/*.c))
PROGRAMS := $(foreach row,$(ROWS),$(call binary,$(row)))

# As many compilers as there are processors, unless the caller has said so.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all programs help deps deps-check deps-bench run check bench clean
all: deps
	@$(MAKE) $(PARALLEL) programs
programs: $(PROGRAMS) $(B)/sample

help:
	@echo "make run      install what is missing, build, run one virtual server on 127.0.0.1:2525 (Ctrl-C ends it)"
	@echo "make check    all tests, with sanitizers; make check CHECK_ONLY='system/smtp lint' some of them"
	@echo "make contract  t/CONTRACT.md, what is promised and which tests show it"
	@echo "make readme   the first minute in README.md and the pictures of the manager, as they are now"
	@echo "make check-systemd  the installed unit in a container that systemd boots, as root"
	@echo "make check-upgrade AGAINST=TREE  programs of another tree take over under load, and back"
	@echo "make check-cluster  HAProxy before three nodes, one killed, one upgraded: 100000 messages, release build (root); COUNT=N"
	@echo "make check-leaks  all system tests, each searched for leaks (make check: one in four); CHECK_ONLY as above"
	@echo "make check-long  mixed load with reloads, full disks, kills: nothing lost, memory flat, drawn in build/long (root); MINUTES=60"
	@echo "make power-cuts  fifty power cuts under load on ext4 and XFS, on a disk with a cache (root); CUTS=50"
	@echo "make model    the hand-overs of a message as a model, every order of crashes (spin, minutes)"
	@echo "make fuzz     every parser of hostile bytes under libFuzzer (clang); FUZZ='session data' FUZZ_SECONDS=60 (each)"
	@echo "make bench    side by side with Postfix and with no server (root); BENCH='commits W1 W1web W2 W3 W4 W5 syscalls' STORE='ram disk' ROUNDS=5"
	@echo "make bench BENCH=figures  the figures of the README, ten minutes (root); make bench-figures puts them there"
	@echo "make bench-pair AGAINST=TREE  this build beside that of another tree, in turn (root)"
	@echo "make bench-guard  counts a message (calls, syncs, allocations) beside the kept ones (root); GUARD='show keep'"
	@echo "make bench-queue  a million queued messages: scan, memory, rest, latency, flush (root); SCALE=0.1"
	@echo "make bench-handshakes  how long a NOOP waits beside 300 TLS handshakes a second (root); AGAINST=TREE ROUNDS=5 PROCESSES=2"
	@echo "make bench-servers  1, 10, 100, 300, 1000 virtual servers: start, memory, reload, stop (root); BENCH='10 100'"
	@echo "make install  DESTDIR PREFIX SYSCONFDIR; make uninstall"
	@echo "make install-cockpit  the manager as a page of Cockpit; DESTDIR PREFIX"
	@echo "make deb      Debian packages into build/deb; make check-deb  built, installed and used in Debian 12 and 13 (root, long)"
	@echo "make image    a container image into build/image; make check-image  built twice, and run by podman (root)"
	@echo "make install-mta  sendmail, mailq and newaliases of this host are Postern's"

deps:
	@.ci/deps build
deps-check:
	@.ci/deps build check
deps-bench:
	@.ci/deps build bench

run: deps
	@$(MAKE) $(PARALLEL) programs
	@exec etc/run-local build/release

# The installed service in a container that systemd boots; as root
.PHONY: check-systemd
check-systemd: deps-check
	@$(MAKE) $(PARALLEL) programs
	@exec t/systemd/boot

check: deps-check
	@$(MAKE) $(PARALLEL) programs
	@$(MAKE) $(PARALLEL) CHECK=1 B=build/check programs units
	@exec /usr/bin/python3 t/run-all $(CHECK_ONLY)

# t/fuzz: one libFuzzer target a file, all objects of the folders in one library; FUZZ='session data' some of them, FUZZ_SECONDS each
FUZZ_TARGETS := $(patsubst t/fuzz/%.c,$(B)/t/fuzz/%,$(wildcard t/fuzz/*.c))
.PHONY: fuzz fuzz-targets deps-fuzz
deps-fuzz:
	@.ci/deps build fuzz
fuzz: deps-fuzz
	@$(MAKE) $(PARALLEL) CC=clang FUZZING=1 B=build/fuzz fuzz-targets
	@exec /usr/bin/python3 t/fuzz/run $(FUZZ)
fuzz-targets: $(FUZZ_TARGETS)
FUZZ_ROWS := master import web listener auth filter limits deliver resolver directory fetch pickup sendmail
$(B)/libfuzz.a: Makefile $(call obj,$(COMMON)) $(foreach row,$(FUZZ_ROWS),$(call objects,$(row)))
	@rm -f $@; ar rcs $@ $(filter %.o,$^)
$(B)/t/fuzz/%: $(B)/t/fuzz/%.o $(B)/libfuzz.a
	@echo "  LD    $@"
	@$(CC) -pthread $(LDOPT) -o $@ $< $(B)/libfuzz.a $(LIBS) $(foreach row,$(FUZZ_ROWS),$(call libraries,$(row)))

BENCH_PROGRAMS := $(patsubst %.c,$(B)/%,$(wildcard t/bench/*.c))
bench: deps-bench
	@$(MAKE) $(PARALLEL) programs $(BENCH_PROGRAMS)
	@exec /usr/bin/python3 t/bench/bench.py $(BENCH)
$(BENCH_PROGRAMS): %: %.o $(B)/libcommon.a
	@echo "  LD    $@"
	@$(CC) -pthread $(LDOPT) -o $@ $< $(B)/libcommon.a $(LIBS)
# What `make bench BENCH=figures` has found becomes that of the README
.PHONY: bench-figures
bench-figures:
	@cp build/bench.json t/bench/figures.json
	@exec /usr/bin/python3 t/bench/drawing.py t/bench/figures.json t/bench/figures.svg

# The table of what is promised and what shows it, from t/contract/rows and the markers in the tests
.PHONY: contract
contract:
	@t/lint/contract write

# The first minute in README.md and its pictures of the manager, from the programs that are built here
.PHONY: readme
readme: deps-check
	@$(MAKE) $(PARALLEL) programs
	@for each in test_first_minute test_pictures; do \
	    POSTERN_BUILD=build/release /usr/bin/python3 t/lib/run_test.py t/system/readme.py $$each keep || exit 1; done

# Each system test searched for leaks, not one in four: half as long again
.PHONY: check-leaks
check-leaks: deps-check
	@$(MAKE) $(PARALLEL) CHECK=1 B=build/check programs
	@LEAKS=all exec /usr/bin/python3 t/run-all $(or $(CHECK_ONLY),system)

# kill -9 a thousand times under load, with acknowledge = safe; some 15 minutes
.PHONY: kills
kills:
	$(MAKE) CHECK=1 B=build/check programs
	/usr/bin/python3 t/lib/run_test.py t/crash/chaos.py a_thousand_kills

# So many power cuts under load, on ext4 and on XFS, on a disk whose cache is lost with the power; some 10 minutes (root)
CUTS ?= 50
.PHONY: power-cuts
power-cuts:
	$(MAKE) CHECK=1 B=build/check programs
	/usr/bin/python3 t/lib/run_test.py t/crash/power.py fifty_cuts $(CUTS)

# The hand-overs of a message in every order, with more crashes than make check tries; minutes, some GiB
.PHONY: model
model: deps-check
	@exec /usr/bin/python3 t/crash/model.py

# Programs of another tree take over from those of this one, under load, and back; AGAINST=TREE
.PHONY: check-upgrade
check-upgrade: deps-check
	@$(MAKE) $(PARALLEL) CHECK=1 B=build/check programs
	@$(MAKE) $(PARALLEL) -C "$(AGAINST)" CHECK=1 B=build/check programs
	@POSTERN_OTHER_BUILD="$$(realpath "$(AGAINST)")/build/check" exec /usr/bin/python3 t/run-all system/upgrade/another_tree

# HAProxy in front of three nodes in network namespaces, smtp-source as load, one node killed and one upgraded; make check sends 2000
COUNT ?= 100000
.PHONY: check-cluster
check-cluster: deps-check deps-bench
	@$(MAKE) $(PARALLEL) programs
	@POSTERN_BUILD=build/release exec /usr/bin/python3 t/lib/run_test.py t/system/cluster.py test_nodes $(COUNT)

# t/system/long_run.py: hours of mixed load, kills and full disks, in pieces that add up in build/long; make check runs one round of each kind
MINUTES ?= 60
.PHONY: check-long
check-long: deps-check
	@$(MAKE) $(PARALLEL) programs
	@exec /usr/bin/python3 t/lib/run_test.py t/system/long_run.py test_piece $(MINUTES)

# t/bench/pair.py: this build beside that of another tree, whose programs are built; AGAINST=TREE ROUNDS=16
.PHONY: bench-pair
bench-pair: deps-bench
	@$(MAKE) $(PARALLEL) programs
	@exec /usr/bin/python3 t/bench/pair.py "$(AGAINST)" $(ROUNDS)

# What the release build does for a message, in counts that do not depend on the machine, beside t/bench/guard.txt; make check
# holds them, too. GUARD=show: all counts; GUARD=keep: they are written anew
.PHONY: bench-guard
bench-guard: deps-check
	@$(MAKE) $(PARALLEL) programs
	@exec /usr/bin/python3 t/lib/run_test.py t/system/bench_guard.py test_counts $(GUARD)

# t/bench/queue.py: a million queued messages; SCALE=0.1: a tenth of it
.PHONY: bench-queue
bench-queue: deps-bench
	@$(MAKE) $(PARALLEL) programs $(BENCH_PROGRAMS)
	@exec /usr/bin/python3 t/bench/queue.py $(BENCH)

# t/bench/many_servers.py: start, memory, reload and stop of many virtual servers; BENCH='10 100': so many
.PHONY: bench-servers
bench-servers: deps-bench
	@$(MAKE) $(PARALLEL) programs
	@exec /usr/bin/python3 t/bench/many_servers.py $(BENCH)

# t/bench/handshakes.py: how long a NOOP waits beside handshakes; AGAINST=TREE: beside the built programs of that tree
.PHONY: bench-handshakes
bench-handshakes: deps-check
	@$(MAKE) $(PARALLEL) programs
	@exec /usr/bin/python3 t/bench/handshakes.py $(AGAINST)

# Debian packages into build/deb
.PHONY: deb check-deb deps-deb
deps-deb:
	@.ci/deps build deb
deb: deps-deb
	@exec debian/build build/deb
# t/deb: built twice, and installed and used, in roots of Debian 12 and 13; SUITES='bookworm'
check-deb: deps-deb
	@exec /usr/bin/python3 t/deb/check $(SUITES)

# A container image of build/release, an OCI archive in build/image; t/image: built twice, run by podman (root)
.PHONY: image check-image
image: deps
	@.ci/deps build image
	@$(MAKE) $(PARALLEL) programs
	@exec etc/image/build build/image
check-image: deps
	@.ci/deps build image image-check
	@exec /usr/bin/python3 t/image/check

clean:
	rm -rf build

$(B)/libcommon.a: $(call obj,$(COMMON))
	@rm -f $@; ar rcs $@ $^

define program
$(call binary,$(1)): $(B)/$(call folder,$(1))/main.o $(call objects,$(1)) $(B)/libcommon.a
	@echo "  LD    $$@"
	@$$(CC) -pthread $$(LDOPT) -Wl,--print-gc-sections -o $$@ $$(filter %.o,$$^) $(B)/libcommon.a $(call libraries,$(1)) $$(LIBS) \
	    2>$$@.unused || { cat $$@.unused; rm -f $$@; false; }
endef
$(foreach row,$(ROWS),$(eval $(call program,$(row))))

FORCE:

# Other paths or flags than last time: everything is built again.
FLAGS = $(CC) $(ALL_CFLAGS) $(LDOPT)
$(B)/flags $(B)/paths: FORCE
	@mkdir -p $(B)
	@printf '%s\n' "$$FLAGS_TEXT" | cmp -s - $@ || printf '%s\n' "$$FLAGS_TEXT" >$@
$(B)/flags: export FLAGS_TEXT = $(FLAGS)
$(B)/paths: export FLAGS_TEXT = $(PATHS)
$(call obj,$(PATH_SOURCES)): private DEFS += $(PATHS)
$(call obj,$(PATH_SOURCES)): $(B)/paths

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# unit tests: t/unit/ROW/NAME.c is one program, linked with the objects of that row; t/unit/common with the common ones alone.
# Those of posternctl ask the supervisor's objects, too: whether it understands what posternctl says. So pickup for sendmail.
UNIT_ROWS_posternctl := posternctl master
UNIT_ROWS_sendmail := sendmail pickup
unit_rows = $(or $(UNIT_ROWS_$(1)),$(1))
UNIT := $(patsubst t/unit/%.c,%,$(filter-out t/unit/fuzz/%,$(wildcard t/unit/*/*.c)))
.PHONY: units
units: $(addprefix $(B)/t/,$(UNIT)) $(B)/t/fuzz/corpus $(B)/t/intruder
# stands in for a process that was taken over: t/system/taken_over.py
$(B)/t/intruder: $(B)/t/lib/intruder.o $(B)/libcommon.a
	@echo "  LD    $@"
	@$(CC) -pthread $(LDOPT) -o $@ $(filter %.o,$^) $(B)/libcommon.a $(LIBS)
define unit
$(B)/t/$(1)/$(2): $(B)/t/unit/$(1)/$(2).o $(if $(P_$(1)),$(foreach row,$(call unit_rows,$(1)),$(call objects,$(row)))) $(B)/libcommon.a
	@echo "  LD    $$@"
	@mkdir -p $$(@D)
	@$$(CC) -pthread $$(LDOPT) -o $$@ $$(filter %.o,$$^) $(B)/libcommon.a -lcheck -lsubunit -lm $$(if $(P_$(1)),$(call libraries,$(1)),$(TLS)) $$(LIBS)
endef
$(foreach u,$(UNIT),$(eval $(call unit,$(firstword $(subst /, ,$(u))),$(lastword $(subst /, ,$(u))))))

# t/unit/fuzz/corpus.c: all fuzz targets in one program, without libFuzzer
FUZZ_NAMES := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c))
FUZZ_OBJECTS := $(patsubst %,$(B)/t/unit/fuzz/targets/%.o,$(FUZZ_NAMES))
$(B)/t/unit/fuzz/corpus.o: private DEFS += -DTARGETS='$(foreach name,$(FUZZ_NAMES),TARGET($(name)))'
$(B)/t/unit/fuzz/corpus.o: t/fuzz
$(B)/t/unit/fuzz/targets/%.o: t/fuzz/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) -DLLVMFuzzerTestOneInput=fuzz_$* -c -o $@ $<
$(B)/t/fuzz/corpus: $(B)/t/unit/fuzz/corpus.o $(FUZZ_OBJECTS) $(B)/libfuzz.a
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CC) -pthread $(LDOPT) -o $@ $(filter %.o,$^) $(B)/libfuzz.a -lcheck -lsubunit -lm $(foreach row,$(FUZZ_ROWS),$(call libraries,$(row))) $(LIBS)

# --- samples: the INI files of etc/ come from the key table ---
$(B)/sample: $(B)/etc/sample.o $(B)/libcommon.a
	@echo "  LD    $@"
	@$(CC) -pthread $(LDOPT) -o $@ $(filter %.o,$^) $(B)/libcommon.a $(LIBS)
.PHONY: samples
samples: $(B)/sample
	$(B)/sample service >etc/postern.ini
	$(B)/sample server >etc/default.ini
	$(B)/sample manual etc/postern.ini.5 >$(B)/postern.ini.5 && cp $(B)/postern.ini.5 etc/postern.ini.5
	$(B)/sample manual master/postern.8 >$(B)/postern.8 && cp $(B)/postern.8 master/postern.8

# --- install: DESTDIR PREFIX SYSCONFDIR; existing configuration is never overwritten. ACCOUNT=no: no system users and groups ---
UNITDIR       ?= $(if $(filter /usr,$(PREFIX)),/lib/systemd/system,$(PREFIX)/lib/systemd/system)
SYSUSERSDIR   ?= $(PREFIX)/lib/sysusers.d
SYSCTLDIR     ?= $(PREFIX)/lib/sysctl.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
SUBST := sed -e 's|/usr/libexec/postern|$(LIBEXECDIR)|g' -e 's|/usr/sbin/|$(SBINDIR)/|g' -e 's|/usr/bin/posternctl|$(BINDIR)/posternctl|g' \
         -e 's|/etc/postern|$(SYSCONFDIR)/postern|g' -e 's|/usr/share/postern|$(DATADIR)/postern|g' -e 's|/var/lib/postern|$(LOCALSTATEDIR)/lib/postern|g' \
         -e 's|/var/spool/postern|$(LOCALSTATEDIR)/spool/postern|g' -e 's|/var/log/postern|$(LOCALSTATEDIR)/log/postern|g' \
         -e 's|/run/postern|$(RUNDIR)/postern|g'
MAN5 := $(wildcard */*.5 */*/*.5)
MAN7 := $(wildcard */*/*.7)
MAN8 := $(wildcard */*.8 */*/*.8)
# The commands change folders: a relative one is that of the caller.
D = $(if $(DESTDIR),$(abspath $(DESTDIR)))
# install-files: without the compilers, packages, users and words; for debian/rules.
.PHONY: install install-files uninstall
install: deps
	@$(MAKE) $(PARALLEL) programs
	@$(MAKE) install-files
	@[ "$(ACCOUNT)" = no ] || [ -n "$(D)" ] || etc/install-account $(LIBEXECDIR)/postern-sendmail
	@if [ -z "$(D)" ]; then etc/install-words $(SYSCONFDIR) $(LIBEXECDIR) $(BINDIR) $(LOCALSTATEDIR); else \
	    echo "Installed below $(D), for an image or a package: there are no users and groups yet (systemd-sysusers makes them)."; fi

# It shows where things go, not the commands; with V=1 those.
$(if $(V),,.SILENT: install-files)
install-files:
	@printf '  INSTALL  %s\n' $(D)$(SBINDIR) $(D)$(BINDIR) $(D)$(LIBEXECDIR) $(D)$(MANDIR) $(D)$(DATADIR)/postern $(D)$(UNITDIR) \
	    $(D)$(SYSCONFDIR)/init.d $(D)$(SYSCONFDIR)/postern
	install -d $(D)$(LOCALSTATEDIR)/spool/postern $(D)$(LOCALSTATEDIR)/lib/postern $(D)$(LOCALSTATEDIR)/log/postern
	install -d $(D)$(SBINDIR) $(D)$(BINDIR) $(D)$(LIBEXECDIR) $(D)$(MANDIR)/man5 $(D)$(MANDIR)/man7 $(D)$(MANDIR)/man8 $(D)$(SYSCONFDIR)/postern/servers \
	    $(D)$(SYSCONFDIR)/init.d $(D)$(SYSCONFDIR)/logrotate.d $(D)$(UNITDIR) $(D)$(SYSUSERSDIR) $(D)$(SYSCTLDIR) $(D)$(COMPLETIONDIR)
	install -m 755 $(B)/postern $(D)$(SBINDIR)/postern
	install -m 755 $(B)/posternctl $(D)$(BINDIR)/posternctl
	install -m 755 $(filter-out %/postern %/posternctl,$(PROGRAMS)) $(D)$(LIBEXECDIR)
	for page in $(MAN5); do $(SUBST) $$page | install -m 644 /dev/stdin $(D)$(MANDIR)/man5/$$(basename $$page) || exit 1; done
	for page in $(MAN7); do $(SUBST) $$page | install -m 644 /dev/stdin $(D)$(MANDIR)/man7/$$(basename $$page) || exit 1; done
	for page in $(MAN8); do $(SUBST) $$page | install -m 644 /dev/stdin $(D)$(MANDIR)/man8/$$(basename $$page) || exit 1; done
	$(SUBST) etc/postern.init | install -m 755 /dev/stdin $(D)$(SYSCONFDIR)/init.d/postern
	$(SUBST) etc/postern.service | install -m 644 /dev/stdin $(D)$(UNITDIR)/postern.service
	$(SUBST) etc/postern.logrotate | install -m 644 /dev/stdin $(D)$(SYSCONFDIR)/logrotate.d/postern
	install -d $(D)$(DATADIR)/postern
	cd web && find . -type d -exec install -d $(D)$(DATADIR)/postern/web/{} \; && \
	    find . -type f -exec install -m 644 {} $(D)$(DATADIR)/postern/web/{} \;
	install -m 644 etc/prometheus/postern.rules.yml etc/grafana/postern.json etc/image/kubernetes.yaml $(D)$(DATADIR)/postern
	install -m 644 etc/postern.sysusers $(D)$(SYSUSERSDIR)/postern.conf
	install -m 644 etc/postern.sysctl $(D)$(SYSCTLDIR)/05-postern.conf
	install -m 644 etc/posternctl.bash $(D)$(COMPLETIONDIR)/posternctl
	test -e $(D)$(SYSCONFDIR)/postern/postern.ini || $(SUBST) etc/postern.ini | install -m 644 /dev/stdin $(D)$(SYSCONFDIR)/postern/postern.ini
	ls $(D)$(SYSCONFDIR)/postern/servers/*.ini >/dev/null 2>&1 || \
	    $(SUBST) $(if $(filter no,$(ACCOUNT)),,-e 's/^;pickup-group =$$/pickup-group = postern-pickup/') etc/default.ini | \
	    install -m 644 /dev/stdin $(D)$(SYSCONFDIR)/postern/servers/default.ini

# The names of sendmail(1): for a host without another mail server. Links that another one has made stay.
MTA_LINKS = $(SBINDIR)/sendmail $(BINDIR)/mailq $(BINDIR)/newaliases $(PREFIX)/lib/sendmail
MTA_PAGES = $(MANDIR)/man8/sendmail.8 $(MANDIR)/man8/mailq.8 $(MANDIR)/man8/newaliases.8
.PHONY: install-mta
install-mta:
	install -d $(sort $(dir $(addprefix $(D),$(MTA_LINKS) $(MTA_PAGES))))
	@for link in $(MTA_LINKS); do \
	    [ "$$(readlink $(D)$$link)" = $(LIBEXECDIR)/postern-sendmail ] || [ ! -e $(D)$$link ] || \
		{ echo "$(D)$$link is there, and is not ours: remove the other mail server first" >&2; exit 1; }; done
	for link in $(MTA_LINKS); do ln -sfn $(LIBEXECDIR)/postern-sendmail $(D)$$link || exit 1; done
	for link in $(MTA_PAGES); do ln -sfn postern-sendmail.8 $(D)$$link || exit 1; done

# The manager as a page of Cockpit: the same files, and Cockpit's script before ours. It needs posternctl alone, and no postern-web.
COCKPITDIR ?= $(DATADIR)/cockpit
.PHONY: install-cockpit uninstall-cockpit
install-cockpit:
	cd web && find . -type d -exec install -d $(D)$(COCKPITDIR)/postern/{} \; && \
	    find . -type f ! -name index.html -exec install -m 644 {} $(D)$(COCKPITDIR)/postern/{} \;
	sed 's|^<script type="module"|<script src="../base1/cockpit.js"></script>\n&|' web/index.html | install -m 644 /dev/stdin $(D)$(COCKPITDIR)/postern/index.html
	install -m 644 etc/cockpit/manifest.json $(D)$(COCKPITDIR)/postern/manifest.json
uninstall-cockpit:
	rm -rf $(D)$(COCKPITDIR)/postern

uninstall:
	rm -f $(D)$(SBINDIR)/postern $(D)$(BINDIR)/posternctl $(addprefix $(D)$(LIBEXECDIR)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(D)$(MANDIR)/man5/,$(notdir $(MAN5))) $(addprefix $(D)$(MANDIR)/man7/,$(notdir $(MAN7))) \
	    $(addprefix $(D)$(MANDIR)/man8/,$(notdir $(MAN8)))
	rm -f $(D)$(SYSCONFDIR)/init.d/postern $(D)$(SYSCONFDIR)/logrotate.d/postern $(D)$(UNITDIR)/postern.service \
	    $(D)$(SYSUSERSDIR)/postern.conf $(D)$(SYSCTLDIR)/05-postern.conf $(D)$(COMPLETIONDIR)/posternctl
	for link in $(MTA_LINKS); do \
	    [ "$$(readlink $(D)$$link)" != $(LIBEXECDIR)/postern-sendmail ] || rm -f $(D)$$link; done
	for link in $(MTA_PAGES); do [ "$$(readlink $(D)$$link)" != postern-sendmail.8 ] || rm -f $(D)$$link; done
	rm -rf $(D)$(DATADIR)/postern
	rmdir $(D)$(LIBEXECDIR) 2>/dev/null || true
	@echo "kept: $(D)$(SYSCONFDIR)/postern, $(D)$(LOCALSTATEDIR)/{spool,lib,log}/postern and the users postern, postern-*"

-include $(shell find $(B) -name '*.d' 2>/dev/null)
