# reel: one Makefile for the whole tree. Everything that is made lies under .output/.
#
# A new file in a room (format/, replay/, ...) or in tests/unit, tests/fuzz, tests/bench is found
# by itself. The same sources are built in several flavours, each in a directory of its own:
#
#	.output/	what is installed and measured
#	.output/clang/	the same by the other compiler, for its warnings
#	.output/asan/	with the address and undefined-behaviour sanitizers
#	.output/fuzz/	with these and libFuzzer's instrumentation
#	.output/tsan/	with the sanitizer that watches threads
#	.output/so/	as a part of somebody else's program: reel.so, which sqlite3 loads

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
AR ?= ar
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
# Services look into /etc, wherever the machine's own programs are.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 1800

O := .output
gen := $(O)/gen

warnings := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wcast-qual -Wundef -Werror -Wno-missing-field-initializers
common := -std=gnu11 -D_GNU_SOURCE -I. -I$(gen) -g $(warnings) -pthread

# More of it makes the readers slower, by a fifth where they print. What has privileges has it all.
# What is compiled for the programs is in the libraries that others load as well.
hardened := -O2 -fPIC -fvisibility=hidden -fstack-protector-strong -fstack-clash-protection \
	-D_FORTIFY_SOURCE=2 -fcf-protection
privileged := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero
sanitized := -O1 -g1 -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
watched := -O1 -g1 -fPIE -fno-omit-frame-pointer -fsanitize=thread
# Debian's C library begins programs without the marks of IBT, so that only shadow stacks are left.
link_hardened := -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,shstk
# Debug information is packed: each replay hashes the program that made its findings.
relro := -pie $(link_hardened) -Wl,--compress-debug-sections=zlib
loadable := $(hardened) -DREEL_LOADABLE

libs_needed := -lzstd -lxxhash -lsodium -lpthread
reel_libs := -lsqlite3 -lpcre2-8 -lyaml $(libs_needed)
record_libs := -lbpf -lelf $(libs_needed)

BPF_CC ?= $(CLANG)
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
bpf_flags := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -I. -I/usr/include/$(shell $(CC) -print-multiarch) \
	-D__TARGET_ARCH_x86 -Wall -Wextra -Wshadow -Werror -Wno-unused-parameter

ifeq ($(V),1)
Q :=
msg = @:
else
Q := @
msg = @printf '  %-6s %s\n' '$(1)' '$(2)'
endif

# What there is -----------------------------------------------------------------------------------

