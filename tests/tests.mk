# Tests, fuzzers, lint and benchmarks. `make check` sums up what each part counted.

PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider
FUZZ_CXX ?= clang++-14
SECONDS ?= 60

# What a program test uses of the benchmarks.
relay_beds := $(addprefix $(B)/bench/,sink floor_relay)
fuzz_names := $(basename $(notdir $(filter-out %/replay_main.cpp,$(wildcard tests/fuzz/*.cpp))))
program_objects := $(call without_main,$(sendmail_objects) $(mailq_objects) $(newaliases_objects) $(spool_objects) \
  $(mail_objects) $(filter-out $(mail_objects),$(mime_objects)))
test_libraries = $(INIH) $(CDB) -lcurl -lssl -lcrypto $(READLINE) $(GMIME)

# The unit tests compile in a third of the time so. They are not what is measured, nor what sanitizers watch: inline
# functions that programs use as well are the programs', whose objects are linked first. (What is precompiled is no
# system header to gcc 12 any more, and it warns of what it inlines from its own library.)
unit_precompiled := $(B)/obj/tests/unit/precompiled.h
$(unit_objects) $(unit_precompiled).gch: CXXFLAGS_ROOM := -O1 -fno-sanitize=all -Wno-array-bounds -Wno-stringop-overflow
ifneq ($(VARIANT),fuzz)
unit_tests := $(filter-out %/unit/main.o,$(unit_objects))
$(unit_tests): CXXFLAGS_PCH := -include $(unit_precompiled)
$(unit_tests): $(unit_precompiled).gch
$(unit_precompiled).gch: tests/unit/precompiled.h Makefile
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -x c++-header $< -o $@
endif

$(B)/tests/unit: $(program_objects) $(lib_objects) $(unit_objects)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS_ALL) $^ $(test_libraries) -o $@

$(B)/tests/replay-%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay_main.o $(program_objects) $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS_ALL) $^ $(test_libraries) -o $@

$(B)/tests/faultrun: $(wildcard tests/crash/faultrun*)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) -std=c++20 -O2 -Wall -Wextra tests/crash/faultrun.cpp -o $@

$(B)/tests/clock.so: tests/support/clock.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -fPIC -shared $< -o $@

# What a delivery agent calls, the MIME helper's client, and what a reader does to a mailbox, each to be watched alone.
drivers := $(addprefix $(B)/tests/,deliver mime mailbox_driver)
$(drivers): $(B)/tests/%: $(B)/obj/tests/support/%.o $(program_objects) $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS_ALL) $^ $(test_libraries) -o $@

.SECONDARY:
.PHONY: tests
tests: $(programs) $(B)/tests/unit $(fuzz_names:%=$(B)/tests/replay-%) $(B)/tests/faultrun $(B)/tests/clock.so \
  $(drivers) $(relay_beds)

.PHONY: setup check check-unit check-corpus check-cli check-crash
setup:
	@tests/setup

check: setup
	@$(MAKE) --no-print-directory tests
	@tests/check --variant $(VARIANT)

check-unit check-corpus check-cli check-crash: check-%: tests
	@tests/check --variant $(VARIANT) $*

# Runs each fuzzer for a while, beginning from its corpus. What it finds lies in build/fuzz.
.PHONY: fuzz
fuzz:
	@tests/setup fuzz
	@$(MAKE) --no-print-directory VARIANT=fuzz CXX=$(FUZZ_CXX) fuzzers
	@for name in $(fuzz_names); do \
	  mkdir -p build/fuzz/corpus/$$name build/fuzz/findings; \
	  echo "== $$name, $(SECONDS) s"; \
	  build/fuzz/tests/fuzz-$$name -max_total_time=$(SECONDS) -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=build/fuzz/findings/$$name- build/fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

.PHONY: fuzzers
fuzzers: $(fuzz_names:%=$(B)/tests/fuzz-%)
$(B)/tests/fuzz-%: $(B)/obj/tests/fuzz/%.o $(program_objects) $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) -fsanitize=fuzzer,address,undefined $(LDFLAGS) $^ $(test_libraries) -o $@

.PHONY: lint
lint:
	@tests/setup lint
	@tests/lint/run

# The main job, shown with a throw-away configuration.
.PHONY: demo
demo:
	@tests/setup build
	@$(MAKE) --no-print-directory all
	@tests/support/demo.sh $(B)/bin

bench_programs := $(addprefix $(B)/bench/,pairs floor_submit floor_list floor_deliver floor_scan take_all make_spool raw_sender) $(relay_beds)

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -static $< -o $@

$(B)/bench/floor_list: tests/bench/floor_list.cpp
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) -std=c++20 -O2 -Wall -Wextra $< -o $@

$(B)/bench/make_spool: $(B)/obj/tests/bench/make_spool.o $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS_ALL) $^ -o $@

.PHONY: bench
bench: $(programs) $(bench_programs)
	/usr/bin/python3 -B tests/bench/bench.py $(B)

.PHONY: clean
clean:
	rm -rf build/release build/asan build/fuzz