# The libraries of the program reel, each before those that it needs: a room without its commands.
# record/ is a program of its own, which alone has the libraries of BPF. query/ is in reel, and again
# in reel.so, for the sqlite3 that everybody has.
rooms := $(foreach room,query replay format,$(if $(filter-out $(room)/cmd_%,$(wildcard $(room)/*.c)),$(room)))
lib_src = $(filter-out $(1)/cmd_% $(1)/main.c,$(wildcard $(1)/*.c))
reel_src := reel.c $(wildcard format/cmd_*.c replay/cmd_*.c query/cmd_*.c)
record_src := record/main.c $(wildcard record/cmd_*.c)

# Tests of record/ are named after it, and link what it links.
record_unit := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/t_record_*.c))
unit := $(filter-out $(record_unit),$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/t_*.c)))
# Those in which threads meet.
threaded := t_engine t_match_bounds t_walk t_writer t_writer_full
fuzz := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
record_fuzz := $(filter fuzz_record_%,$(fuzz))
bench_lib := $(wildcard tests/bench/lib_*.c)
# Those of record/ are named after it, and have kernel programs of their own.
bench_bpf := $(wildcard tests/bench/*.bpf.c)
record_bench := $(patsubst tests/bench/%.c,%,$(filter-out $(bench_bpf),$(wildcard tests/bench/record_*.c)))
bench := $(filter-out $(record_bench),$(patsubst tests/bench/%.c,%,$(filter-out $(bench_lib) $(bench_bpf),\
	$(wildcard tests/bench/*.c))))

abis := x86_64 i386 x32
skeletons := $(gen)/reel.skel.h $(gen)/reel_old.skel.h
generated := $(abis:%=$(gen)/syscalls_%.h) $(skeletons) $(gen)/report_files.h \
	$(bench_bpf:tests/bench/%.bpf.c=$(gen)/%.skel.h)
e2e := $(patsubst tests/e2e/%.c,%,$(wildcard tests/e2e/*.c))
version := $(shell sed -n 's/^.define REEL_VERSION "\(.*\)"/\1/p' format/version.h)
made_pages := $(addprefix $(O)/man/,reel-format.5 reel-case.5 reel-policies.5 reel-foreign.7 reel-sigma.7)
man_pages := $(wildcard *.[1-8] format/*.[1-8] replay/*.[1-8] record/*.[1-8] query/*.[1-8])

# What tests/bench/bench.py measures.
bench_sections := $(patsubst tests/bench/b_%.py,%,$(wildcard tests/bench/b_*.py))

.PHONY: all programs clang asan tsan fuzzers deps build-deps test test-built test-quick test-kernel test-clean trust crash soak lint fuzz bench bench-deps \
	bench-programs bench-quick bench-query $(bench_sections:%=bench-%) demo install deb clean help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

all: $(O)/reel $(O)/reel-record $(O)/reel.so $(O)/libreel.so.1 $(made_pages) ## build the programs (the default)

# How it is built ---------------------------------------------------------------------------------

# $(call flavour,directory,compiler,compiler's flags,linker's flags,compiler's flags for record/)
define flavour
$(1)/obj/%.o: %.c Makefile | $(generated)
	$$(call msg,CC,$(patsubst $(O)/%,%: ,$(filter-out $(O),$(1)))$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(common) $(3) $$(if $$(filter record/%,$$*),$(5)) $$(CPPFLAGS) $$(CFLAGS) \
		-MMD -MP -c -o $$@ $$<

$(foreach room,$(rooms),$(call library,$(1),$(room)))

$(1)/reel: $(reel_src:%.c=$(1)/obj/%.o) $(rooms:%=$(1)/libreel-%.a)
	$$(call msg,LINK,$$@)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(reel_libs)

$(call library,$(1),record)

$(1)/reel-record: $(record_src:%.c=$(1)/obj/%.o) $(1)/libreel-record.a $(1)/libreel-format.a
	$$(call msg,LINK,$$@)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(record_libs)

$(record_unit:%=$(1)/unit/%): $(1)/unit/%: $(1)/obj/tests/unit/%.o $(1)/libreel-record.a \
		$(1)/libreel-format.a
	$$(call msg,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(record_libs)

$(record_bench:%=$(1)/bench/%): $(1)/bench/%: $(1)/obj/tests/bench/%.o $(1)/libreel-record.a \
		$(1)/libreel-format.a
	$$(call msg,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(record_libs)

$(1)/e2e/%: $(1)/obj/tests/e2e/%.o
	$$(call msg,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ -lpthread

$(1)/unit/%: $(1)/obj/tests/unit/%.o $(rooms:%=$(1)/libreel-%.a)
	$$(call msg,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(reel_libs)

$(1)/bench/%: $(1)/obj/tests/bench/%.o $(bench_lib:%.c=$(1)/obj/%.o) $(rooms:%=$(1)/libreel-%.a)
	$$(call msg,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(reel_libs)

$(record_fuzz:%=$(1)/%): $(1)/fuzz_%: $(1)/obj/tests/fuzz/fuzz_%.o $(1)/libreel-record.a \
		$(1)/libreel-format.a
	$$(call msg,LINK,$$@)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(record_libs)

# The commands too, whose tables of options it reads.
$(1)/fuzz_options: $(1)/obj/tests/fuzz/fuzz_options.o \
		$(patsubst %.c,$(1)/obj/%.o,$(filter-out reel.c,$(reel_src))) $(rooms:%=$(1)/libreel-%.a)
	$$(call msg,LINK,$$@)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(reel_libs)

$(1)/fuzz_%: $(1)/obj/tests/fuzz/fuzz_%.o $(rooms:%=$(1)/libreel-%.a)
	$$(call msg,LINK,$$@)
	$$(Q)$(2) $(3) $(4) $$(LDFLAGS) -o $$@ $$^ $(reel_libs)
endef

# The room itself is named too: a source that goes away changes nothing else.
define library

$(1)/libreel-$(2).a: $(patsubst %.c,$(1)/obj/%.o,$(call lib_src,$(2))) $(2)
	$$(call msg,AR,$$@)
	$$(Q)rm -f $$@
	$$(Q)$(AR) rcsD $$@ $$(filter %.o,$$^)

endef

$(eval $(call flavour,$(O),$(CC),$(hardened),$(relro),$(privileged)))
$(eval $(call flavour,$(O)/clang,$(CLANG),-O0 -fPIE,$(relro)))
$(eval $(call flavour,$(O)/asan,$(CC),$(sanitized),-pie))
$(eval $(call flavour,$(O)/tsan,$(CC),$(watched),-pie))
$(eval $(call flavour,$(O)/fuzz,$(CLANG),$(sanitized) -fsanitize=fuzzer-no-link,-pie -fsanitize=fuzzer))

# What is another thing where it is loaded: how SQLite is called, and who heeds errors of a mapping.
$(eval $(call library,$(O)/so,query))
loaded := $(O)/so/obj/format/mapped.o

$(O)/so/obj/%.o: %.c Makefile | $(generated)
	$(call msg,CC,so: $<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(common) $(loadable) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Of the archives only what the extension needs gets into it: no rules, and none of SQLite, whose
# functions it is given when it is loaded.
$(O)/reel.so: $(loaded) $(O)/so/libreel-query.a $(O)/libreel-replay.a $(O)/libreel-format.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(loadable) -shared $(link_hardened) -Wl,-z,defs \
		-Wl,-u,sqlite3_reel_init $(LDFLAGS) -o $@ $^ $(libs_needed)

# What programs of others see of the reader: format/reel.h, and nothing else.
$(O)/libreel.so.1: $(loaded) $(O)/libreel-format.a format/install/libreel.map
	$(call msg,LINK,$@)
	$(Q)$(CC) $(loadable) -shared $(link_hardened) -Wl,-z,defs -Wl,-soname,libreel.so.1 \
		-Wl,--version-script=format/install/libreel.map -Wl,-u,reel_tape_open $(LDFLAGS) -o $@ \
		$(loaded) $(O)/libreel-format.a $(libs_needed)

# The pages of the tree that are no page of a command, for whoever has the manual only.
page_of = $(Q)mkdir -p $(@D) && $(PYTHON) format/install/man.py $< $(basename $(@F)) $(subst .,,$(suffix $@)) $(1) >$@
$(O)/man/reel-format.5: format/FORMAT.md format/install/man.py
	$(call page_of,"what every byte of a capture means")
$(O)/man/reel-case.5: query/SCHEMA.md format/install/man.py
	$(call page_of,"the tables of a case")
$(O)/man/reel-policies.5: replay/POLICIES.md format/install/man.py
	$(call page_of,"the language of rules")
$(O)/man/reel-foreign.7: replay/FOREIGN.md format/install/man.py
	$(call page_of,"rules of Sigma and Falco")
$(O)/man/reel-sigma.7: replay/SIGMA.md format/install/man.py
	$(call page_of,"what is taken of Sigma")

# It stands before the C library, and makes its calls fail.
$(O)/fault.so: tests/crash/fault.c tests/crash/fault.h Makefile
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(common) -O2 -fPIC -shared -U_FORTIFY_SOURCE $(CPPFLAGS) $(CFLAGS) -o $@ $<

# The kernel's headers know the calls of each ABI; x32 has the numbers of x86_64 and some of its own,
# all with one bit set that the tables leave out.
header_x86_64 := unistd_64.h
header_i386 := unistd_32.h
header_x32 := unistd_x32.h

$(abis:%=$(gen)/syscalls_%.h): $(gen)/syscalls_%.h: Makefile
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include <asm/$(header_$*)>' | $(CC) -E -dM - | \
		sed -nE 's/^#define __NR_([a-z0-9_]+) \(?(__X32_SYSCALL_BIT *\+ *)?([0-9]+)\)?$$/[\3] = "\1",/p' | \
		sort -t'[' -k2n > $@
	$(Q)test -s $@

# The programs that the kernel runs, whatever the flavour: for kernels where they may load from an
# address (6.2 and later), and for those where they call a helper to read there.
$(gen)/reel.bpf.o: direct_loads := 1
$(gen)/reel_old.bpf.o: direct_loads := 0
$(gen)/reel.bpf.o $(gen)/reel_old.bpf.o: bpf/reel.bpf.c Makefile
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_CC) $(bpf_flags) -DDIRECT_LOADS=$(direct_loads) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@.debug $<
	$(Q)$(BPFTOOL) gen object $@ $@.debug
	$(Q)rm $@.debug

$(gen)/%.bpf.o: tests/bench/%.bpf.c Makefile
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_CC) $(bpf_flags) -MMD -MP -c -o $@ $<

$(gen)/record_%.skel.h: $(gen)/record_%.bpf.o
	$(call msg,GEN,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name record_$*_bpf > $@

$(skeletons): $(gen)/%.skel.h: $(gen)/%.bpf.o
	$(call msg,GEN,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The page of reel report: its files, and of D3 what it uses, in the order in which they need each
# other. A file is an array. What ends a script too early would end it in every report.
d3 := path array dispatch selection color interpolate format time time-format scale axis shape timer ease drag \
	transition zoom brush
d3_root ?= /usr/share
report_page := $(wildcard query/report/*)
report_script := $(patsubst %,query/report/%.js,base model summary findings timeline tables attack start)

$(gen)/report_files.h: $(report_page) Makefile
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)for m in $(d3); do test -r $(d3_root)/nodejs/d3-$$m/dist/d3-$$m.min.js || \
		{ echo "d3-$$m, of the package node-d3, is not there: make deps" >&2; exit 1; }; done
	$(Q)for m in $(d3); do cat $(d3_root)/nodejs/d3-$$m/dist/d3-$$m.min.js; echo; done > $(gen)/report_library
	$(Q)for m in $(d3); do cat $(d3_root)/doc/node-d3-$$m/copyright; echo; done | \
		awk 'BEGIN { RS = ""; ORS = "\n\n" } !seen[$$0]++' > $(gen)/report_licences
	$(Q)cat $(report_script) > $(gen)/report_script
	$(Q)! grep -i '</script\|<!--' $(gen)/report_library $(gen)/report_script
	$(Q)! grep -i '</style' query/report/page.css
	$(Q)for f in html=query/report/page.html css=query/report/page.css js=$(gen)/report_script \
		library=$(gen)/report_library licences=$(gen)/report_licences; do \
		echo "static const unsigned char page_$${f%%=*}[] = {" && \
		od -An -v -tu1 "$${f#*=}" | sed 's/  */,/g; s/^,//; s/$$/,/' && echo '};'; \
	done > $@

-include $(shell find $(O) -name '*.d' 2>/dev/null)

# The other flavours ------------------------------------------------------------------------------

programs: all $(unit:%=$(O)/unit/%) $(record_unit:%=$(O)/unit/%) \
	$(bench:%=$(O)/bench/%) $(record_bench:%=$(O)/bench/%) $(e2e:%=$(O)/e2e/%) $(O)/fault.so

clang: $(O)/clang/reel $(O)/clang/reel-record $(unit:%=$(O)/clang/unit/%) \
	$(record_unit:%=$(O)/clang/unit/%) $(bench:%=$(O)/clang/bench/%) \
	$(record_bench:%=$(O)/clang/bench/%) ## build all with clang too

asan: $(O)/asan/reel $(O)/asan/reel-record $(unit:%=$(O)/asan/unit/%) \
	$(record_unit:%=$(O)/asan/unit/%) ## build with the sanitizers

tsan: $(O)/tsan/reel $(threaded:%=$(O)/tsan/unit/%) ## build with the sanitizer of threads

fuzzers: $(fuzz:%=$(O)/fuzz/%)

# Checks ------------------------------------------------------------------------------------------

# What building and the demonstration need; and what tests need besides.
build_packages := binutils bpftool clang gcc libbpf-dev libc6-dev libelf-dev libpcre2-dev libsodium-dev libsqlite3-dev \
	libxxhash-dev libyaml-dev libzstd-dev linux-libc-dev make node-d3 pkg-config procps python3 sqlite3
test_packages := btrfs-progs busybox-static chromium clang-format debhelper dmsetup e2fsprogs file fish jq libclang-rt-dev \
	lintian mandoc python3-nacl python3-xxhash python3-yaml python3-zstandard qemu-system-x86 strace tmux xfsprogs \
	xz-utils zsh

# $(call apt,packages): those that are missing.
apt = command -v dpkg-query >/dev/null || \
		{ echo "not a Debian system; needed: $(1)"; exit 0; }; \
	missing=; \
	for p in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || \
			missing="$$missing $$p"; \
	done; \
	test -n "$$missing" || exit 0; \
	echo "  DEPS  $$missing"; \
	as_root=; test "$$(id -u)" = 0 || as_root="sudo -n"; \
	apt="$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"; \
	install="$$apt install -y --no-install-recommends $$missing"; \
	$$install >/dev/null 2>&1 || { $$apt update && $$install; }

deps: ## install what building and testing need (Debian); does nothing when all is there
	$(Q)$(call apt,$(build_packages) $(test_packages))

build-deps: ## install what building needs, and the demonstration
	$(Q)$(call apt,$(build_packages))

# What others use. What would start a service where it is installed is only taken out of its package,
# to where bench.py looks.
bench_packages := bpftrace linux-perf trace-cmd wrk zstd
bench_unpacked := nginx
bench_cache = $${XDG_CACHE_HOME:-$$HOME/.cache}/reel-bench/deb

bench-deps: deps ## install what reel is compared with; does nothing when all is there
	$(Q)$(call apt,$(bench_packages))
	$(Q)mkdir -p $(bench_cache) && cd $(bench_cache) && for p in $(bench_unpacked); do \
		test -d $$p || { apt-get -qq download $$p && dpkg -x $${p}_*.deb $$p && rm $${p}_*.deb; } || exit; \
	done

# The packages come first, whatever -j says: only then is it known that the rest can be built.
test: deps ## install what is missing, build every flavour, run every test
	+$(Q)$(MAKE) --no-print-directory test-built

test-built: programs clang asan tsan fuzzers
	$(Q)$(PYTHON) tests/run

# What is tried by chance in "make test", as often as that many times, or whole.
COUNT ?= 10

crash: deps ## kill, starve and cut the power of the recorder, COUNT (10) times as often as a test does
	+$(Q)$(MAKE) --no-print-directory programs
	$(Q)REEL_TRIES=$(CURDIR)/$(O)/tries.jsonl FAULT_PART=1 CRASH_COUNT=$(COUNT) \
		POWERCUTS=$$((25 * $(COUNT))) POWERCUT_FS=ext4,xfs,btrfs \
		$(PYTHON) tests/run --jobs 1 --slow 20 crash/kill9 crash/fulldisk crash/faults \
		crash/recorder crash/powercut crash/machine

soak: deps ## record and follow for SOAK_SECONDS (1800)
	+$(Q)$(MAKE) --no-print-directory programs
	$(Q)REEL_TRIES=$(CURDIR)/$(O)/tries.jsonl SOAK_SECONDS=$(SOAK_SECONDS) \
		$(PYTHON) tests/run --slow 100 crash/soak

test-quick: programs ## unit and command-line tests of the default build only
	$(Q)$(PYTHON) tests/run --quick

test-kernel: deps ## end-to-end tests on Debian's 6.1 kernel, in QEMU
	+$(Q)$(MAKE) --no-print-directory programs
	$(Q)tests/kernel/run

test-clean: deps ## a Debian 12 with git and make in a directory: the demo, an installation, the README
	$(Q)command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y debootstrap >/dev/null
	$(Q)tests/clean_root

trust: deps ## run the tests that count, write tests/TRUST.md
	+$(Q)$(MAKE) --no-print-directory programs asan fuzzers
	$(Q)$(PYTHON) tests/trust

lint: $(O)/reel $(O)/reel-record $(rooms:%=$(O)/libreel-%.a) ## formatting, dependency direction, manual pages
	$(Q)$(PYTHON) tests/lint

fuzz: fuzzers ## run each fuzzer for FUZZ_SECONDS (600) of CPU time
	$(Q)REEL_TRIES=$(CURDIR)/$(O)/tries.jsonl $(PYTHON) tests/fuzz/long.py $(FUZZ_SECONDS) $(fuzz)

fuzz-%: $(O)/fuzz/%
	$(Q)REEL_TRIES=$(CURDIR)/$(O)/tries.jsonl $(PYTHON) tests/fuzz/long.py $(FUZZ_SECONDS) $*

# What it found is added to the corpus in the tree, which then has one input for each edge.
fuzz-merge-%: $(O)/fuzz/%
	$(call msg,MERGE,$*)
	$(Q)rm -rf $(O)/fuzz/merged/$*
	$(Q)mkdir -p $(O)/fuzz/merged/$* $(O)/fuzz/corpus/$*
	$(Q)$< -merge=1 -use_counters=0 -verbosity=0 $(O)/fuzz/merged/$* tests/fuzz/corpus/$* \
		$(O)/fuzz/corpus/$*
	$(Q)rm -rf tests/fuzz/corpus/$*
	$(Q)cp -R $(O)/fuzz/merged/$* tests/fuzz/corpus/$*

bench-programs: all $(bench:%=$(O)/bench/%) $(record_bench:%=$(O)/bench/%)

bench: bench-programs ## measure reel beside what else there is, write tests/bench/RESULTS.md
	$(Q)$(PYTHON) tests/bench/bench.py

# One section of it; the others stay as they were.
$(bench_sections:%=bench-%): bench-%: bench-programs
	$(Q)$(PYTHON) tests/bench/bench.py --only $*

bench-quick: bench-programs ## the ratios that must not rot, in a minute or two
	$(Q)$(PYTHON) tests/bench/bench.py --quick

bench-query: bench-programs ## measure asking SQL of captures
	$(Q)REEL=$(CURDIR)/$(O)/reel BENCH=$(CURDIR)/$(O)/bench SRC=$(CURDIR) \
		$(PYTHON) tests/bench/query.py

demo: build-deps ## build and show it at work
	+$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) all
	$(Q)REEL=$(CURDIR)/$(O)/reel SRC=$(CURDIR) tests/demo.sh

# The rest ----------------------------------------------------------------------------------------

# $(call placed,mode,directory,files...) and $(call filled,file,where): with this PREFIX in it.
placed = install -D -m $(1) -t $(DESTDIR)$(2) $(3)
filled = install -d $(dir $(DESTDIR)$(2)) && sed -e 's,/usr/local/,$(PREFIX)/,; s,/etc/reel,$(SYSCONFDIR)/reel,' \
	-e 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@VERSION@,$(version),' $(1) > $(DESTDIR)$(2) && \
	chmod 644 $(DESTDIR)$(2)

install: all ## install under DESTDIR/PREFIX (/usr/local)
	$(call placed,755,$(PREFIX)/bin,$(O)/reel $(O)/reel-record)
	$(call placed,644,$(PREFIX)/lib/reel,$(O)/reel.so)
	$(call placed,644,$(LIBDIR),$(O)/libreel.so.1)
	ln -sf libreel.so.1 $(DESTDIR)$(LIBDIR)/libreel.so
	install -m 644 $(O)/libreel-format.a $(DESTDIR)$(LIBDIR)/libreel.a
	$(call placed,644,$(PREFIX)/include/reel,format/reel.h)
	$(call placed,644,$(PREFIX)/share/doc/reel,format/install/example.c)
	$(call filled,format/install/reel.pc.in,$(LIBDIR)/pkgconfig/reel.pc)
	$(call placed,644,$(PREFIX)/share/reel/policies,samples/policies/*.policy)
	$(call placed,644,$(PREFIX)/share/reel/queries,samples/queries/*.sql)
	$(call filled,record/reel.service,$(UNITDIR)/reel.service)
	$(call filled,record/reel-snapshot.service,$(UNITDIR)/reel-snapshot.service)
	$(call filled,record/reel-snapshot.timer,$(UNITDIR)/reel-snapshot.timer)
	$(call filled,record/reel.tmpfiles,$(PREFIX)/lib/tmpfiles.d/reel.conf)
	test -e $(DESTDIR)$(SYSCONFDIR)/reel/record.conf || $(call placed,644,$(SYSCONFDIR)/reel,record/record.conf)
	install -D -m 644 format/completions/reel.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/reel
	$(call placed,644,$(ZSHDIR),format/completions/_reel)
	$(call placed,644,$(PREFIX)/share/fish/vendor_completions.d,format/completions/reel.fish)
	$(foreach page,$(man_pages) $(made_pages),$(call placed,644,$(PREFIX)/share/man/man$(subst .,,$(suffix $(page))),$(page)) &&) :

deb: deps ## build Debian packages in .output/deb
	+$(Q)$(MAKE) --no-print-directory all
	$(Q)format/deb/build $(CURDIR)/$(O)/deb

clean: ## remove all that was made
	rm -rf $(O)

help: ## show this
	$(Q)sed -nE 's/^([a-z-]+):.* ## (.*)/  make \1\t\2/p' Makefile | expand -t 22
